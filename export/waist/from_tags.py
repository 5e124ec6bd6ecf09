"""Vectors from tags: what stands for an item or a user of whom there is no interaction, in all models alike.

A vector of a tag is the least squares answer to: sum the tags of those that were trained, and come out near their
vectors. Whoever has tags and no interactions then gets the sum of its tags' vectors, bias and all; those that were
trained keep what training gave them. The alternative, tag vectors trained beside the id's, would move the vectors of
everyone to serve the few, and served them less: see docs/quality.md.

Where scores are logarithms of how likely an item is, the sum is the mean of logarithms, and what is like an item is
both liked much and not at all: the mean of how likely they are is more. A new item gets the difference added to its
bias: the smearing estimate (Duan 1983, doi:10.1080/01621459.1983.10478017) over the items that were trained, each
predicted as if it had been new.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from scipy import sparse
from scipy.special import logsumexp

from export.data.interactions import Bools, Interactions, Tags
from export.waist.factorized import Factorized, Floats

RIDGE = 1.0
"""Penalty of a tag's squared length: as if each tag had been seen once more, on something that is like the mean."""

MOST = 2000
"""Tags that are told apart, those on most ids: the equations are of this size, squared."""

ASKED = 1000
"""Users at the most over whom the difference is averaged, spread evenly over all."""

BLOCK = 64
"""Users, or 64 times as many ids, that pass at once."""


@dataclass(frozen=True, kw_only=True)
class Made:
    """Vectors that were made of tags.

    Attributes:
        vectors: `[n, d]` those of all, made or not.
        new: `[n]` which were made.
        missed: `[k, d]` float64, by how much tags miss the vectors of those that are met, each predicted without it.
    """

    vectors: Floats
    new: Bools
    missed: npt.NDArray[np.float64]


def complete(model: Factorized, interactions: Interactions) -> Factorized:
    """Give vectors from their tags to the items and users that have no interactions; all others stay."""
    n_users, n_items = len(interactions.users), len(interactions.items)
    met_users = np.bincount(interactions.user, minlength=n_users) > 0
    met_items = np.bincount(interactions.item, minlength=n_items) > 0
    users = from_tags(interactions.user_tags, met_users, np.column_stack([model.user_vectors, model.user_biases]))
    items = from_tags(interactions.item_tags, met_items, np.column_stack([model.vectors, model.item_biases]))
    biases = np.ascontiguousarray(items.vectors[:, -1])
    if model.logarithms and items.new.any():
        biases[items.new] += smeared(items.missed, model.user_vectors[met_users])
    history = model.history
    if history is not None:
        history = replace(history, vectors=from_tags(interactions.item_tags, met_items, history.vectors).vectors)
    return replace(
        model,
        user_vectors=np.ascontiguousarray(users.vectors[:, :-1]),
        user_biases=np.ascontiguousarray(users.vectors[:, -1]),
        vectors=np.ascontiguousarray(items.vectors[:, :-1]),
        item_biases=biases,
        history=history,
    )


def from_tags(tags: Tags, met: Bools, vectors: Floats) -> Made:
    """Replace those of `[n, d]` vectors that are not met and have tags by what the tags of the others say."""
    tagged = np.array([bool(own) for own in tags], np.bool_)
    new, like = tagged & ~met, tagged & met
    if not new.any() or not like.any():
        return Made(vectors=vectors, new=np.zeros(len(vectors), np.bool_), missed=np.zeros((0, vectors.shape[1])))
    features = _features(tags, like)
    known, mean = features[like], vectors[like].mean(axis=0, dtype=np.float64)
    inverse = np.linalg.inv((known.T @ known).toarray() + RIDGE * np.eye(features.shape[1]))
    of_tags = inverse @ (known.T @ (vectors[like] - mean))
    made = vectors.copy()
    made[new] = mean + features[new] @ of_tags
    own = np.concatenate([block.multiply(block @ inverse).sum(axis=1) for block in _blocks(known, BLOCK * BLOCK)])
    # What is missed with an id's own vector among the others', over 1 - its leverage: what is missed without it.
    missed = (vectors[like] - mean - known @ of_tags) / (1 - np.asarray(own).reshape(-1, 1))
    return Made(vectors=made, new=new, missed=missed)


def smeared(missed: npt.NDArray[np.float64], users: Floats) -> float:
    """Compute by how much the logarithm of a mean is above the mean of logarithms, on the average of `[u, d]` users.

    Of the `[k, d + 1]` missed the last is the bias'.

    >>> round(smeared(np.array([[0.0, 1.0], [0.0, -1.0]]), np.zeros((3, 1), np.float32)), 4)
    0.4338
    """
    asked = users[np.linspace(0, len(users) - 1, min(ASKED, len(users))).astype(np.int64)]
    above = [logsumexp(block @ missed[:, :-1].T + missed[:, -1], axis=1) for block in _blocks(asked, BLOCK)]
    return float(np.concatenate(above).mean() - np.log(len(missed)))


def _blocks(rows: npt.NDArray[np.float32] | sparse.csr_matrix, size: int) -> Iterator[sparse.csr_matrix]:
    for start in range(0, rows.shape[0], size):
        yield rows[start : start + size]


def _features(tags: Tags, known: Bools) -> sparse.csr_matrix:
    """Write tags as `[n, m]` ones, of the tags that most of those known have, equally many in order of the name."""
    rows, names = np.array(
        [(row, tag) for row, own in enumerate(tags) for tag in dict.fromkeys(own)], dtype=object
    ).T  # fmt: skip
    rows = rows.astype(np.int64)
    kinds, columns = np.unique(names, return_inverse=True)
    counts = np.bincount(columns[known[rows]], minlength=len(kinds))
    kept = np.argsort(-counts, kind="stable")[:MOST]
    whole = sparse.csr_matrix((np.ones(len(rows)), (rows, columns)), shape=(len(tags), len(kinds)))
    return whole[:, kept[counts[kept] > 0]]
