"""The two-tower model: a user tower and an item tower, trained so that their dot product finds what was chosen."""

from __future__ import annotations

from typing import Any

import tensorflow as tf
import tensorflow_recommenders as tfrs

from export import fitting
from export.factorized import Factorized, OnEpoch, quiet
from export.interactions import Interactions
from export.recipes import TwoTowerConfig


class TwoTowerModel(tfrs.Model):
    """Embeds users and items by id; softmax over the items of the batch (TFRS's Retrieval task)."""

    def __init__(self, interactions: Interactions, config: TwoTowerConfig) -> None:
        super().__init__()
        self.user_tower = _tower(interactions.users, config.embedding)
        self.item_tower = _tower(interactions.items, config.embedding)
        self.task = tfrs.tasks.Retrieval()

    def compute_loss(self, inputs: dict[str, tf.Tensor], training: bool = False) -> tf.Tensor:
        """Compute the loss of a batch, ``user_id`` and ``item`` strings of shape `[batch]`: a scalar."""
        return self.task(self.user_tower(inputs["user_id"]), self.item_tower(inputs["item"]))


def train(
    interactions: Interactions, config: TwoTowerConfig, *, seed: int = 42, on_epoch: OnEpoch = quiet
) -> Factorized:
    """Train on all interactions given."""
    fitting.seed_everything(seed)
    model = TwoTowerModel(interactions, config)
    model.compile(optimizer=tf.keras.optimizers.Adagrad(config.learning_rate))
    data = fitting.pairs(interactions, batch=config.batch, seed=seed)
    fitting.fit(model, data, epochs=config.epochs, on_epoch=on_epoch)
    return fitting.factorized(model.user_tower, model.item_tower, interactions)


def _tower(vocabulary: Any, embedding: int) -> tf.keras.Model:
    lookup = fitting.lookup(vocabulary)
    return tf.keras.Sequential([fitting.ids(), lookup, tf.keras.layers.Embedding(lookup.vocabulary_size(), embedding)])
