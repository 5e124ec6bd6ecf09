"""What the two TFRS models share in training: seeds, Keras' loop and its progress."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from export.data.interactions import Interactions
from export.waist.factorized import OnEpoch


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


def tower(names: Any, embedding: int, *, hidden: int = 0, l2: float = 0.0) -> tf.keras.Sequential:
    """Embed `[batch]` ids that are among ``names``; with ``hidden`` units, a dense layer over the embedding.

    ``l2`` weighs the mean squared length of the vectors, not of the weights: a dense layer would only move length from
    one to the other.
    """
    known = lookup(names)
    length = tf.keras.regularizers.L2(l2) if l2 else None  # Keras divides what an activity costs by the batch
    embed = tf.keras.layers.Embedding(
        known.vocabulary_size(), embedding, activity_regularizer=None if hidden else length
    )
    dense = [tf.keras.layers.Dense(hidden, activity_regularizer=length)] if hidden else []
    return tf.keras.Sequential([ids(), known, embed, *dense])


def pairs(interactions: Interactions, *, batch: int, seed: int) -> tf.data.Dataset:
    """Give the interactions as shuffled batches of ``{"user_id": [batch] string, "item": [batch] string}``."""
    rows = {"user_id": interactions.users[interactions.user], "item": interactions.items[interactions.item]}
    data = tf.data.Dataset.from_tensor_slices(rows)
    return data.shuffle(len(interactions), seed=seed, reshuffle_each_iteration=True).batch(batch)


def fit(model: tf.keras.Model, data: tf.data.Dataset, *, epochs: int, on_epoch: OnEpoch) -> None:
    """Run Keras' training loop and report the loss of each epoch."""
    report = tf.keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: on_epoch(epoch + 1, logs["loss"]))
    model.fit(data, epochs=epochs, verbose=0, callbacks=[report])
