"""Evaluation: the figures of anything that scores the whole catalogue, on one split.

All items are ranked, nothing is sampled; what is given of a user is left out of the ranking; what is to be found are
the test items that are not given. Users without one are skipped, and each figure is the mean over the others.
Users pass in blocks of `BLOCK` bytes of scores, so that memory holds a few of these, whatever the size of the data.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from scipy import sparse

from export.data.interactions import Interactions, Ints
from export.quality import metrics
from export.quality.protocols import Split
from serving.errors import Failure

Scores = npt.NDArray[np.float32]
Scorer = Callable[[Ints, sparse.csr_matrix], Scores]
"""Scores the catalogue: `[b]` users and their `[b, n_items]` given items, ones in CSR form -> `[b, n_items]`."""

BLOCK = 2**24
"""Bytes of scores that are computed at once: 2,520 users of 1,664 items, 71 of 59,000."""
DEPTH = 100
SHOWN = 10

AMONG_NEW = "ndcg@10_among_new"
"""NDCG@10 of new items ranked among themselves, where a protocol holds some out whole."""

TFRS_FIGURE = "factorized_top_100"
"""What TFRS calls ``factorized_top_k/top_100_categorical_accuracy``, the figure that the tutorials print: the share of
test rows whose item has fewer than 100 items scored above it, the items of training not left out."""


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What one scorer reached on one split.

    Attributes:
        users: `[m]` indices of the users who had something to be found.
        per_user: `[m]` values of each figure that is a mean over users.
        top: `[m, 10]` items recommended, best first; -1 past the last that is not given.
        overall: figures that are no mean over users.
    """

    users: Ints
    per_user: dict[str, metrics.Floats]
    top: Ints
    overall: dict[str, float]

    def figures(self) -> dict[str, float]:
        """Sum up: each figure by name, as a row of the leaderboard has it."""
        return {**{name: float(values.mean()) for name, values in self.per_user.items()}, **self.overall}


@dataclass(frozen=True, kw_only=True)
class _Block:
    users: Ints
    per_user: dict[str, metrics.Floats]
    top: Ints
    in_top_100: int


def evaluate(split: Split, scorer: Scorer, *, users: int | None = None, seed: int = 42) -> Outcome:
    """Score a split; with ``users``, for so many of its users, drawn with ``seed``.

    Raises:
        Failure: nothing is to be found of any of them.
    """
    given, test, asked = matrix(split.given), matrix(split.test), np.unique(split.test.user)
    rows, order = max(1, BLOCK // (4 * len(split.train.items))), np.argsort(split.test.user, kind="stable")
    if users is not None and users < len(asked):
        asked = np.sort(np.random.default_rng(seed).choice(asked, users, replace=False))
    split = replace(split, test=split.test.rows(order[np.isin(split.test.user[order], asked)]))  # by user
    to_be_found(split)
    blocks = [_block(split, scorer, asked[at : at + rows], given, test) for at in range(0, len(asked), rows)]
    top = np.concatenate([block.top for block in blocks])
    return Outcome(
        users=np.concatenate([block.users for block in blocks]),
        per_user={name: np.concatenate([b.per_user[name] for b in blocks]) for name in blocks[0].per_user},
        top=top,
        overall={
            f"coverage@{SHOWN}": metrics.coverage(top, len(split.train.items)),
            TFRS_FIGURE: sum(block.in_top_100 for block in blocks) / len(split.test),
        },
    )


def to_be_found(split: Split) -> Ints:
    """List the users of whom something is to be found.

    Raises:
        Failure: there are none, as where each test row is there in training too.
    """
    found = np.flatnonzero(np.diff((matrix(split.test) > matrix(split.given)).indptr))
    if not len(found):
        asked = len(np.unique(split.test.user))
        raise Failure(f"none of {asked} users has a test item that is not given, expected one: are rows there twice?")
    return found


def matrix(interactions: Interactions) -> sparse.csr_matrix:
    """Write interactions as a `[n_users, n_items]` matrix of ones, float32."""
    offsets, items = interactions.histories()
    shape = len(interactions.users), len(interactions.items)
    return sparse.csr_matrix((np.ones(len(items), np.float32), items, offsets), shape=shape)


def best(scores: Scores, k: int) -> Ints:
    """Rank `[b, n]` scores: the `[b, k]` columns of the highest, equal ones in order of the column.

    >>> best(np.array([[0.1, 0.5, 0.5, 0.9]], np.float32), 3).tolist()
    [[3, 1, 2]]
    """
    bar = np.partition(scores, -k, axis=1)[:, [-k]]
    row, column = np.nonzero(scores >= bar)  # at least k in each row, few more: only these are sorted
    order = np.lexsort((column, -scores[row, column], row))
    return column[order][np.searchsorted(row, np.arange(len(scores)))[:, None] + np.arange(k)]


def _block(split: Split, scorer: Scorer, users: Ints, given: sparse.csr_matrix, test: sparse.csr_matrix) -> _Block:
    scores = scorer(users, given[users])
    depth = min(DEPTH, scores.shape[1])
    mine = slice(*np.searchsorted(split.test.user, [users[0], users[-1] + 1]))
    place, item = np.searchsorted(users, split.test.user[mine]), split.test.item[mine]
    in_top = scores[place, item] >= np.partition(scores, -depth, axis=1)[place, -depth]
    seen = given[users].toarray() > 0
    wanted = (test[users].toarray() > 0) & ~seen
    asked = wanted.any(axis=1)
    scores, wanted = np.where(seen, -np.inf, scores)[asked], wanted[asked]
    ranking = best(scores, depth)
    hits, relevant = np.take_along_axis(wanted, ranking, axis=1), wanted.sum(axis=1)
    per_user = {
        "ndcg@10": metrics.ndcg(hits, relevant, 10),
        "recall@10": metrics.recall(hits, relevant, 10),
        "recall@100": metrics.recall(hits, relevant, 100),
        "precision@10": metrics.precision(hits, relevant, 10),
        "map@10": metrics.average_precision(hits, relevant, 10),
        "mrr": metrics.reciprocal_rank(_first(scores, wanted)),
        "hit_rate@10": metrics.hit_rate(hits, relevant, 10),
    }
    if split.new_items is not None:  # what is wanted are new items: here ranked among themselves
        own = best(np.where(split.new_items, scores, -np.inf), depth)
        per_user[AMONG_NEW] = metrics.ndcg(np.take_along_axis(wanted, own, axis=1), relevant, 10)
    top = np.where(np.take_along_axis(seen[asked], ranking, axis=1), -1, ranking)[:, :SHOWN]
    return _Block(users=users[asked], per_user=per_user, top=top, in_top_100=int(in_top.sum()))


def _first(scores: Scores, wanted: metrics.Bools) -> Ints:
    """Find the place, from 1, of the best of the wanted in the whole ranking: `[b]`."""
    column = np.where(wanted, scores, -np.inf).argmax(axis=1)[:, None]
    score = np.take_along_axis(scores, column, axis=1)
    before = (scores > score) | ((scores == score) & (np.arange(scores.shape[1]) < column))
    return 1 + before.sum(axis=1)
