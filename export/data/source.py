"""What is read, and how: the data that the command line names; standard library only."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from serving.errors import Failure

REQUIRED = ("user_id", "item")
OPTIONAL = ("rating", "timestamp")

NAMES = (*REQUIRED, *OPTIONAL, "title", "items.item", "users.user_id")
"""What ``--columns`` may name: columns of the interactions, that of titles in the file of items, and the ids of the
files of items and users where they are called something else there."""

SIZES = ("100k", "1m", "20m", "25m", "latest-small")
"""What there is of MovieLens."""

NAMED = {"tab": "\t", r"\t": "\t", "comma": ",", "semicolon": ";", "pipe": "|"}
"""Separators that a shell makes hard to type."""


@dataclass(frozen=True, kw_only=True)
class Source:
    """Interactions by name: a MovieLens size, or files and folders of one's own.

    Attributes:
        data: a size such as ``100k``, or paths, which are read as one table.
        columns: our name of a column -> the name it has there, or its number, from 1, where files have no header.
        items: a file, or a folder, with a row for each item: its tags; None: items have none.
        users: the same of users.
        separator: what parts the columns of a text file; None: found from its first line.
        encoding: of text files; None: UTF-8, or what a byte order mark says.
        min_rating: read only rows with this rating or a higher one; None: every row, and no rating.
        movie_ids: of MovieLens, take movie ids for items, not titles, and keep each row's place in the original file.
    """

    data: tuple[str, ...] = ("100k",)
    columns: Mapping[str, str] = field(default_factory=dict)
    items: str | None = None
    users: str | None = None
    separator: str | None = None
    encoding: str | None = None
    min_rating: float | None = None
    movie_ids: bool = False

    @property
    def name(self) -> str:
        """Name the data as it was asked for."""
        return ", ".join(self.data)

    @property
    def origin(self) -> str:
        """Name the data with the files that describe it."""
        described = (("items", self.items), ("users", self.users))
        return ", ".join([self.name, *(f"{side} {file}" for side, file in described if file)])

    @property
    def own(self) -> bool:
        """Tell files of one's own from MovieLens: by a suffix, by being there, or by being several."""
        return len(self.data) > 1 or bool(Path(self.data[0]).suffix) or "/" in self.name or Path(self.name).exists()

    def theirs(self, name: str) -> str:
        """Find what one of our columns is called in the files."""
        return self.columns.get(name, name)


def columns(given: Iterable[str]) -> dict[str, str]:
    """Read ``user_id=userId,item=movieId``, once or in several pieces.

    >>> columns(["user_id=userId,item=movieId"])
    {'user_id': 'userId', 'item': 'movieId'}

    Raises:
        Failure: a piece is no pair, or names a column twice or one that does not exist.
    """
    found: dict[str, str] = {}
    for piece in (piece for text in given for piece in next(csv.reader([text]), [])):
        ours, equals, theirs = (part.strip() for part in piece.partition("="))
        if not (ours and equals and theirs):
            raise Failure(f"--columns has {piece!r}, expected OURS=THEIRS such as user_id=userId")
        if ours in found:
            raise Failure(f"--columns names {ours!r} twice, expected once")
        if ours not in NAMES:
            raise Failure(f"--columns names {ours!r}, expected one of {', '.join(NAMES)} before the =")
        found[ours] = theirs
    return found


def separator(given: str | None) -> str | None:
    r"""Read a separator, also by its name.

    >>> separator("tab"), separator(";"), separator(None)
    ('\t', ';', None)

    Raises:
        Failure: it is empty, or a character that has another meaning in a text file.
    """
    if given is None:
        return None
    found = NAMED.get(given.lower(), given)
    if not found or set(found) & set('"\r\n'):
        raise Failure(f"--separator is {given!r}, expected what parts two columns, such as ';' or tab")
    return found
