"""Fit LightFM on a matrix of interactions; the only module that imports LightFM.

LightFM with one thread repeats exactly for one seed and one order of the rows; with more it never does.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np
import numpy.typing as npt
from lightfm import LightFM
from scipy import sparse

Tags = Sequence[Sequence[str]]


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What LightFM is fitted with; the names are LightFM's own, but for ``features``.

    Attributes:
        features: weight of the tags of a user or an item beside its own embedding, which has 1; 0: no tags.
    """

    components: int
    epochs: int
    learning_rate: float
    max_sampled: int
    user_alpha: float = 0.0
    features: float = 0.0
    threads: int = 1
    seed: int = 42
    loss: str = "warp"


@dataclass(frozen=True, kw_only=True)
class Fitted:
    """A fitted model and the features that it is to be asked with.

    Attributes:
        model: the model.
        user_features: `[n_users, n_users + tags]` weights; None where each user is its own only feature.
        item_features: `[n_items, n_items + tags]` weights; None likewise.
    """

    model: LightFM
    user_features: sparse.csr_matrix | None = None
    item_features: sparse.csr_matrix | None = None


def fit(
    interactions: sparse.coo_matrix,
    settings: Settings,
    *,
    weights: npt.NDArray[np.float32] | None = None,
    user_tags: Tags = (),
    item_tags: Tags = (),
    on_epoch: Callable[[int], None],
) -> Fitted:
    """Fit a model on `[n_users, n_items]` interactions, a one for each.

    ``weights`` are those of the interactions, in their order: `[n]`; None: all 1. The tags follow rows and columns, or
    are none. ``on_epoch`` is told the number of each epoch, from 1, when it is over.
    """
    features = {}
    if settings.features:
        users, items = interactions.shape
        features["user_features"] = weighed_features(users, user_tags, settings.features)
        features["item_features"] = weighed_features(items, item_tags, settings.features)
    model = LightFM(
        no_components=settings.components,
        loss=settings.loss,
        learning_rate=settings.learning_rate,
        max_sampled=settings.max_sampled,
        user_alpha=settings.user_alpha,
        random_state=settings.seed,
    )
    ones = np.ones(interactions.nnz, np.float32) if weights is None else weights
    weighed = sparse.coo_matrix((ones, (interactions.row, interactions.col)), shape=interactions.shape)
    for epoch in range(1, settings.epochs + 1):
        model.fit_partial(interactions, sample_weight=weighed, num_threads=settings.threads, **features)
        on_epoch(epoch)
    return Fitted(model=model, **features)


def weighed_features(count: int, tags: Tags, weight: float) -> sparse.csr_matrix:
    """Give each of so many users or items itself, at 1, and its tags, which weigh together as one: `[n, n + tags]`.

    Each tag weighs ``weight`` over the root of how many it is one of. LightFM's own ``Dataset`` makes the same of them,
    but imports scikit-learn for what is not asked of it: a second and more of each training.

    >>> weighed_features(2, [("new",), ()], 0.5).toarray().tolist()
    [[1.0, 0.0, 0.5], [0.0, 1.0, 0.0]]
    """
    place = {tag: count + number for number, tag in enumerate(dict.fromkeys(chain(*tags)))}
    rows, columns, weights = [*range(count)], [*range(count)], [1.0] * count
    for row, own in enumerate(tags):
        for tag in dict.fromkeys(own):
            rows.append(row)
            columns.append(place[tag])
            weights.append(weight / math.sqrt(len(own)))
    return sparse.csr_matrix((weights, (rows, columns)), shape=(count, count + len(place)), dtype=np.float32)
