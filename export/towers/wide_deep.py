"""The wide & deep model in Keras; ``export.models.wide_deep`` says how it is trained."""

from __future__ import annotations

import tensorflow as tf
import tensorflow_recommenders as tfrs

from export.data.interactions import Interactions
from export.towers import fitting, retriever
from export.towers.config import BATCH, TowersConfig
from export.towers.wide_part import WidePart


class WideDeepModel(retriever.Retriever):
    """A dense layer over each side's embedding; beside it, with the catalogue loss, the wide part."""

    def __init__(
        self, interactions: Interactions, config: TowersConfig, *, hidden: int, wide_part: WidePart | None
    ) -> None:
        users, items = (
            fitting.Tower(names, config.embedding, hidden=hidden, l2=l2)
            for names, l2 in (
                (interactions.users, config.l2),
                (interactions.items, config.items_l2(len(interactions.items))),
            )
        )
        metrics = None
        if config.loss == BATCH:
            candidates = tf.data.Dataset.from_tensor_slices(interactions.items).batch(1024).map(items)
            metrics = tfrs.metrics.FactorizedTopK(candidates=candidates)
        super().__init__(interactions, (users, items), config, metrics=metrics, wide_part=wide_part)
