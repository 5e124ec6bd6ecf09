"""What is read: the flags of every command that takes data, and `triptych data`, which shows what comes of them."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

from export.cli.heavy import with_tensorflow
from export.data.source import SIZES, Source, columns, encoding, separator
from serving.errors import Failure

if TYPE_CHECKING:  # numpy comes with it
    from export.data.interactions import Interactions

Command = Callable[..., Any]

SHOWN = 5
"""Ids, and tags, that are shown."""


def _columns(text: str) -> Callable[[Command], Command]:
    return click.option("--columns", multiple=True, metavar="OURS=THEIRS,…", help=text)


FORMAT = (
    click.option("--separator", help="what parts the columns of text files; found when not given"),
    click.option("--encoding", help="of text files, such as cp1252; UTF-8 unless marked otherwise"),
    click.option("--min-rating", type=float, help="read only rows with at least this rating; each row when not given"),
)

FLAGS = (
    click.option(
        "--data",
        multiple=True,
        default=["100k"],
        show_default=True,
        help=f"MovieLens of this size ({', '.join(SIZES)}), or a file (.csv, .tsv, .dat, .parquet …) or a folder of "
        "such files; may be repeated",
    ),
    click.option(
        "--items", metavar="FILE", help="a row for each item, of files of your own: any column but the id gives tags"
    ),
    click.option(
        "--users",
        multiple=True,
        metavar="FILE",
        help="a row for each user, of files of your own: any column but the id gives tags",
    ),
    _columns(
        "what user_id, item, rating, timestamp are called in the files: user_id=userId,item=movieId; title: titles "
        "in --items to call items by; items.item, users.user_id: ids in --items, --users, if called otherwise"
    ),
    *FORMAT,
    click.option(
        "--weight", metavar="COLUMN", help="what each row counts for, above 0; all count alike when not given"
    ),
)


def data_flags(command: Command) -> Command:
    """Add the flags that say what is read; ``source`` takes them out of what the command is given."""
    for option in reversed(FLAGS):
        command = option(command)
    return command


def format_flags(command: Command) -> Command:
    """Add those of the flags that say how the files of ``--interactions`` are read; ``source`` takes them, too."""
    text = "what user_id, item, rating, timestamp are called in --interactions: user_id=userId,item=movieId"
    for option in reversed((_columns(text), *FORMAT)):
        command = option(command)
    return command


def source(given: dict[str, Any]) -> Source:
    """Take the flags of ``data_flags``, or ``format_flags`` and the data, out of those given.

    Raises:
        Failure: one of them cannot be meant.
    """
    named = columns(given.pop("columns"))
    files = {"items": given.pop("items", None), "users": _one(given.pop("users", ()))}
    for name, side in {"title": "items", "items.item": "items", "users.user_id": "users"}.items():
        if name in named and files[side] is None:
            raise Failure(
                f"--columns names {name!r}, a column of a file that describes {side}, and no such file is read"
            )
    return Source(
        **files,
        data=tuple(given.pop("data")),
        columns=named,
        separator=separator(given.pop("separator")),
        encoding=encoding(given.pop("encoding")),
        min_rating=_finite(given.pop("min_rating")),
        weight=given.pop("weight", None),
    )


def _finite(least: float | None) -> float | None:
    if least is not None and not math.isfinite(least):
        raise Failure(f"--min-rating is {least:g}, expected a number")
    return least


def _one(files: tuple[str, ...]) -> str | None:
    """Take the one file of users; the flag may be repeated for ``evaluate``, where it has a second meaning."""
    if len(files) > 1:
        raise Failure(f"--users is given {len(files)} times, expected one file, or a folder of files")
    return files[0] if files else None


def load(source: Source) -> Interactions:
    """Read interactions: files of one's own without TensorFlow, so that what is wrong with them is told at once.

    Raises:
        Failure: see ``export.data.reading.read`` and ``export.data.movielens.load``.
    """
    if source.own:
        from export.data.reading import read

        return read(source)
    for flag, passed, own in (
        ("--columns", source.columns, "columns"),
        ("--items", source.items, "tags"),
        ("--users", source.users, "tags"),
        ("--weight", source.weight, "ratings, and --min-rating for them"),
    ):
        if passed:
            raise Failure(f"{flag} is for files of your own, and {source.name} is none: MovieLens has its {own}")
    with_tensorflow()
    from export.data import movielens

    return movielens.load(source.name, min_rating=source.min_rating, movie_ids=source.movie_ids)


@click.command("data")
@data_flags
def show_data(**given: Any) -> None:
    r"""Read data as training would, and show what comes of it.

    It shows rows, users, items, times, tags.

    \b
    triptych data --data ratings.csv --columns user_id=userId,item=movieId
    """
    interactions = load(source(given))
    click.echo(f"{len(interactions):,} interactions of {_some('users', interactions.users)}")
    click.echo(f"with {_some('items', interactions.items)}")
    click.echo(_times(interactions))
    popularity = interactions.popularity()
    best = sorted(range(len(popularity)), key=lambda item: (-popularity[item], item))[:SHOWN]
    click.echo("most of them with " + ", ".join(f"{interactions.items[i]!r} ({popularity[i]:,})" for i in best))
    for side, tags in (("users", interactions.user_tags), ("items", interactions.item_tags)):
        counts = Counter(tag for own in tags for tag in own)
        if counts:
            kinds = ", ".join(sorted({tag.partition(":")[0] for tag in counts}))
            click.echo(f"tags of {side}: {kinds}; {sum(map(bool, tags)):,} of them have some")
            click.echo(f"most often {_most(counts)}")


def _some(kind: str, names: Any) -> str:
    """Count ids, and show the first of them as they are spelt."""
    more = ", …" if len(names) > SHOWN else ""
    return f"{len(names):,} {kind}: {', '.join(map(repr, names[:SHOWN].tolist()))}{more}"


def _most(counts: Counter[str]) -> str:
    best = sorted(counts, key=lambda tag: (-counts[tag], tag))[:SHOWN]
    return ", ".join(f"{tag!r} ({counts[tag]:,})" for tag in best)


def _times(interactions: Interactions) -> str:
    if not interactions.has_times():
        return "no times"
    ends = interactions.timestamp.min(), interactions.timestamp.max()
    first, last = (str(end.astype("datetime64[s]")).replace("T", " ") for end in ends)
    return f"from {first} to {last} UTC"
