"""The commands for everyone at once: batch and embeddings; export.cli.commands adds them to the `triptych` command."""

from __future__ import annotations

from pathlib import Path

import click

from serving.cli.paths import FILE, FOLDER
from serving.errors import Failure


@click.command()
@click.argument("version", metavar="MODEL_OR_VERSION")
@click.option("--out", type=FILE, required=True, help="the Parquet file to write")
@click.option("-k", default=100, show_default=True, type=click.IntRange(min=1), help="how many items for each user")
@click.option("--unseen", is_flag=True, help="leave out what a user already had when the model was trained")
@click.option("--users", "users_file", type=FILE, help="only these: a text file with an id in each line")
@click.option("--models", type=FOLDER, default="models", show_default=True, help="models folder")
def batch(*, version: str, out: Path, k: int, unseen: bool, users_file: Path | None, models: Path) -> None:
    """Write each user's list into one Parquet file.

    Its columns are user_id, items, scores and known.
    A run that was stopped goes on where it was, when the same is asked again.

    Example: triptych batch two_tower --out lists.parquet -k 100 --unseen
    """
    from export.bulk.batch import Job
    from export.bulk.batch import batch as write

    _writable(out)
    users = _users(users_file) if users_file else None
    count = write(Job(version=find_version(version, models), k=k, unseen=unseen), out, users)
    click.echo(f"wrote the lists of {count:,} users to {out}")


@click.command()
@click.argument("version", metavar="MODEL_OR_VERSION")
@click.option("--out", "folder", type=FOLDER, required=True, help="the folder to write into")
@click.option("--models", type=FOLDER, default="models", show_default=True, help="models folder")
def embeddings(*, version: str, folder: Path, models: Path) -> None:
    """Write a version's vectors for other programs.

    They are users.parquet and items.parquet, and vectors.tsv and metadata.tsv for the projector.
    The dot product of a user's vector and an item's ranks as the model does.

    Example: triptych embeddings two_tower --out embeddings
    """
    found = find_version(version, models)
    from export.cli.heavy import with_tensorflow

    with_tensorflow()
    from export.bulk.embeddings import write_embeddings

    written = write_embeddings(found, folder)
    users, items = len(written.users), len(written.items)
    click.echo(f"wrote {users:,} users and {items:,} items, {written.items.shape[1]} components each, to {folder}")


def find_version(named: str, models: Path) -> Path:
    """Find the version that is meant: a version's folder, a model's folder or a model's name; of the latter the newest.

    Raises:
        Failure: there is none.
    """
    from serving.version.numbering import version_folders
    from serving.version.saved_model import is_saved_model

    for folder in (Path(named), models / named):
        if is_saved_model(folder):
            return folder
        versions = {number: path for number, path in version_folders(folder).items() if is_saved_model(path)}
        if versions:
            return versions[max(versions)]
    raise Failure(f"no version at {named} nor in {models / named}, expected a version's folder or a model's name")


def _users(file: Path) -> list[str]:
    try:
        text = file.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise Failure(f"{file} is no UTF-8 text, expected an id in each line") from error
    # Not splitlines: an id may hold what Unicode takes for the end of a line.
    users = text.removesuffix("\n").split("\n") if text else []
    empty = next((number for number, user in enumerate(users, start=1) if not user), None)
    if empty:
        raise Failure(f"line {empty} of {file} is empty, expected a user's id")
    return users


def _writable(out: Path) -> None:
    """Refuse before the work what could not be written after it."""
    beside = out.with_name(out.name + ".tmp")
    try:
        beside.touch()
        beside.unlink()
    except OSError as error:
        raise Failure(f"{out} cannot be written: {error.strerror}") from error
