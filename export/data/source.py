"""What is read, and how: the data that the command line names; standard library only."""

from __future__ import annotations

import codecs
import csv
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from serving.errors import Failure

REQUIRED = ("user_id", "item")
OPTIONAL = ("rating", "timestamp")

NAMES = (*REQUIRED, *OPTIONAL, "title", "items.item", "users.user_id")
"""What ``--columns`` may name: columns of the interactions, that of titles in the file of items, and the ids of the
files of items and users where they are called something else there."""

HEADINGS = {"user", "userid", "item", "itemid", "movieid", "rating", "timestamp"}
"""First cells of a column, in small letters and digits, that are no ids and no times but a header."""

SIZES = ("100k", "1m", "20m", "25m", "latest-small")
"""What there is of MovieLens."""

PROBE = "a,b\n"
"""What any encoding of text can write."""

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
        weight: the column of what each row counts for; None: all count alike.
        movie_ids: of MovieLens, take movie ids for items, not titles, and keep each row's place in the original file.
    """

    data: tuple[str, ...] = ("100k",)
    columns: Mapping[str, str] = field(default_factory=dict)
    items: str | None = None
    users: str | None = None
    separator: str | None = None
    encoding: str | None = None
    min_rating: float | None = None
    weight: str | None = None
    movie_ids: bool = False

    @property
    def name(self) -> str:
        """Name the data as it was asked for."""
        return ", ".join(self.data)

    @property
    def origin(self) -> str:
        """Name the data with the files that describe it and the column that weighs it."""
        described = (("items", self.items), ("users", self.users), ("weight", self.weight))
        return ", ".join([self.name, *(f"{side} {file}" for side, file in described if file)])

    @property
    def own(self) -> bool:
        """Tell files of one's own from MovieLens: by a suffix, by being there, or by being several."""
        return len(self.data) > 1 or bool(Path(self.data[0]).suffix) or "/" in self.name or Path(self.name).exists()

    def numbered(self, path: Path, first: Sequence[str]) -> bool:
        """Tell whether columns are called by numbers, and the ``first`` row of a file is no header.

        A row of numbers is no header for having those of the columns: ids begin at 1, as columns do. What may be one is
        0, 1, 2 …, as pandas numbers columns without names, and is taken for one where 0, no place, is asked for.

        Raises:
            Failure: they are, and it is one, or may be one.
        """
        given, required = set(self.columns.values()), {self.theirs(name) for name in REQUIRED}
        if not given or not all(map(str.isdecimal, given)):
            return False
        if given <= set(first):
            if "0" in given or not required <= given:
                return False
            counted = [str(number) for number in range(len(first))]
            if list(first) in (counted, ["", *counted[:-1]]):
                raise Failure(
                    f"{path} begins with {','.join(first)}, a header or a row, which {' and '.join(sorted(given))} of "
                    "--columns fit both: expected a first line of names"
                )
        for number, cell in enumerate(first, 1):
            if str(number) in given and re.sub("[^a-z0-9]", "", cell.lower()) in HEADINGS:
                raise Failure(
                    f"{path} has a header ({', '.join(first)}), and --columns says {number} as if it had none: "
                    f"expected the name, {cell}"
                )
        return True

    def theirs(self, name: str) -> str:
        """Find what one of our columns is called in the files."""
        return self.columns.get(name, name)


def columns(given: Iterable[str]) -> dict[str, str]:
    """Read ``user_id=userId,item=movieId``, once or in several pieces.

    >>> columns(["user_id=userId,item=movieId"])
    {'user_id': 'userId', 'item': 'movieId'}

    Raises:
        Failure: a piece is no pair, names a column twice or one that does not exist, or one column is to be two.
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
    table = {name: found.get(name, name) for name in (*REQUIRED, *OPTIONAL) if name in REQUIRED or name in found}
    for name, theirs in table.items():
        if others := [other for other in table if table[other] == theirs and other != name]:
            raise Failure(f"--columns takes {theirs!r} for {name} and for {others[0]}, expected a column for each")
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
    if not found or set(found) & set('"\r\n\0'):
        raise Failure(f"--separator is {given!r}, expected what parts two columns, such as ';' or tab")
    return found


def encoding(given: str | None) -> str | None:
    """Read the name of an encoding of text; Python has others, such as ``hex``, of bytes.

    >>> encoding("cp1252"), encoding(None)
    ('cp1252', None)

    Raises:
        Failure: there is none of this name.
    """
    try:
        known = given is None or codecs.getincrementaldecoder(given)().decode(PROBE.encode(given)) == PROBE
    except (LookupError, ValueError, TypeError):  # a UnicodeError is a ValueError
        known = False
    if not known:
        raise Failure(f"--encoding is {given!r}, expected one such as utf-8, utf-16 or cp1252")
    return given
