"""The commands for where models are hosted and shown: pack, card. serving.cli adds them to `triptych`."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import click

from serving.cli.paths import PATH
from serving.printable import printable


@click.command()
@click.argument("paths", nargs=-1, required=True, metavar="PATH…", type=PATH)
@click.option(
    "--for",
    "platform",
    type=click.Choice(["sagemaker", "triton"]),
    default="sagemaker",
    show_default=True,
    help="An archive with version folders at its root, or a model repository with a model for each signature.",
)
@click.option("--out", type=PATH, help="model.tar.gz or model_repository, if not given.")
def pack(*, paths: tuple[Path, ...], platform: Literal["sagemaker", "triton"], out: Path | None) -> None:
    r"""Pack versions for a hosting platform.

    A path is a version's folder, or a model's, of which the newest version is taken.

    \b
    triptych pack models/two_tower --out model.tar.gz
    triptych pack models/two_tower/7 --for triton --out model_repository
    """
    from serving.hosting.pack import pack_sagemaker, pack_triton
    from serving.version.find import find

    versions = [version for path in paths for version in find(path)]
    if platform == "sagemaker":
        out = out or Path("model.tar.gz")
        pack_sagemaker(versions, out)
        click.echo(printable(out))
        return
    for version in versions:
        for name in pack_triton(version, out or Path("model_repository")):
            click.echo(printable((out or Path("model_repository")) / name))


@click.command()
@click.argument("version", metavar="VERSION", type=PATH)
@click.option("--out", type=PATH, help="Write it there instead of printing it.")
def card(*, version: Path, out: Path | None) -> None:
    r"""Write a version's model card.

    It is Markdown with the YAML head that model hubs read, from what the version carries.

    \b
    triptych card models/two_tower/7 --out card.md
    """
    from serving.errors import Failure
    from serving.hosting.card import model_card
    from serving.version.find import find
    from serving.version.inspect import inspect

    (folder, *_) = find(version)
    text = model_card(inspect(folder))
    if out is None:
        click.echo("\n".join(map(printable, text.split("\n"))), nl=False)
    else:
        if out.exists():
            raise Failure(f"{out} is there already, expected the name of a new file")
        out.write_text(text, encoding="utf-8")
        click.echo(printable(out))
