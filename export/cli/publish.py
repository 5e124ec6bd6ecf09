"""The command `triptych publish`: own vectors in, a proven version out."""

from __future__ import annotations

from pathlib import Path

import click

FILE = click.Path(path_type=Path, dir_okay=False)
FOLDER = click.Path(path_type=Path, file_okay=False)


@click.command()
@click.argument("name")
@click.option("--users", "user_file", type=FILE, required=True, help="the users' ids and vectors: .parquet or .npz")
@click.option("--items", "item_file", type=FILE, required=True, help="the items' ids and vectors: .parquet or .npz")
@click.option("--interactions", metavar="DATA", help="who has had what: a .csv or .parquet file of user_id and item")
@click.option("--models", "folder", type=FOLDER, default="models", show_default=True, help="models folder")
@click.option("--keep", default=3, show_default=True, type=click.IntRange(min=0), help="old versions to keep")
def publish(*, name: str, user_file: Path, item_file: Path, interactions: str | None, folder: Path, keep: int) -> None:
    """Publish vectors that were trained elsewhere.

    They become the next version of the model NAME.

    A user's score of an item is the product of their vectors and, if there are any, the biases. Parquet has a column
    id, perhaps bias, and one column of lists or a column of numbers for each component; npz has ids, vectors, biases.

    Example: triptych publish als --users users.parquet --items items.parquet --interactions ratings.csv
    """
    from export.data import reading
    from export.data.source import Source
    from export.vectors import files
    from export.vectors.publish import check, publish_sides
    from export.vectors.sides import Side, interactions_over

    users, items = (Side.of(str(file), *files.read(file)) for file in (user_file, item_file))
    check(name, users, items)
    given = reading.read(Source(data=(interactions,))) if interactions else None
    over = interactions_over(users, items, given)
    data = ", ".join(Path(part).name for part in (user_file, item_file, interactions) if part)
    version = publish_sides(name, users, items, over, data=data, models=folder, keep=keep)
    click.echo(f"{version}: {len(users.names)} users, {len(items.names)} items, {users.vectors.shape[1]} components")
    if given is None:
        click.echo("without interactions: unseen leaves nothing out, and a user that is not among these gets nothing")
    elif len(over) < len(given):
        click.echo(f"{len(given) - len(over)} of {len(given)} interactions are of a user or an item without a vector")
