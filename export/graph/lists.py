"""Lists of columns in the graph, kept one behind the other: what a user has, which items bear a tag."""

from __future__ import annotations

import export  # noqa: F401  isort: skip - selects Keras 2 before it is touched

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from serving.contract import LOWEST

Ints = npt.NDArray[np.int64]


class Lists(tf.Module):
    """One list for each of ``n`` owners, sparse; ``n`` is the place of an owner that is not known, who has nothing."""

    def __init__(self, offsets: Ints, columns: Ints, *, padding: int) -> None:
        """Take `[n + 1]` offsets into `[m]` columns: owner ``o`` has ``columns[offsets[o]:offsets[o + 1]]``."""
        super().__init__()
        self.padding = padding
        self.offsets = tf.Variable(np.append(offsets, offsets[-1]).astype(np.int32), trainable=False)
        self.columns = tf.Variable(np.append(columns, padding).astype(np.int32), trainable=False)

    def __call__(self, owner: tf.Tensor, asked: tf.Tensor | bool = True) -> tf.Tensor:
        """List `[b, m]` columns of what `[b]` owners have, where asked, padded at the end with the padding column."""
        start = tf.gather(self.offsets, owner)
        length = tf.where(asked, tf.gather(self.offsets, owner + 1) - start, 0)
        place = tf.expand_dims(tf.range(tf.reduce_max(tf.concat([[1], length], axis=0))), 0)
        held = place < tf.expand_dims(length, 1)
        at = tf.where(held, tf.expand_dims(start, 1) + place, 0)
        return tf.where(held, tf.gather(self.columns, at), self.padding)


def cells(columns: tf.Tensor) -> tf.Tensor:
    """Pair `[b, m]` columns with their rows, to scatter by: `[b, m, 2]`."""
    rows = tf.expand_dims(tf.range(tf.shape(columns)[0]), 1) + tf.zeros_like(columns)
    return tf.stack([rows, columns], axis=2)


def without(scores: tf.Tensor, left_out: tf.Tensor) -> tf.Tensor:
    """Lower in `[b, columns]` scores the `[b, m]` columns that are left out."""
    return tf.tensor_scatter_nd_update(scores, cells(left_out), tf.fill(tf.shape(left_out), LOWEST))


def distinct(columns: tf.Tensor, *, padding: int) -> tf.Tensor:
    """Sort `[b, n]` columns, as histories are, and keep what names an item, once: `[b, m + 1]`.

    m is the most that a row keeps, and the end of every row is padding: whatever n is, what is gathered for these
    columns is no wider than what is known and distinct.
    """
    end = tf.fill([tf.shape(columns)[0], 1], padding)
    columns = ascending(tf.concat([columns, end], axis=1), tf.shape(columns)[1] + 1)
    following = tf.concat([columns[:, 1:], end], axis=1)
    once = tf.where(columns == following, padding, columns)
    kept = tf.reduce_sum(tf.cast(once < padding, tf.int32), axis=1)
    return ascending(once, tf.reduce_max(tf.concat([[0], kept], axis=0)) + 1)


def ascending(columns: tf.Tensor, width: tf.Tensor) -> tf.Tensor:
    """Sort `[b, n]` columns and keep the first ``width`` of each row."""
    return -tf.math.top_k(-columns, width).values
