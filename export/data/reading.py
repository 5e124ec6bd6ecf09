"""Own data: files read as one table of interactions, refused with file, row and column where they are none.

Columns: ``user_id`` and ``item``, and optionally ``timestamp``; ``rating`` is read only where there is a least one, for
ratings are implicit feedback. Files pass in pieces: what is held of a row is two numbers, a time and perhaps a weight.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from export.data.files import find
from export.data.ids import Ids, index
from export.data.interactions import Bools, Interactions, Ints, Names, Tags
from export.data.numbers import chosen, numbers, times, weights
from export.data.pieces import Piece
from export.data.source import OPTIONAL, REQUIRED, Source
from export.data.tables import read_pieces
from export.data.tags import Described, read_tags
from export.progress import say
from serving.errors import Failure

NUMBERED: dict[str, Callable[[Piece, str], Any]] = {"timestamp": times, "place": times, "weight": weights}
"""What reads a column of numbers, by its name."""


def read(source: Source) -> Interactions:
    """Read interactions from the files of a source.

    Raises:
        Failure: a file is missing, unreadable or empty, lacks a column, or has a cell that is empty or no number, or an
            id of a file that describes is there twice.
    """
    users, items = read_tags(source, "user_id"), read_tags(source, "item")  # first: they are the shorter ones
    return _described(collect(_pieces(source), source.name, source.min_rating), users, items)


def collect(pieces: Iterable[Piece], name: str, min_rating: float | None) -> Interactions:
    """Make interactions of pieces of ``user_id`` and ``item``, some with ``rating`` or with columns of ``NUMBERED``.

    Raises:
        Failure: there is no row, a cell is not what it must be, or no rating is high enough.
    """
    users, items = Ids("user_id"), Ids("item")
    numbered: dict[str, list[Any]] = {column: [] for column in NUMBERED}
    likes: list[Bools] = []
    first: Piece | None = None
    for piece in pieces:
        first = first or piece
        _alike(first, piece)
        users.add(piece)
        items.add(piece)
        for column in NUMBERED.keys() & piece.columns.keys():
            numbered[column].append(NUMBERED[column](piece, column))
        if min_rating is not None:
            likes.append(numbers(piece, "rating") >= min_rating)
    if first is None:
        raise Failure(f"{name} holds no interactions, expected at least one row of user_id and item")
    like = chosen(name, min_rating, likes, weighed=bool(numbered["weight"]))
    user_names, user = index(*users.codes(), like)
    item_names, item = index(*items.codes(), like)
    time, place, weight = (np.concatenate(found)[like] if found else None for found in numbered.values())
    time = np.zeros(len(user), np.int64) if time is None else time
    names: dict[str, Any] = {"users": user_names, "items": item_names}
    return Interactions.of(**names, user=user, item=item, timestamp=time, place=place, weight=weight)


def _described(found: Interactions, users: Described | None, items: Described | None) -> Interactions:
    """Give users and items their tags and titles, and add those that have no interactions; ids of one title are one."""
    if users is None and items is None:
        return found  # as it is: to sort 20 million rows again takes 12 seconds
    user_names, user, user_tags = _side("users", found.users, users)
    item_names, item, item_tags = _side("items", found.items, items)
    return Interactions.of(
        users=user_names,
        items=item_names,
        user=user[found.user],
        item=item[found.item],
        timestamp=found.timestamp,
        place=found.place,
        weight=found.weight,
        user_tags=user_tags,
        item_tags=item_tags,
    )


def _side(kind: str, met: Names, described: Described | None) -> tuple[Names, Ints, Tags]:
    """Name `[m]` ids that are met as they are described: `[n]` names, `[m]` places among them, `[n]` tags."""
    if described is None:
        return met, np.arange(len(met)), ()
    tags: dict[str, dict[str, None]] = {described.titles.get(name, name): {} for name in met.tolist()}
    for name, own in described.tags.items():
        tags.setdefault(described.titles.get(name, name), {}).update(dict.fromkeys(own))
    names = sorted(tags)
    places = {name: place for place, name in enumerate(names)}
    known = sum(name in described.tags for name in met.tolist())
    new = len(described.tags) - known
    say(f"{described.file} describes {known:,} of {len(met):,} {kind}, and {new:,} that have no interactions")
    found = np.array([places[described.titles.get(name, name)] for name in met.tolist()], np.int64)
    return np.array(names, object), found, tuple(tuple(tags[name]) for name in names)


def _pieces(source: Source) -> Iterator[Piece]:
    """Give the pieces of all files that have rows, with the columns that are read."""
    rated = [] if source.min_rating is None else ["rating"]
    wanted = {name: source.theirs(name) for name in (*REQUIRED, *OPTIONAL) if name != "rating" or rated}
    wanted |= {"weight": source.weight} if source.weight else {}
    source = replace(source, columns={name: source.theirs(name) for name in wanted if name in source.columns})
    weighed = ["weight"] if source.weight else []
    required = dict.fromkeys([*REQUIRED, *rated, *weighed, *source.columns])  # each once: it may be named twice
    for file in (file for path in source.data for file in find(path)):
        yield from (piece for piece in read_pieces(file, wanted, required, source) if len(piece))


def _alike(first: Piece, piece: Piece) -> None:
    """Refuse files of which some have times: the others' would count as zero."""
    if ("timestamp" in piece.columns) != ("timestamp" in first.columns):
        with_it, without = (first, piece) if "timestamp" in first.columns else (piece, first)
        name = piece.named["timestamp"]
        raise Failure(f"{without.path} has no column {name!r}, and {with_it.path} has one: expected it in all or none")
