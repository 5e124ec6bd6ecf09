"""The command `triptych publish`: own vectors in, a proven version out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from export.cli.data import format_flags, load, source
from export.cli.flags import HELD
from serving.cli.paths import FILE, FOLDER
from serving.errors import Failure


@click.command()
@click.argument("name")
@click.option("--users", "user_file", type=FILE, required=True, help="the users' ids and vectors: .parquet or .npz")
@click.option("--items", "item_file", type=FILE, required=True, help="the items' ids and vectors: .parquet or .npz")
@click.option("--interactions", metavar="DATA", multiple=True, help="who has had what, as --data of triptych train")
@format_flags
@click.option("--models", "folder", type=FOLDER, default="models", show_default=True, help="models folder")
@click.option("--keep", default=3, show_default=True, type=click.IntRange(min=0), help="old versions to keep")
@HELD
def publish(
    *,
    name: str,
    user_file: Path,
    item_file: Path,
    interactions: tuple[str, ...],
    folder: Path,
    keep: int,
    held_by: Path | None,
    **given: Any,
) -> None:
    r"""Publish vectors that were trained elsewhere.

    They become the next version of the model NAME.

    A user's score of an item is the product of their vectors and, if there are any, the biases. Parquet has a column
    id, perhaps bias, and one column of lists or a column of numbers for each component; npz has ids, vectors, biases.

    \b
    triptych publish als --users users.parquet --items items.parquet \
      --interactions ratings.csv
    """
    from export.vectors import files
    from export.vectors.publish import check, publish_sides
    from export.vectors.sides import Side, interactions_over

    if not interactions and any(given.values()):
        raise Failure(
            "--columns, --separator, --encoding and --min-rating say how --interactions is read: name it, too"
        )
    rows = source({**given, "data": interactions})
    users, items = (Side.of(str(file), *files.read(file)) for file in (user_file, item_file))
    check(name, users, items)
    had = load(rows) if interactions else None
    over = interactions_over(users, items, had)
    data = ", ".join(Path(part).name for part in (str(user_file), str(item_file), *interactions))
    version = publish_sides(name, users, items, over, data=data, models=folder, keep=keep, config=held_by)
    click.echo(f"{version}: {len(users.names)} users, {len(items.names)} items, {users.vectors.shape[1]} components")
    if had is None:
        click.echo("without interactions: unseen leaves nothing out, and a user that is not among these gets nothing")
    elif len(over) < len(had):
        click.echo(f"{len(had) - len(over)} of {len(had)} interactions are of a user or an item without a vector")
