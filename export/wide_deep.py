"""Wide & deep (Cheng et al. 2016, arXiv:1606.07792) as a two-tower model that one dot-product index holds exactly."""

from __future__ import annotations

from typing import Any

import tensorflow as tf
import tensorflow_recommenders as tfrs

from export import fitting
from export.factorized import Factorized, OnEpoch, quiet
from export.interactions import Interactions
from export.recipes import WideDeepConfig


class WideDeepModel(tfrs.Model):
    """A dense layer over each side's embedding; softmax over the items of the batch (TFRS's Retrieval task)."""

    def __init__(self, interactions: Interactions, config: WideDeepConfig) -> None:
        super().__init__()
        self.user_tower = _tower(interactions.users, config)
        self.item_tower = _tower(interactions.items, config)
        candidates = tf.data.Dataset.from_tensor_slices(interactions.items).batch(1024).map(self.item_tower)
        self.task = tfrs.tasks.Retrieval(metrics=tfrs.metrics.FactorizedTopK(candidates=candidates))

    def compute_loss(self, inputs: dict[str, tf.Tensor], training: bool = False) -> tf.Tensor:
        """Compute the loss of a batch, ``user_id`` and ``item`` strings of shape `[batch]`: a scalar.

        The metrics rank the whole catalogue for every row: asked of ``evaluate``, not of each training step.
        """
        users, items = self.user_tower(inputs["user_id"]), self.item_tower(inputs["item"])
        return self.task(users, items, compute_metrics=not training)


def train(
    interactions: Interactions, config: WideDeepConfig, *, seed: int = 42, on_epoch: OnEpoch = quiet
) -> Factorized:
    """Train on all interactions given."""
    fitting.seed_everything(seed)
    model = WideDeepModel(interactions, config)
    model.compile(optimizer=tf.keras.optimizers.Adagrad(config.learning_rate))
    data = fitting.pairs(interactions, batch=config.batch, seed=seed)
    fitting.fit(model, data, epochs=config.epochs, on_epoch=on_epoch)
    return fitting.factorized(model.user_tower, model.item_tower, interactions)


def _tower(vocabulary: Any, config: WideDeepConfig) -> tf.keras.Model:
    lookup = fitting.lookup(vocabulary)
    embedding = tf.keras.layers.Embedding(lookup.vocabulary_size(), config.embedding)
    return tf.keras.Sequential([fitting.ids(), lookup, embedding, tf.keras.layers.Dense(config.hidden)])
