"""Histories in the graph: what known users have, to be left out, and the vector of someone by what they have."""

from __future__ import annotations

import export  # noqa: F401  isort: skip - selects Keras 2 before it is touched

import numpy as np
import tensorflow as tf

from export.data.interactions import Interactions
from export.graph.lists import Lists, cells
from export.waist.factorized import History


class Histories(Lists):
    """What each known user has."""

    def __init__(self, interactions: Interactions) -> None:
        super().__init__(*interactions.histories(), padding=len(interactions.items))


class HistoryVector(tf.Module):
    """A trained ``History`` in the graph.

    The vectors of what one has are gathered and summed: `[b, m, e]` for the moment. A row of zeros and ones times all
    vectors would not pad to the longest history, but costs as much as asking the index once more.
    """

    def __init__(self, history: History) -> None:
        super().__init__()
        self.size, self.width = len(history.vectors), len(history.wide)
        self.start = tf.Variable(history.start, trainable=False)
        self.vectors = tf.Variable(np.pad(history.vectors, ((0, 1), (0, 0))), trainable=False)
        place = np.full(self.size + 1, self.width, np.int32)
        place[history.wide] = np.arange(self.width)
        self.place = tf.Variable(place, trainable=False) if self.width else None

    def __call__(self, columns: tf.Tensor) -> tf.Tensor:
        """Compute the vectors of people who have `[b, m]` columns, each once in its row: `[b, d]`."""
        held = tf.cast(columns < self.size, tf.float32)
        weight = 1 / tf.sqrt(tf.maximum(tf.reduce_sum(held, axis=1, keepdims=True), 1.0))
        deep = self.start + weight * tf.reduce_sum(tf.gather(self.vectors, columns), axis=1)
        if self.place is None:
            return deep
        zeros = tf.zeros([tf.shape(columns)[0], self.width + 1])
        at = cells(tf.gather(self.place, columns))
        wide = tf.tensor_scatter_nd_update(zeros, at, tf.ones(tf.shape(columns)))[:, :-1]
        return tf.concat([deep, weight * wide], axis=1)
