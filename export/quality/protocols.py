"""Protocols: which interactions a model is trained on and which it is asked for, named and seeded.

Rows are put in one order (user, time, item) before anything is drawn, so a protocol does not depend on the order in
which a source happens to give them. All draw with ``numpy.random.default_rng(seed)``, seed 42 unless told (but for
``by-item-75-25``, which draws as others have drawn); the TFRS
tutorials shuffle with ``tf.random``, so theirs is the same protocol but not the same 20,000 rows.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from export.data.interactions import Bools, Interactions, Ints
from serving.errors import Failure

SEED = 42
"""The seed of every split that a figure is printed for: models are compared on the same rows."""

UA_TEST = 10
"""Ratings of each user in the test part of MovieLens' own ``ua`` split."""


BY_ITEM = "by-item-75-25"
"""The one protocol that goes by the place of a row in its source, and by movie ids where MovieLens is read."""


@dataclass(frozen=True, kw_only=True)
class Split:
    """Interactions parted for one measurement; the three parts share users and items.

    Attributes:
        protocol: name of the protocol.
        train: what a model may see in training.
        given: what is known of the people who are asked about, left out of their rankings; ``train`` itself, unless
            they are new users, of whom training saw nothing.
        test: what is to be found.
        new_items: `[n_items]` whether an item is one that training saw nothing of but its tags; None: it is not asked.
    """

    protocol: str
    train: Interactions
    given: Interactions
    test: Interactions
    new_items: Bools | None = None

    @property
    def new_users(self) -> bool:
        """Tell whether the people asked about are unknown to the model."""
        return self.given is not self.train


def split(interactions: Interactions, protocol: str, *, seed: int = SEED) -> Split:
    """Part interactions by a protocol of ``PROTOCOLS``.

    Raises:
        Failure: no such protocol, or nothing is left to train on or to find.
    """
    if protocol not in PROTOCOLS:
        raise Failure(f"no protocol {protocol!r}, expected one of {', '.join(PROTOCOLS)}")
    rows = np.lexsort((interactions.item, interactions.timestamp, interactions.user))
    parts = PROTOCOLS[protocol](interactions.rows(rows), seed)
    for name, part in (("train on", parts.train), ("find", parts.test)):
        if not len(part):
            raise Failure(
                f"{protocol} leaves nothing to {name} of {len(interactions)} interactions, expected more data"
            )
    return parts


def validation(interactions: Interactions, protocol: str) -> Split:
    """Part the training part of a protocol once more by the same protocol: what choices are made on.

    Raises:
        Failure: see ``split``.
    """
    return split(split(interactions, protocol).train, protocol)


def _random(rows: Interactions, seed: int) -> Split:
    """Hold out a random 20 % of all rows (80,000/20,000 of MovieLens 100k), as the TFRS tutorials do."""
    rng = np.random.default_rng(seed)
    held = np.zeros(len(rows), np.bool_)
    held[rng.permutation(len(rows))[len(rows) * 8 // 10 :]] = True
    return _known("random-80-20", rows, held)


def _temporal(rows: Interactions, seed: int) -> Split:
    """Hold out each user's last 20 % by time, rounded down; equal times in order of the item."""
    if not rows.has_times():
        raise Failure("temporal parts each user's rows by time, and the data has no timestamps: take random-80-20")
    rank, count = _ranks(rows.user, np.lexsort((rows.item, rows.timestamp, rows.user)))
    return _known("temporal", rows, rank >= count - count // 5)


def _ua(rows: Interactions, seed: int) -> Split:
    """Hold out ten rows of each user, at most half of what the user has.

    MovieLens' ``ua.base``/``ua.test`` are ten random ratings per user, drawn by a script whose seed is not known; the
    files are in GroupLens' archive only, so the split is drawn anew: the same protocol, not the same rows.
    """
    rng = np.random.default_rng(seed)
    rank, count = _ranks(rows.user, _shuffled(rows.user, rng))
    return _known("ua", rows, rank < np.minimum(UA_TEST, count // 2))


def _new_users(rows: Interactions, seed: int) -> Split:
    """Hold out 10 % of the users whole; a random half of what each has (rounded up) is given, the rest to be found."""
    rng = np.random.default_rng(seed)
    present = np.unique(rows.user)
    new = np.isin(rows.user, rng.permutation(present)[: max(1, len(present) // 10)])
    rank, count = _ranks(rows.user, _shuffled(rows.user, rng))
    given = rank < (count + 1) // 2
    return Split(
        protocol="new-users", train=rows.rows(~new), given=rows.rows(new & given), test=rows.rows(new & ~given)
    )


def _new_items(rows: Interactions, seed: int) -> Split:
    """Hold out 10 % of the items whole: they are to be found by those who have them, by their tags alone."""
    if not any(rows.item_tags):
        raise Failure("new-items asks what tags are worth, and no item of the data has one: take random-80-20")
    present = np.unique(rows.item)
    new = np.zeros(len(rows.items), np.bool_)
    new[np.random.default_rng(seed).permutation(present)[: max(1, len(present) // 10)]] = True
    return replace(_known("new-items", rows, new[rows.item]), new_items=new)


def _by_item(rows: Interactions, seed: int) -> Split:
    """Train on three quarters of the rows of each item, as the benchmark of recommenders-team does.

    Their ``python_stratified_split(data, ratio=0.75, filter_by="item", seed=42)`` on MovieLens 100k by movie id
    (https://github.com/recommenders-team/recommenders, examples/06_benchmarks/movielens.ipynb): a draw for each row in
    the order of u.data, and in each item the rows of the lowest ``round(0.75 n)`` draws train: 75,066 and 24,934 rows.
    Rows whose place in the source is not known are taken in this module's own order.
    """
    place = np.arange(len(rows)) if rows.place is None else rows.place
    draws = np.random.RandomState(seed).rand(int(place.max(initial=-1)) + 1)[place]
    rank, count = _ranks(rows.item, np.lexsort((draws, rows.item)))
    return _known(BY_ITEM, rows, rank >= np.round(0.75 * count))


PROTOCOLS: dict[str, Callable[[Interactions, int], Split]] = {
    "random-80-20": _random,
    "temporal": _temporal,
    "ua": _ua,
    "new-users": _new_users,
    "new-items": _new_items,
    BY_ITEM: _by_item,
}
"""Protocol by name."""


def meaning(protocol: str) -> str:
    """Say in a sentence what a protocol holds out: the first of its docstring.

    >>> meaning("temporal").endswith(".")
    True
    """
    return " ".join((PROTOCOLS[protocol].__doc__ or "").split("\n\n")[0].split())


def _known(protocol: str, rows: Interactions, held: Bools) -> Split:
    train = rows.rows(~held)
    return Split(protocol=protocol, train=train, given=train, test=rows.rows(held))


def _shuffled(user: Ints, rng: np.random.Generator) -> Ints:
    """Order rows by user, each user's own at random: `[n]` row numbers."""
    return np.lexsort((rng.permutation(len(user)), user))


def _ranks(user: Ints, order: Ints) -> tuple[Ints, Ints]:
    """Number each user's rows in an order that is by user first: `[n]` places from 0, and `[n]` rows of its user."""
    count = np.bincount(user, minlength=1)
    first = np.cumsum(count) - count
    rank = np.empty(len(user), np.int64)
    rank[order] = np.arange(len(user)) - first[user[order]]
    return rank, count[user].astype(np.int64)
