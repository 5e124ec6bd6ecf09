"""Own data: files read as one table of interactions, refused with file, row and column where they are none.

Columns: ``user_id`` and ``item``, and optionally ``timestamp``; ``rating`` is read only where there is a least one, for
ratings are implicit feedback. Files pass in pieces: what is held of a row is two numbers and a time.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from export.data.files import find
from export.data.ids import Ids, index
from export.data.interactions import Bools, Interactions, Ints
from export.data.numbers import chosen, numbers, times
from export.data.pieces import Piece
from export.data.source import OPTIONAL, REQUIRED, Source
from export.data.tables import read_pieces
from serving.errors import Failure


def load(source: Source) -> Interactions:
    """Read interactions: files of one's own, or MovieLens.

    Raises:
        Failure: see ``read`` and ``export.data.movielens.load``.
    """
    if source.own:
        return read(source)
    from export.data import movielens

    if source.columns:
        raise Failure(f"--columns is for files of your own, and {source.name} is none: MovieLens has its columns")
    return movielens.load(source.name, min_rating=source.min_rating, movie_ids=source.movie_ids)


def read(source: Source) -> Interactions:
    """Read interactions from the files of a source.

    Raises:
        Failure: a file is missing, unreadable or empty, lacks a column, or has a cell that is empty or no number.
    """
    users, items = Ids("user_id"), Ids("item")
    moments: list[Ints] = []
    likes: list[Bools] = []
    first: Piece | None = None
    for piece in _pieces(source):
        first = first or piece
        _alike(first, piece)
        users.add(piece)
        items.add(piece)
        if "timestamp" in piece.columns:
            moments.append(times(piece, "timestamp"))
        if source.min_rating is not None:
            likes.append(numbers(piece, "rating") >= source.min_rating)
    if first is None:
        raise Failure(f"{source.name} holds no interactions, expected at least one row of user_id and item")
    like = chosen(source.name, source.min_rating, likes)
    user_names, user = index(*users.codes(), like)
    item_names, item = index(*items.codes(), like)
    time = np.concatenate(moments)[like] if moments else np.zeros(len(user), np.int64)
    return Interactions.of(users=user_names, items=item_names, user=user, item=item, timestamp=time)


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
