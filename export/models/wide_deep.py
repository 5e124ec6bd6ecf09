"""Wide & deep (Cheng et al. 2016, arXiv:1606.07792) as a two-tower model that one dot-product index holds exactly.

The wide part is ``export.towers.wide_part``'s. Both parts are trained jointly, as in the paper: the sum of their scores
goes into one loss.
"""

from __future__ import annotations

import tensorflow as tf
import tensorflow_recommenders as tfrs

from export.data.interactions import Interactions
from export.models.recipes import WideDeepConfig
from export.towers import fitting, retriever
from export.towers.config import BATCH
from export.towers.wide_part import wide_part
from export.waist.factorized import Factorized, OnEpoch, quiet


class WideDeepModel(retriever.Retriever):
    """A dense layer over each side's embedding; beside it, with the catalogue loss, the wide part."""

    def __init__(self, interactions: Interactions, config: WideDeepConfig) -> None:
        users, items = (
            fitting.tower(names, config.embedding, hidden=config.hidden, l2=config.l2)
            for names in (interactions.users, interactions.items)
        )
        metrics = None
        if config.loss == BATCH:
            candidates = tf.data.Dataset.from_tensor_slices(interactions.items).batch(1024).map(items)
            metrics = tfrs.metrics.FactorizedTopK(candidates=candidates)
        wide = None
        if config.wide:
            wide = wide_part(
                interactions,
                wide=config.wide,
                scale=config.wide_scale,
                ridge=config.wide_ridge,
                l2=config.wide_l2,
                hidden=config.wide_hidden,
            )
        super().__init__(interactions, (users, items), config, metrics=metrics, wide_part=wide)


def train(
    interactions: Interactions, config: WideDeepConfig, *, seed: int = 42, on_epoch: OnEpoch = quiet
) -> Factorized:
    """Train on all interactions given."""
    fitting.seed_everything(seed)
    return retriever.train(WideDeepModel(interactions, config), interactions, config, seed=seed, on_epoch=on_epoch)
