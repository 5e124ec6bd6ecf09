"""Vectors from tags: what stands for an item or a user of whom there is no interaction, in all models alike.

A vector of a tag is the least squares answer to: sum the tags of those that were trained, and come out near their
vectors. Whoever has tags and no interactions then gets the sum of its tags' vectors, bias and all; those that were
trained keep what training gave them. The alternative, tag vectors trained beside the id's, would move the vectors of
everyone to serve the few, and served them less: see docs/quality.md.

A new item so made stands for the mean of its like, and comes up seldom beside items that are known: ask for new ones
with ``recommend_within``. A bias that raised them to what their like are worth on the average (the smearing estimate,
Duan 1983) took what it gave them from everything else: see docs/quality.md, too.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from scipy import sparse

from export.data.interactions import Bools, Interactions, Tags
from export.waist.factorized import Factorized, Floats

RIDGE = 1.0
"""Penalty of a tag's squared length: as if each tag had been seen once more, on something that is like the mean."""

MOST = 2000
"""Tags that are told apart, those on most ids: the equations are of this size, squared."""


def complete(model: Factorized, interactions: Interactions) -> Factorized:
    """Give vectors from their tags to the items and users that have no interactions; all others stay."""
    n_users, n_items = len(interactions.users), len(interactions.items)
    met_users = np.bincount(interactions.user, minlength=n_users) > 0
    met_items = np.bincount(interactions.item, minlength=n_items) > 0
    users = from_tags(interactions.user_tags, met_users, np.column_stack([model.user_vectors, model.user_biases]))
    items = from_tags(interactions.item_tags, met_items, np.column_stack([model.vectors, model.item_biases]))
    history = model.history
    if history is not None:
        history = replace(history, vectors=from_tags(interactions.item_tags, met_items, history.vectors))
    return replace(
        model,
        user_vectors=np.ascontiguousarray(users[:, :-1]),
        user_biases=np.ascontiguousarray(users[:, -1]),
        vectors=np.ascontiguousarray(items[:, :-1]),
        item_biases=np.ascontiguousarray(items[:, -1]),
        history=history,
    )


def from_tags(tags: Tags, met: Bools, vectors: Floats) -> Floats:
    """Replace those of `[n, d]` vectors that are not met and have tags by what the tags of the others say.

    >>> from_tags([["a"], ["a"]], np.array([True, False]), np.array([[1.0], [0.0]])).tolist()
    [[1.0], [1.0]]
    """
    tagged = np.array([bool(own) for own in tags], np.bool_)
    new, like = tagged & ~met, tagged & met
    if not new.any() or not like.any():
        return vectors
    features = _features(tags, like)
    known, mean = features[like], vectors[like].mean(axis=0, dtype=np.float64)
    gram = (known.T @ known).toarray() + RIDGE * np.eye(features.shape[1])
    of_tags = np.linalg.solve(gram, known.T @ (vectors[like] - mean))
    made = vectors.copy()
    made[new] = mean + features[new] @ of_tags
    return made


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
