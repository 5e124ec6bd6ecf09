"""What the two TFRS models share in training: seeds, Keras' loop and its progress."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import tensorflow as tf

from export.data.interactions import Interactions
from export.waist.factorized import OnEpoch

NAMES = 65_536
"""Names that are taken into a vocabulary at a time; Keras' own 32 take 100 s of a million."""


def seed_everything(seed: int) -> None:
    """Make what follows repeat to the bit: Python, numpy, TensorFlow, and the order in which its threads add up."""
    tf.keras.utils.set_random_seed(seed)
    tf.config.experimental.enable_op_determinism()


class Tower(tf.keras.Model):
    """Embed ids that are among ``names``; with ``hidden`` units, a dense layer over the embedding.

    ``l2`` weighs the mean squared length of the vectors, not of the weights: a dense layer would only move length from
    one to the other.

    Attributes:
        width: components of a vector.
    """

    def __init__(self, names: Any, embedding: int, *, hidden: int = 0, l2: float = 0.0) -> None:
        super().__init__()
        self.width = hidden or embedding
        self.lookup = tf.keras.layers.StringLookup(mask_token=None)  # place 0 is any id that is not among the names
        self.lookup.adapt(tf.data.Dataset.from_tensor_slices(names).batch(NAMES))
        length = tf.keras.regularizers.L2(l2) if l2 else None  # Keras divides what an activity costs by the batch
        size, no_dense = self.lookup.vocabulary_size(), not hidden
        embed = tf.keras.layers.Embedding(size, embedding, activity_regularizer=length if no_dense else None)
        dense = [] if no_dense else [tf.keras.layers.Dense(hidden, activity_regularizer=length)]
        self.embed = tf.keras.Sequential([embed, *dense])

    def call(self, ids: tf.Tensor) -> tf.Tensor:
        """Compute the vectors of `[b]` id strings: `[b, width]`."""
        return self.embed(self.lookup(ids))


def pairs(interactions: Interactions, *, batch: int, half_life: float, seed: int) -> tf.data.Dataset:
    """Give shuffled batches of ``user_id`` and ``item``, strings, and ``weight``, float32, all `[batch]`."""
    users, items = tf.constant(interactions.users), tf.constant(interactions.items)
    user, item = tf.constant(interactions.user), tf.constant(interactions.item)
    weight = tf.constant(interactions.weights(half_life))

    def look_up(rows: tf.Tensor) -> dict[str, tf.Tensor]:
        return {
            "user_id": tf.gather(users, tf.gather(user, rows)),
            "item": tf.gather(items, tf.gather(item, rows)),
            "weight": tf.gather(weight, rows),
        }

    rows = tf.data.Dataset.range(
        len(interactions)
    )  # rows' numbers are shuffled: strings one by one take ten times as long
    return rows.shuffle(len(interactions), seed=seed, reshuffle_each_iteration=True).batch(batch).map(look_up)


def fit(model: tf.keras.Model, data: tf.data.Dataset, *, epochs: int, on_epoch: OnEpoch) -> None:
    """Run Keras' training loop and report the loss of each epoch."""
    report = tf.keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: on_epoch(epoch + 1, logs["loss"]))
    with _as_written():
        model.fit(data, epochs=epochs, verbose=0, callbacks=[report])


@contextmanager
def _as_written() -> Iterator[None]:
    """Have TensorFlow run the graphs of a training as they are written.

    Where a step's tensors pass 200 MB, its rewriter turns sums into additions to one temporary variable, in the order
    in which threads come: no seed repeats that, and at times the variable "already exists" and the training ends
    (tensorflow/tensorflow#23780). There is no switch for this rewriting alone, and no step is faster for the others.
    """
    before = tf.config.optimizer.get_experimental_options().get("disable_meta_optimizer", False)
    tf.config.optimizer.set_experimental_options({"disable_meta_optimizer": True})
    try:
        yield
    finally:
        tf.config.optimizer.set_experimental_options({"disable_meta_optimizer": before})
