"""Fit LightFM on a matrix of interactions; the only module that imports LightFM.

LightFM with one thread repeats exactly for one seed and one order of the rows; with more it never does.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np
import numpy.typing as npt
from lightfm import LightFM
from lightfm.data import Dataset
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
    users: Sequence[str],
    items: Sequence[str],
    interactions: sparse.coo_matrix,
    settings: Settings,
    *,
    weights: npt.NDArray[np.float32] | None = None,
    user_tags: Tags = (),
    item_tags: Tags = (),
    on_epoch: Callable[[int], None],
) -> Fitted:
    """Fit a model whose rows follow ``users`` and ``items``, on `[n_users, n_items]` interactions, a one for each.

    ``weights`` are those of the interactions, in their order: `[n]`; None: all 1. The tags follow users and items as
    well. ``on_epoch`` is told the number of each epoch, from 1, when it is over.
    """
    dataset = Dataset()
    dataset.fit(users, items, user_features=chain(*user_tags), item_features=chain(*item_tags))
    features = {}
    if settings.features:
        features["user_features"] = dataset.build_user_features(_weighed(users, user_tags, settings), normalize=False)
        features["item_features"] = dataset.build_item_features(_weighed(items, item_tags, settings), normalize=False)
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


def _weighed(names: Sequence[str], tags: Tags, settings: Settings) -> Iterator[tuple[str, dict[str, float]]]:
    """Give each name with the weights of its tags: divided by the root of their number, so that many weigh as one."""
    for name, own in zip(names, tags, strict=False):
        yield name, dict.fromkeys(own, settings.features / math.sqrt(len(own) or 1))
