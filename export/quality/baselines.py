"""Baselines: what a model has to beat, as scorers; none of them is published.

Each reads the given items of whoever is asked about, so all work for new users as well. Their settings were chosen
on a validation part of the training data (random-80-20), like those of the recipes.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from implicit.als import AlternatingLeastSquares
from implicit.nearest_neighbours import ItemItemRecommender, normalize, tfidf_weight
from scipy import sparse
from threadpoolctl import threadpool_limits

from export.data.interactions import Interactions, Ints
from export.quality.evaluation import Scorer, Scores, matrix

NEIGHBOURS = 200
EASE_L2 = 400.0
IALS = {"factors": 128, "regularization": 60.0, "alpha": 10.0, "iterations": 15}


def popular(train: Interactions, seed: int) -> Scorer:
    """Score items by how many interactions they have, for everyone alike."""
    popularity = train.popularity().astype(np.float32)
    return lambda users, given: np.tile(popularity, (len(users), 1))


def item_knn(train: Interactions, seed: int) -> Scorer:
    """Score items by their similarity (cosine of TF-IDF weights) to the given ones, the nearest neighbours only."""
    model = ItemItemRecommender(K=NEIGHBOURS, num_threads=1)
    model.fit(normalize(tfidf_weight(matrix(train).T)).T.tocsr(), show_progress=False)
    return lambda users, given: (given @ model.similarity).toarray().astype(np.float32)


def ease(train: Interactions, seed: int) -> Scorer:
    """Fit EASE: the item-item weights of least squares error, no item predicting itself (Steck 2019, arXiv:1905.03375).

    With P the inverse of XᵀX + λI, weight (i, j) is -P_ij / P_jj, and 0 on the diagonal: eq. 8 there. The inverse takes
    n_items² memory and n_items³ time, which is what limits it.
    """
    users = matrix(train).astype(np.float64)
    gram = (users.T @ users).toarray()
    inverse = np.linalg.inv(gram + EASE_L2 * np.eye(len(gram)))
    weights = -inverse / np.diag(inverse)
    np.fill_diagonal(weights, 0)
    return lambda users, given: np.asarray(given @ weights.astype(np.float32))


def ials(train: Interactions, seed: int) -> Scorer:
    """Fit implicit matrix factorization by alternating least squares (Hu, Koren and Volinsky 2008)."""
    with threadpool_limits(1, "blas"):  # implicit warns otherwise, from the start: threads inside threads are slower
        model = AlternatingLeastSquares(**IALS, random_state=seed, num_threads=1)
        model.fit(matrix(train), show_progress=False)

    def score(users: Ints, given: sparse.csr_matrix) -> Scores:
        factors = model.recalculate_user(np.arange(len(users)), given)
        return np.asarray(factors @ model.item_factors.T, np.float32)

    return score


def tag_overlap(train: Interactions, seed: int) -> Scorer:
    """Score items by the tags they share with the given ones, each item's tags together of length 1."""
    pairs = [(item, tag) for item, own in enumerate(train.item_tags) for tag in own]
    kinds = {tag: column for column, tag in enumerate(dict.fromkeys(tag for _, tag in pairs))}
    places = [item for item, _ in pairs], [kinds[tag] for _, tag in pairs]
    tags = sparse.csr_matrix((np.ones(len(pairs)), places), shape=(len(train.items), len(kinds)))
    length = np.sqrt(np.maximum(tags.sum(axis=1), 1))
    unit = sparse.csr_matrix(tags.multiply(1 / length))
    return lambda users, given: np.asarray((given @ unit @ unit.T).toarray(), np.float32)


BASELINES: dict[str, Callable[[Interactions, int], Scorer]] = {
    "popular": popular,
    "item_knn": item_knn,
    "ease": ease,
    "ials": ials,
}
"""Baseline by name: from what to train on and a seed to a scorer."""

MEMORY: dict[str, Callable[[int], float]] = {"ease": lambda items: 32.0 * items**2}
"""Bytes that a baseline takes for so many items, where that is what limits it: EASE holds four float64 of each pair."""
