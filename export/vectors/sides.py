"""Vectors that were trained elsewhere: of all users, or of all items, by name; refused in front if they are none."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from export.data.ids import LONGEST
from export.data.interactions import Interactions, Ints, Names
from export.waist.factorized import LARGEST
from serving.errors import Failure

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True, kw_only=True)
class Side:
    """One side of a model.

    Attributes:
        names: `[n]` ids, str, sorted, each once.
        vectors: `[n, d]` float32.
        biases: `[n]` float32.
    """

    names: Names
    vectors: Floats
    biases: Floats

    @classmethod
    def of(cls, what: str, names: Any, vectors: Any, biases: Any = None) -> Self:
        """Check and sort `[n]` names, `[n, d]` vectors and `[n]` biases, none of which stands for zeros.

        Raises:
            Failure: a shape or a type is another, a name is empty, too long, no UTF-8 or there twice, or a number is
                NaN, infinite or beyond ``LARGEST``; the sentence opens with ``what``.
        """
        ids = _names(what, names)
        numbers = _numbers(f"the vectors of {what}", vectors, "[n, d]", ids)
        zeros = np.zeros(len(ids), np.float32)
        added = zeros if biases is None else _numbers(f"the biases of {what}", biases, "[n]", ids)
        order = np.argsort(ids, kind="stable")
        twice = np.flatnonzero(ids[order][1:] == ids[order][:-1])
        if len(twice):
            first, second = order[twice[0]], order[twice[0] + 1]
            raise Failure(f"{what}: {ids[first]!r} is in row {first + 1} and in row {second + 1}, expected each once")
        return cls(names=ids[order], vectors=numbers[order], biases=added[order])


def interactions_over(users: Side, items: Side, given: Interactions | None) -> Interactions:
    """Keep what is given of these users and items, all of which stay: fewer rows, or none where nothing is given.

    Raises:
        Failure: interactions are given, but none is of a user and an item that have vectors.
    """
    none, empty = np.zeros(0, np.int64), ((),)
    over = Interactions(users=users.names, items=items.names, user=none, item=none, timestamp=none)
    over = replace(over, user_tags=empty * len(users.names), item_tags=empty * len(items.names))
    if given is None:
        return over
    user, item = _places(given.users, users.names)[given.user], _places(given.items, items.names)[given.item]
    kept = (user >= 0) & (item >= 0)
    if not kept.any():
        raise Failure(
            f"no interaction is of a user and an item that have vectors: found names like {given.users[:1]} and "
            f"{given.items[:1]}, expected names like {users.names[:1]} and {items.names[:1]}"
        )
    return replace(
        over,
        user=user[kept],
        item=item[kept],
        timestamp=given.timestamp[kept],
        user_tags=_tags(given.users, given.user_tags, users.names),
        item_tags=_tags(given.items, given.item_tags, items.names),
    )


def _names(what: str, names: Any) -> Names:
    found = np.asarray(names)
    if found.ndim != 1 or not len(found):
        raise Failure(f"the names of {what} have shape {list(found.shape)}, expected [n], at least one")
    if found.dtype.kind not in "UTOiu" or (found.dtype.kind == "O" and not all(isinstance(n, str) for n in found)):
        raise Failure(f"the names of {what} are of type {found.dtype}, expected text or whole numbers")
    ids = np.array([str(name) for name in found.tolist()], object)
    for row, name in enumerate(ids, start=1):
        if wrong := _wrong(name):
            raise Failure(f"{what}, row {row}: the name {wrong}")
    return ids


def _wrong(name: str) -> str:
    """Say what keeps a text from being a name: nothing, ``""``, or the end of a sentence."""
    if not name:
        return "is empty, expected one"
    if len(name) > LONGEST:
        return f"has {len(name):,} characters, expected {LONGEST:,} at the most"
    if re.search("[\ud800-\udfff]", name):
        return f"is {name!r}, expected text that UTF-8 can write"
    if name.endswith("\0"):  # for the same reason as in export.data.ids
        return f"is {name!r}, expected no NUL at its end"
    return ""


def _numbers(what: str, values: Any, shape: str, ids: Names) -> Floats:
    try:
        found = np.asarray(values)
    except ValueError as error:  # lists of different lengths
        raise Failure(f"{what} are lists of different lengths, expected shape {shape}") from error
    rank = shape.count(",") + 1
    if found.ndim != rank or len(found) != len(ids) or 0 in found.shape:
        raise Failure(f"{what} have shape {list(found.shape)}, expected {shape} with n = {len(ids)} names")
    if found.dtype.kind not in "fiu":
        raise Failure(f"{what} are of type {found.dtype}, expected numbers")
    with np.errstate(over="ignore"):
        numbers = found.astype(np.float32)
    wrong = np.argwhere(~(np.abs(numbers) < LARGEST))  # nor is NaN
    if len(wrong):
        at = tuple(wrong[0].tolist())
        name = str(ids[at[0]])
        raise Failure(f"{what}, row {at[0] + 1} ({name!r}): {found[at]} is no number up to {LARGEST:g}")
    return numbers


def _places(names: Names, among: Names) -> Ints:
    """Find `[m]` names among `[n]` others: `[m]` places, -1 for a name that is not there."""
    at = {name: place for place, name in enumerate(among.tolist())}
    return np.array([at.get(name, -1) for name in names.tolist()], np.int64)


def _tags(names: Names, tags: tuple[tuple[str, ...], ...], among: Names) -> tuple[tuple[str, ...], ...]:
    known = dict(zip(names.tolist(), tags, strict=False))
    return tuple(known.get(name, ()) for name in among.tolist())
