"""The plan of a scan: how few columns of the items need to be read to know who is best, chosen by counting at export.

On the axes of ``export.waist.turn`` most of what a score is made of lies in the leading columns. The
rest of a score is at most the length of what is left of the query times that of the item (Cauchy and Schwarz), so that
the leading columns and one more, the length, give an upper bound on every score. Only items whose bound is not below
the k-th best score need to be scored exactly; there are few of them, where vectors were trained.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from export.data.interactions import Interactions
from export.graph.index import BlockBruteForce
from export.graph.query import EXTRA
from export.graph.scan import MOST, ROUNDING, SPARE, ScanBruteForce
from export.waist.factorized import Factorized, check
from export.waist.turn import Turn, blocks
from serving.contract import DEFAULT_K

Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]

LEAST_ITEMS = 100_000
"""Items below which the product is not worth avoiding: what the scan adds to it costs nearly the same at any size."""

HEADS, CANDIDATES = (8, 16, 32, 64, 128), (64, 128, 256, 512)

GAIN = 0.7
"""The estimated share of the product's cost up to which the scan is taken; it is not, where it would hardly pay."""

CANDIDATE_COST = 800
"""What finding and scoring one candidate costs, in items that the product reads instead, of however many columns."""

FALL_BACK_COST = 2.5
"""What a row that falls back waits for beyond the scan, in products: two of them, their sum, and the sorting."""

USERS = 256
"""Known users that are counted; more are sampled evenly."""


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What was decided for a version's index, and what it was decided by.

    Attributes:
        head: leading columns that are scanned.
        candidates: items that are scored exactly.
        falls_back: share of the counted users for whom so many are not enough, so that the full product answers.
        cost: the estimated share of the product's cost.
        most: answers up to which it pays.
    """

    head: int
    candidates: int
    falls_back: float
    cost: float
    most: int = MOST


def plan(model: Factorized, interactions: Interactions, *, least: int = LEAST_ITEMS) -> Plan | None:
    """Choose the scan that costs least for the version's own users; None: the product alone.

    By counting and not by the clock: the same model must give the same version, and a clock says something else each
    time that the machine has something else to do. What the counts cost is measured once, in docs/index.md.
    """
    check(model, interactions)
    offsets, history = interactions.histories()
    return decide(model, [history[start:end] for start, end in pairwise(offsets)], least=least)


def decide(model: Factorized, own: Sequence[Ints], *, least: int = LEAST_ITEMS) -> Plan | None:
    """Choose like ``plan``, where `[n_users]` lists are known of the items that each user has, ascending."""
    items, columns = model.vectors.shape
    if items < least or not len(model.user_vectors):
        return None
    some = np.unique(np.linspace(0, len(model.user_vectors) - 1, USERS).astype(np.int64))
    model = Turn.of(model).turned(model)
    asked = replace(model, user_vectors=model.user_vectors[some])
    own = [own[user] for user in some.tolist()]
    plans = [
        _plan(needed, head, candidates, items, columns)
        for head, needed in _needed(asked, own, HEADS, DEFAULT_K).items()
        for candidates in CANDIDATES
    ]
    best = min(plans, key=lambda each: (each.cost, each.head, each.candidates), default=None)
    if best is None or best.cost > GAIN:
        return None
    for most in (MOST, MOST // 4):
        needed = _needed(asked, own, [best.head], most)[best.head]
        if _plan(needed, best.head, max(best.candidates, SPARE * most), items, columns).cost <= 1:
            return replace(best, most=most)
    return replace(best, most=DEFAULT_K)


def index_of(plan: Plan | None) -> BlockBruteForce:
    """Prepare the index that was decided on."""
    if plan is None:
        return BlockBruteForce(k=DEFAULT_K)
    return ScanBruteForce(DEFAULT_K, head=plan.head, candidates=plan.candidates, most=plan.most)


def _plan(needed: Ints, head: int, candidates: int, items: int, columns: int) -> Plan:
    """Estimate what it costs to scan so many components and score so many candidates, of `[u]` that are needed."""
    falls_back = float((needed > candidates).mean())
    scanned = (head + EXTRA + 1) / (columns + EXTRA)
    cost = scanned + candidates * CANDIDATE_COST / items + FALL_BACK_COST * falls_back
    return Plan(head=head, candidates=candidates, falls_back=falls_back, cost=round(cost, 4))


def _needed(model: Factorized, own: Sequence[Ints], heads: Sequence[int], k: int) -> dict[int, Ints]:
    """Count for each head, of `[u]` users, the items whose bound is not below the last of their k best: `[2u]`.

    Each user is counted twice, as asked with and without what they already have: without it the last of the best lies
    lower, and more items come near it.
    """
    users = model.user_vectors
    heads = [head for head in heads if head < users.shape[1]]
    rest = {head: np.linalg.norm(users[:, head:], axis=1, keepdims=True) for head in heads}
    needed = {head: np.zeros((2, len(users)), np.int64) for head in heads}
    last = _last(model, own, k) - _room(model)
    for at, items in blocks(model.vectors):
        biases = model.item_biases[at : at + len(items)]
        for head in heads:
            bounds = users[:, :head] @ items[:, :head].T + biases
            bounds += rest[head] * np.linalg.norm(items[:, head:], axis=1)
            for which, kept in enumerate(_with_and_without(bounds, own, at)):
                needed[head][which] += (kept >= last[which][:, None]).sum(axis=1)
    return {head: counts.ravel() for head, counts in needed.items()}


def _last(model: Factorized, own: Sequence[Ints], k: int) -> Floats:
    """Find the last of the k best scores of `[u]` users, with and without what they have: `[2, u]`."""
    k = min(k, len(model.vectors))
    best = np.full((2, len(model.user_vectors), k), -np.inf, np.float32)
    for at, items in blocks(model.vectors):
        scores = model.user_vectors @ items.T + model.item_biases[at : at + len(items)]
        for which, kept in enumerate(_with_and_without(scores, own, at)):
            best[which] = np.partition(np.concatenate([best[which], kept], axis=1), -k, axis=1)[:, -k:]
    return np.asarray(best.min(axis=2))


def _room(model: Factorized) -> Floats:
    """Compute the room for rounding that the graph leaves to `[u]` users' bounds: `[u]`, see ScanBruteForce."""
    longest = max(
        float(np.hypot(np.linalg.norm(items, axis=1), model.item_biases[at : at + len(items)]).max())
        for at, items in blocks(model.vectors)
    )
    lengths = np.hypot(np.linalg.norm(model.user_vectors, axis=1), 1.0)
    return np.asarray(ROUNDING * (model.vectors.shape[1] + EXTRA + 2) * longest * lengths)


def _with_and_without(scores: Floats, own: Sequence[Ints], start: int) -> Iterator[Floats]:
    """Give `[u, m]` scores of the items from ``start``, and again with what each user has lowered."""
    yield scores
    for row, items in zip(scores, own, strict=True):
        first, end = np.searchsorted(items, [start, start + len(row)])
        row[items[first:end] - start] = -np.inf
    yield scores
