"""The plan of a scan: how few columns of the items need to be read to know who is best, chosen by counting at export.

Turned by the singular vectors of the item embeddings, most of what a score is made of lies in the leading columns. The
rest of a score is at most the length of what is left of the query times that of the item (Cauchy and Schwarz), so that
the leading columns and one more, the length, give an upper bound on every score. Only items whose bound is not below
the k-th best score need to be scored exactly; there are few of them, where vectors were trained.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from export.data.interactions import Interactions
from export.waist.factorized import Factorized, check
from serving.contract import DEFAULT_K

Floats = npt.NDArray[np.float32]

LEAST_ITEMS = 100_000
"""Items below which the product is not worth avoiding: what the scan adds to it costs nearly the same at any size."""

HEADS, CANDIDATES = (8, 16, 32, 64, 128), (64, 128, 256)

GAIN = 0.7
"""The estimated share of the product's cost up to which the scan is taken; it is not, where it would hardly pay."""

CANDIDATE_COST = 800
"""What finding and scoring one candidate costs, in items whose columns are all read once instead.

Measured with 20,000 and 1,000,000 items of 64 columns, see docs/index.md; with more columns it is less.
"""

FALL_BACK_COST = 2.5
"""What a batch that falls back waits for beyond the scan, in products: two of them, their sum, and the sorting."""

ROWS = 32
"""Requests that a server answers in one run: one of them that falls back makes all of them wait for the product."""

USERS = 256
"""Known users that are counted; more are sampled evenly."""


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What was decided for a version's index, and what it was decided by.

    Attributes:
        head: leading columns that are scanned.
        candidates: items that are scored exactly.
        falls_back: share of the counted users for whom that would not be enough, so that the full product answers.
        cost: the estimated share of the product's cost.
    """

    head: int
    candidates: int
    falls_back: float
    cost: float


def plan(model: Factorized, interactions: Interactions, *, least: int = LEAST_ITEMS) -> Plan | None:
    """Choose the scan that costs least for the version's own users; None: the product alone.

    By counting and not by the clock: the same model must give the same version, and a clock says something else each
    time that the machine has something else to do. What the counts cost is measured once, in docs/index.md.
    """
    check(model, interactions)
    items, columns = len(model.vectors), model.vectors.shape[1]
    if items < least or not len(model.user_vectors):
        return None
    plans = []
    for head, needed in _needed(model, interactions):
        for candidates in CANDIDATES:
            falls_back = float((needed > candidates).mean())
            batch = 1 - (1 - falls_back) ** ROWS
            cost = (head + 1) / columns + candidates * CANDIDATE_COST / items + FALL_BACK_COST * batch
            plans.append(Plan(head=head, candidates=candidates, falls_back=falls_back, cost=round(cost, 4)))
    best = min(plans, key=lambda each: (each.cost, each.head, each.candidates), default=None)
    return best if best is not None and best.cost <= GAIN else None


def rotation(vectors: Floats) -> npt.NDArray[np.float64]:
    """Find the `[d, d]` rotation that brings `[n, d]` vectors' variance into the leading columns.

    >>> vectors = np.array([[0, 3], [0.1, 4], [0, 5]], np.float32)
    >>> int((vectors @ rotation(vectors)).std(axis=0).argmax())
    0
    """
    exact = vectors.astype(np.float64)
    _, axes = np.linalg.eigh(exact.T @ exact)
    return np.ascontiguousarray(axes[:, ::-1])


def turned(model: Factorized) -> Factorized:
    """Rotate a model's users and items, which moves no score; what its history is read into is not turned."""
    turn = rotation(model.vectors)
    users, items = ((side @ turn).astype(np.float32) for side in (model.user_vectors, model.vectors))
    return replace(model, user_vectors=users, vectors=items)


def _needed(model: Factorized, interactions: Interactions) -> Iterator[tuple[int, npt.NDArray[np.int64]]]:
    """Count for each head, of sampled users, the items whose bound is not below the last of their best.

    Each user is counted twice, as asked with and without what they already have: without it the last of the best lies
    lower, and more items come near it.
    """
    turn = rotation(model.vectors)
    items, biases = (model.vectors @ turn).astype(np.float32), model.item_biases
    users = np.unique(np.linspace(0, len(model.user_vectors) - 1, USERS).astype(np.int64))
    queries = (model.user_vectors[users] @ turn).astype(np.float32)
    offsets, history = interactions.histories()
    last, left_out = [], [history[offsets[user] : offsets[user + 1]] for user in users]
    for query, own in zip(queries, left_out, strict=True):
        scores = items @ query + biases
        unseen = np.delete(scores, own)
        last.append([np.partition(some, -DEFAULT_K)[-DEFAULT_K] for some in (scores, unseen)])
    for head in (head for head in HEADS if head < items.shape[1]):
        lengths = np.linalg.norm(items[:, head:], axis=1)
        needed = []
        for query, own, least in zip(queries, left_out, last, strict=True):
            bounds = items[:, :head] @ query[:head] + biases + lengths * np.linalg.norm(query[head:])
            near = [int((bounds >= each).sum()) for each in least]
            needed.append([near[0], near[1] - int((bounds[own] >= least[1]).sum())])
        yield head, np.array(needed).ravel()
