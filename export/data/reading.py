"""Own data: files read as one table of interactions, refused with file, row and column where they are none.

Columns: ``user_id`` and ``item``, and optionally ``timestamp``; ``rating`` is read only where there is a least one, for
ratings are implicit feedback. Files pass in pieces: what is held of a row is two numbers and a time.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np

from export.data.files import find
from export.data.ids import Ids, index
from export.data.interactions import Bools, Interactions, Ints
from export.data.numbers import chosen, numbers, times
from export.data.pieces import Piece
from export.data.source import OPTIONAL, REQUIRED, Source
from export.data.tables import read_pieces
from serving.errors import Failure


def read(source: Source) -> Interactions:
    """Read interactions from the files of a source.

    Raises:
        Failure: a file is missing, unreadable or empty, lacks a column, or has a cell that is empty or no number.
    """
    return collect(_pieces(source), source.name, source.min_rating)


def collect(pieces: Iterable[Piece], name: str, min_rating: float | None) -> Interactions:
    """Make interactions of pieces of ``user_id`` and ``item``, perhaps ``timestamp``, ``place`` and ``rating``.

    Raises:
        Failure: there is no row, a cell is not what it must be, or no rating is high enough.
    """
    users, items = Ids("user_id"), Ids("item")
    numbered: dict[str, list[Ints]] = {"timestamp": [], "place": []}
    likes: list[Bools] = []
    first: Piece | None = None
    for piece in pieces:
        first = first or piece
        _alike(first, piece)
        users.add(piece)
        items.add(piece)
        for column, found in numbered.items():
            if column in piece.columns:
                found.append(times(piece, column))
        if min_rating is not None:
            likes.append(numbers(piece, "rating") >= min_rating)
    if first is None:
        raise Failure(f"{name} holds no interactions, expected at least one row of user_id and item")
    like = chosen(name, min_rating, likes)
    user_names, user = index(*users.codes(), like)
    item_names, item = index(*items.codes(), like)
    time, place = (np.concatenate(found)[like] if found else None for found in numbered.values())
    time = np.zeros(len(user), np.int64) if time is None else time
    return Interactions.of(users=user_names, items=item_names, user=user, item=item, timestamp=time, place=place)


def _pieces(source: Source) -> Iterator[Piece]:
    """Give the pieces of all files that have rows, with the columns that are read."""
    rated = [] if source.min_rating is None else ["rating"]
    wanted = {name: source.theirs(name) for name in (*REQUIRED, *OPTIONAL) if name != "rating" or rated}
    required = [*REQUIRED, *rated, *(name for name in source.columns if name in wanted)]
    for file in (file for path in source.data for file in find(path)):
        yield from (piece for piece in read_pieces(file, wanted, required, source) if len(piece))


def _alike(first: Piece, piece: Piece) -> None:
    """Refuse files of which some have times: the others' would count as zero."""
    if ("timestamp" in piece.columns) != ("timestamp" in first.columns):
        with_it, without = (first, piece) if "timestamp" in first.columns else (piece, first)
        name = piece.named["timestamp"]
        raise Failure(f"{without.path} has no column {name!r}, and {with_it.path} has one: expected it in all or none")
