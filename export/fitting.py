"""What the two TFRS models share in training: seeds, Keras' loop and its progress."""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf

from export.factorized import Factorized, OnEpoch
from export.interactions import Interactions


def seed_everything(seed: int) -> None:
    """Make what follows repeat to the bit: Python, numpy, TensorFlow, and the order in which its threads add up."""
    tf.keras.utils.set_random_seed(seed)
    tf.config.experimental.enable_op_determinism()


def ids() -> tf.Tensor:
    """Open a tower: `[batch]` id strings; without it Keras guesses that the look-up's input is a number."""
    return tf.keras.Input(shape=(), dtype=tf.string)


def lookup(vocabulary: Any) -> tf.keras.layers.StringLookup:
    """Adapt a StringLookup to `[n]` ids; index 0 is any id that is not among them."""
    layer = tf.keras.layers.StringLookup(mask_token=None)
    layer.adapt(tf.constant(vocabulary))
    return layer


def pairs(interactions: Interactions, *, batch: int, seed: int) -> tf.data.Dataset:
    """Give the interactions as shuffled batches of ``{"user_id": [batch] string, "item": [batch] string}``."""
    rows = {"user_id": interactions.users[interactions.user], "item": interactions.items[interactions.item]}
    data = tf.data.Dataset.from_tensor_slices(rows)
    return data.shuffle(len(interactions), seed=seed, reshuffle_each_iteration=True).batch(batch)


def fit(model: tf.keras.Model, data: tf.data.Dataset, *, epochs: int, on_epoch: OnEpoch) -> None:
    """Run Keras' training loop and report the loss of each epoch."""
    report = tf.keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: on_epoch(epoch + 1, logs["loss"]))
    model.fit(data, epochs=epochs, verbose=0, callbacks=[report])


def factorized(user_tower: tf.keras.Model, item_tower: tf.keras.Model, interactions: Interactions) -> Factorized:
    """Hand over two trained towers that have no biases; the item tower is asked once for every item."""
    return Factorized(
        query_model=user_tower,
        vectors=item_tower(tf.constant(interactions.items)).numpy(),
        item_biases=np.zeros(len(interactions.items), np.float32),
        user_biases=np.zeros(len(interactions.users), np.float32),
    )
