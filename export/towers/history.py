"""Histories in the graph: the user tower that reads what a user has, in training and, the same weights, in serving.

A history is a row of zeros and ones, `[b, n_items]`: its product with the weights costs what asking the index costs
once more, and converts to ONNX. Gathering the embeddings of a user's items instead is less work for one user, but
pads a batch to its longest history (736 items in MovieLens 100k) times the embedding.
"""

from __future__ import annotations

import export  # noqa: F401  isort: skip - selects Keras 2 before it is touched

import numpy as np
import tensorflow as tf

from export.data.interactions import Interactions, Ints
from export.waist.places import Places
from serving.contract import PADDING


class Histories(tf.Module):
    """What each known user has, sparse; ``n_users`` is the place of someone unknown, who has nothing."""

    def __init__(self, interactions: Interactions) -> None:
        super().__init__()
        offsets, items = interactions.histories()
        self.padding = len(interactions.items)
        self.offsets = tf.Variable(np.append(offsets, offsets[-1]).astype(np.int32), trainable=False)
        self.items = tf.Variable(np.append(items, self.padding).astype(np.int32), trainable=False)

    def __call__(self, user: tf.Tensor, asked: tf.Tensor | bool = True) -> tf.Tensor:
        """List `[b, m]` columns of what `[b]` users have, where asked, padded at the end with the padding column."""
        start = tf.gather(self.offsets, user)
        length = tf.where(asked, tf.gather(self.offsets, user + 1) - start, 0)
        place = tf.expand_dims(tf.range(tf.reduce_max(tf.concat([[1], length], axis=0))), 0)
        held = place < tf.expand_dims(length, 1)
        return tf.where(held, tf.gather(self.items, tf.where(held, tf.expand_dims(start, 1) + place, 0)), self.padding)


class HistoryTower(tf.keras.Model):
    """A user's vector: the embedding of who it is plus the sum of the embeddings of what it has.

    The sum is divided by the root of the number of items: long histories count for more than short ones, but not by as
    much as they are longer.

    Attributes:
        identity: the id's tower, `[b]` user ids -> `[b, d]`.
        wide: columns of the history that are appended to the vector as they are, divided alike; none: an empty list.
    """

    def __init__(
        self, interactions: Interactions, identity: tf.keras.Model, *, dropout: float, l2: float, wide: Ints
    ) -> None:
        super().__init__()
        self.identity, self.wide = identity, tf.constant(wide, tf.int32)
        self.users, self.items = Places(interactions.users), Places(interactions.items)
        self.histories = Histories(interactions)
        regularizer = tf.keras.regularizers.L2(l2 / len(interactions.items))
        self.bag = tf.keras.layers.Dense(identity.output_shape[-1], kernel_regularizer=regularizer)
        self.dropout = tf.keras.layers.Dropout(dropout)

    def call(self, user_id: tf.Tensor) -> tf.Tensor:
        """Compute the vectors of `[b]` user ids from the histories kept here: `[b, d + wide]`."""
        return self.read(user_id, self._row(self.histories(self.users(user_id))))

    def read(self, user_id: tf.Tensor, given: tf.Tensor, wanted: tf.Tensor | None = None) -> tf.Tensor:
        """Compute the vectors of `[b]` user ids with `[b, n_items]` histories of zeros and ones: `[b, d + wide]`.

        In training the histories are parts; with what is ``wanted`` beside them they are scaled to the length of the
        whole, because that is the length which is met in serving. Divided by the root of their own number of items,
        parts are shorter vectors than what they stand for: NDCG@10 0.261 instead of 0.270 (validation, random-80-20).
        """
        items = tf.reduce_sum(given, axis=1, keepdims=True)
        whole = items if wanted is None else items + tf.reduce_sum(wanted, axis=1, keepdims=True)
        given *= tf.sqrt(whole) / tf.maximum(items, 1.0)
        deep = self.dropout(self.identity(user_id) + self.bag(given), training=wanted is not None)
        return tf.concat([deep, tf.gather(given, self.wide, axis=1)], axis=1)

    def read_items(self, items: tf.Tensor) -> tf.Tensor:
        """Compute the vectors of people with no id who have `[b, n]` items, padded with ``""``: `[b, d + wide]`."""
        columns = self.items(items)
        return self.read(tf.fill(tf.shape(columns)[:1], PADDING), self._row(columns))

    def _row(self, columns: tf.Tensor) -> tf.Tensor:
        """Write `[b, m]` columns as `[b, n_items]` zeros and ones; the padding column is cut off."""
        rows = tf.expand_dims(tf.range(tf.shape(columns)[0]), 1) + tf.zeros_like(columns)
        zeros = tf.zeros([tf.shape(columns)[0], self.items.size + 1])
        ones = tf.ones(tf.shape(columns))
        return tf.tensor_scatter_nd_update(zeros, tf.stack([rows, columns], axis=2), ones)[:, :-1]


class HistoryModel(tf.keras.Model):
    """A history tower asked for people it has no history of: `[b, n]` items -> `[b, d]`."""

    def __init__(self, tower: HistoryTower) -> None:
        super().__init__()
        self.tower = tower

    def call(self, items: tf.Tensor) -> tf.Tensor:
        """Compute the vectors of people who have `[b, n]` items, padded with ``""``."""
        return self.tower.read_items(items)
