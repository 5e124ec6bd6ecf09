"""A piece of a table: rows of the columns that are wanted, and where they were read, so that a cell can be named."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import numpy.typing as npt

from serving.errors import Failure

SHOWN = 60
"""Characters of a cell that a sentence shows at the most."""


@dataclass(frozen=True, kw_only=True)
class Piece:
    """Some rows of a file.

    Attributes:
        path: the file.
        first: rows of the file before these.
        columns: our name of a column -> its cells, an Arrow array; all of one length.
        named: our name of a column -> what it is called in the file.
        text: whether the file is text, where each cell is a string as it was written.
    """

    path: Path
    first: int
    columns: Mapping[str, Any]
    named: Mapping[str, str]
    text: bool

    def __len__(self) -> int:
        return len(next(iter(self.columns.values())))

    def refuse(self, name: str, bad: npt.NDArray[np.bool_], expected: str) -> None:
        """Refuse the first of the rows that `[n]` says are bad, with file, row, column and what it holds.

        Raises:
            Failure: one is.
        """
        if bad.any():
            self.refuse_row(name, int(bad.argmax()), expected)

    def refuse_row(self, name: str, row: int, expected: str) -> NoReturn:
        """Refuse a row, counted from 0 in this piece.

        Raises:
            Failure: always.
        """
        cell = self.columns[name][row].as_py()
        empty = cell is None or cell == "" or cell != cell  # noqa: PLR0124 - NaN is not itself
        held = "is empty" if empty else f"is {shown(cell)}"
        raise Failure(
            f"{self.path}, row {self.first + row + 1}: column {self.named[name]!r} {held}, expected {expected}"
        )


def shown(cell: Any) -> str:
    """Write a cell for a sentence, cut where it is long.

    >>> shown("Fargo"), shown(7)
    ("'Fargo'", '7')
    """
    text = repr(cell)
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}… ({len(str(cell)):,} characters)"


def place(path: Path, names: list[str], wanted: Mapping[str, str], required: Iterable[str]) -> dict[str, int]:
    """Find the columns that are wanted (ours -> theirs) among the names of a file: ours -> place, from 0.

    >>> place(Path("r.csv"), ["userId", "film"], {"user_id": "userId", "item": "film"}, ["user_id", "item"])
    {'user_id': 0, 'item': 1}

    Raises:
        Failure: a required one is not there, or a wanted one is there twice.
    """
    if missing := [name for name in required if wanted[name] not in names]:
        lacking, others = " and no ".join(repr(wanted[name]) for name in missing), ", ".join(names) or "none"
        named = ",".join(f"{name}=NAME" for name in missing if name != "weight")
        flags = ([f"--columns {named}"] if named else []) + (["--weight NAME"] if "weight" in missing else [])
        which = "it is" if len(missing) == 1 else "they are"
        numbers = "; where there is no header, --columns user_id=1,item=2" if any(map(str.isdecimal, names)) else ""
        raise Failure(
            f"{path} has no column {lacking}; found {others}, expected user_id, item[, rating, timestamp]: "
            f"{' '.join(flags)} says which {which}{numbers}"
        )
    for theirs in wanted.values():
        if names.count(theirs) > 1:
            raise Failure(f"{path} has the column {theirs!r} {names.count(theirs)} times, expected once")
    return {ours: names.index(theirs) for ours, theirs in wanted.items() if theirs in names}
