"""Interactions: who had to do with what, as the three models read it; numpy and scipy only.

Ratings are read as implicit feedback: that someone rated an item counts, the stars do not. Users and items are
kept once, as sorted ids; the rows point into them.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import sparse

Bools = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]
Names = npt.NDArray[np.object_]
"""Ids as Python's str, each as wide as it is: ``numpy.str_`` is as wide as its longest cell in every row."""
Tags = tuple[tuple[str, ...], ...]

DAY = 86_400
"""Seconds."""


@dataclass(frozen=True, kw_only=True)
class Interactions:
    """A set of interactions over fixed users and items.

    Attributes:
        users: `[n_users]` user ids, str, sorted, each once.
        items: `[n_items]` items, str, sorted, each once.
        user: `[n]` index into ``users`` of each interaction.
        item: `[n]` index into ``items`` of each interaction.
        timestamp: `[n]` seconds since 1970, all zero where the source has no time.
        place: `[n]` place of each interaction in its source, for a protocol that goes by it; None: nobody asked.
        weight: `[n]` what each interaction counts for, above 0; None: all count alike.
        user_tags: per user its features, such as ``("gender:F", "occupation:writer")``; empty where unknown.
        item_tags: per item its features, such as ``("genre:Comedy", "year:1995")``; empty where unknown.
    """

    users: Names
    items: Names
    user: Ints
    item: Ints
    timestamp: Ints
    place: Ints | None = None
    weight: Floats | None = None
    user_tags: Tags = field(default=())
    item_tags: Tags = field(default=())

    def __len__(self) -> int:
        return len(self.user)

    @classmethod
    def from_ids(
        cls,
        user_ids: Sequence[str] | Names,
        item_ids: Sequence[str] | Names,
        timestamp: Ints | None = None,
        *,
        user_tags: dict[str, tuple[str, ...]] | None = None,
        item_tags: dict[str, tuple[str, ...]] | None = None,
    ) -> Interactions:
        """Index `[n]` user ids and `[n]` items, given as strings.

        Rows are sorted by user, item and time: a model must not depend on the order in which a file lists them,
        and LightFM's training does.
        """
        users, user = np.unique(np.asarray(user_ids, dtype=object), return_inverse=True)
        items, item = np.unique(np.asarray(item_ids, dtype=object), return_inverse=True)
        return cls.of(
            users=users,
            items=items,
            user=user.astype(np.int64),
            item=item.astype(np.int64),
            timestamp=np.zeros(len(user), np.int64) if timestamp is None else timestamp.astype(np.int64),
            user_tags=tuple((user_tags or {}).get(name, ()) for name in users.tolist()),
            item_tags=tuple((item_tags or {}).get(name, ()) for name in items.tolist()),
        )

    @classmethod
    def of(
        cls,
        *,
        users: Names,
        items: Names,
        user: Ints,
        item: Ints,
        timestamp: Ints,
        place: Ints | None = None,
        weight: Floats | None = None,
        user_tags: Tags = (),
        item_tags: Tags = (),
    ) -> Interactions:
        """Take `[n]` rows that are indexed already, into sorted ids, and sort them by user, item and time."""
        ties = timestamp if timestamp.any() else None, weight
        order = in_order(user * len(items) + item, [tie for tie in ties if tie is not None])
        return cls(
            users=users,
            items=items,
            user=user[order],
            item=item[order],
            timestamp=timestamp[order],
            place=None if place is None else place[order],
            weight=None if weight is None else weight[order],
            user_tags=user_tags or ((),) * len(users),
            item_tags=item_tags or ((),) * len(items),
        )

    def rows(self, where: Bools | Ints) -> Interactions:
        """Keep only some interactions, by `[n]` mask or by index; users and items stay as they are."""
        place = None if self.place is None else self.place[where]
        weight = None if self.weight is None else self.weight[where]
        user, item, timestamp = self.user[where], self.item[where], self.timestamp[where]
        return replace(self, user=user, item=item, timestamp=timestamp, place=place, weight=weight)

    def has_times(self) -> bool:
        """Tell whether there is any order in time: a source without times has zero for all."""
        return len(self) > 0 and bool(np.ptp(self.timestamp))

    def weights(self, half_life: float = 0.0) -> Floats:
        """Weigh each interaction: `[n]` float32, their mean 1, for what a column's unit is means nothing to a model.

        With a ``half_life``, in days, each is halved for every so many days that it is older than the latest.
        """
        if self.weight is None and not half_life:
            return np.ones(len(self), np.float32)
        weight = np.ones(len(self)) if self.weight is None else self.weight.astype(np.float64)
        if half_life:
            weight = weight * np.exp2((self.timestamp - self.timestamp.max()) / (half_life * DAY))
        return (weight / weight.mean()).astype(np.float32)

    def matrix(self) -> sparse.coo_matrix:
        """Write a one for each interaction, in their order: `[n_users, n_items]` float32."""
        ones, shape = np.ones(len(self), np.float32), (len(self.users), len(self.items))
        return sparse.coo_matrix((ones, (self.user.astype(np.int32), self.item.astype(np.int32))), shape=shape)

    def active(self) -> int:
        """Count the users who have any interaction."""
        return int(np.count_nonzero(np.bincount(self.user)))

    def popularity(self) -> Ints:
        """Count the interactions of each item: `[n_items]`."""
        return np.bincount(self.item, minlength=len(self.items)).astype(np.int64)

    def histories(self) -> tuple[Ints, Ints]:
        """List each user's items, once each and ascending: `[n_users + 1]` offsets into `[n_pairs]` item indices.

        User ``u`` has ``items[offsets[u]:offsets[u + 1]]``: the rows of a CSR matrix.
        """
        pairs = np.unique(self.user * len(self.items) + self.item)
        counts = np.bincount(pairs // len(self.items), minlength=len(self.users))
        return np.concatenate([[0], np.cumsum(counts)]).astype(np.int64), pairs % len(self.items)

    def fingerprint(self) -> str:
        """Name the data by its content, in hexadecimal: sha256 over users, items, rows and any weights and tags."""
        digest = hashlib.sha256()
        for names in (self.users, self.items):
            digest.update("\0".join(names.tolist()).encode())
        for column in (self.user, self.item, self.timestamp):
            digest.update(np.ascontiguousarray(column, dtype="<i8").tobytes())
        if self.weight is not None:
            digest.update(np.ascontiguousarray(self.weight, dtype="<f4").tobytes())
        if any(self.user_tags) or any(self.item_tags):
            digest.update(json.dumps([self.user_tags, self.item_tags]).encode())
        return digest.hexdigest()


def in_order(key: Ints, ties: Sequence[npt.NDArray[Any]]) -> Ints:
    """Sort `[n]` rows by key and then by each of `[n]` ties, else in the order they are in: `[n]` places, as lexsort's.

    Ties are looked at only where keys are equal. Nearly all pairs of user and item are met once, and numpy's lexsort
    takes three times as long, 12 s for 20 million rows.

    >>> in_order(np.array([7, 3, 7]), [np.array([2, 9, 1])]).tolist()
    [1, 2, 0]
    """
    order = np.argsort(key)
    again = np.diff(key[order]) == 0
    equal = np.zeros(len(key), np.bool_)
    equal[1:] = again
    equal[:-1] |= again
    rows = np.sort(order[equal])
    order[equal] = rows[np.lexsort((*(tie[rows] for tie in reversed(ties)), key[rows]))]
    return order
