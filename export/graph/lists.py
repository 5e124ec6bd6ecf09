"""Lists of columns in the graph, kept one behind the other: what a user has, which items bear a tag."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import export  # noqa: F401  isort: skip - selects Keras 2 before it is touched

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from serving.contract import LOWEST

Ints = npt.NDArray[np.int64]


class Lists(tf.Module):
    """One list for each of ``n`` owners, sparse; ``n`` is the place of an owner that is not known, who has nothing.

    Every list ends with the padding column, so that whatever is read past its end can be read from its last place: a
    comparison of each place with the list's length, and what is then chosen by it, would be five steps more a request.
    """

    def __init__(self, offsets: Ints, columns: Ints, *, padding: int) -> None:
        """Take `[n + 1]` offsets into `[m]` columns: owner ``o`` has ``columns[offsets[o]:offsets[o + 1]]``."""
        super().__init__()
        self.padding = padding
        self.unknown = len(offsets) - 1
        ends = np.append(offsets[1:], offsets[-1])
        last = ends + np.arange(len(ends))
        first = np.append(0, last[:-1] + 1)
        spans = np.stack([first, last, last - first + 1], axis=1)
        self.spans = tf.Variable(spans.astype(np.int32), trainable=False)
        self.columns = tf.Variable(np.insert(columns, ends, padding).astype(np.int32), trainable=False)

    def __call__(self, owner: tf.Tensor, asked: tf.Tensor | None = None) -> tf.Tensor:
        """List `[b, m]` columns of what `[b]` owners have, where asked, each row with the padding column at its end."""
        owner = owner if asked is None else tf.where(asked, owner, self.unknown)
        first, last, length = tf.split(tf.gather(self.spans, owner), 3, axis=1)
        place = tf.range(tf.reduce_max(tf.concat([[[1]], length], axis=0)))
        return tf.gather(self.columns, tf.minimum(first + place, last))


def cells(columns: tf.Tensor) -> tf.Tensor:
    """Pair `[b, m]` columns with their rows, to scatter by: `[b, m, 2]`.

    >>> cells(tf.constant([[5, 7]])).numpy().tolist()
    [[[0, 5], [0, 7]]]
    """
    rows = tf.expand_dims(tf.range(tf.shape(columns)[0]), 1) + tf.zeros_like(columns)
    return tf.stack([rows, columns], axis=2)


@dataclass(frozen=True, kw_only=True)
class Limit:
    """What may be answered: where given, all but what is left out, and only what is allowed.

    Attributes:
        left_out: `[b, m]` columns.
        allowed: `[b, columns]` bool.
    """

    left_out: tf.Tensor | None = None
    allowed: tf.Tensor | None = None

    def lower(self, scores: tf.Tensor) -> tf.Tensor:
        """Lower in `[b, columns]` scores what may not be answered to the lowest float."""
        scores = scores if self.allowed is None else tf.where(self.allowed, scores, LOWEST)
        return scores if self.left_out is None else without(scores, self.left_out)

    def spread(self, columns: int) -> Limit:
        """Say the same of each of so many columns, so that it can be split."""
        if self.left_out is None:
            return self
        rows, allowed = tf.shape(self.left_out)[0], self.allowed
        allowed = tf.fill([rows, columns], True) if allowed is None else allowed
        out = tf.fill(tf.shape(self.left_out), False)
        return Limit(allowed=tf.tensor_scatter_nd_update(allowed, cells(self.left_out), out))

    def split(self, columns: Sequence[int]) -> list[Limit]:
        """Say the same of so many columns, and of as many that follow as come next."""
        if len(columns) == 1:
            return [self]
        allowed = self.spread(sum(columns)).allowed
        # Not by slices, for which tf2onnx wants a shape that it does not know in a branch.
        parts = [None] * len(columns) if allowed is None else tf.split(allowed, columns, axis=1)
        return [Limit(allowed=part) for part in parts]

    def rows(self, places: tf.Tensor) -> Limit:
        """Take `[r, 1]` rows."""
        both = {name: tf.gather_nd(of, places) for name, of in vars(self).items() if of is not None}
        return replace(self, **both)


def chosen(columns: tf.Tensor, places: tf.Tensor) -> tf.Tensor:
    """Take from `[b, m]` columns those in `[b, k]` places of their rows: `[b, k]`.

    >>> chosen(tf.constant([[5, 7, 9]]), tf.constant([[2, 0]])).numpy().tolist()
    [[9, 5]]
    """
    rows = tf.expand_dims(tf.range(tf.shape(columns)[0]), 1)
    return tf.gather(tf.reshape(columns, [-1]), rows * tf.shape(columns)[1] + places)


def without(scores: tf.Tensor, left_out: tf.Tensor) -> tf.Tensor:
    """Lower in `[b, columns]` scores the `[b, m]` columns that are left out.

    >>> (without(tf.constant([[0.5, 0.1]]), tf.constant([[0]])) > LOWEST).numpy().tolist()
    [[False, True]]
    """
    return tf.tensor_scatter_nd_update(scores, cells(left_out), tf.fill(tf.shape(left_out), LOWEST))


def distinct(columns: tf.Tensor, *, padding: int) -> tf.Tensor:
    """Sort `[b, n]` columns, as histories are, and keep what names an item, once: `[b, m + 1]`.

    m is the most that a row keeps, and the end of every row is padding: whatever n is, what is gathered for these
    columns is no wider than what is known and distinct.

    >>> distinct(tf.constant([[7, 5, 7]]), padding=9).numpy().tolist()
    [[5, 7, 9]]
    """
    end = tf.fill([tf.shape(columns)[0], 1], padding)
    columns = ascending(tf.concat([columns, end], axis=1), tf.shape(columns)[1] + 1)
    following = tf.concat([columns[:, 1:], end], axis=1)
    once = tf.where(columns == following, padding, columns)
    kept = tf.reduce_sum(tf.cast(once < padding, tf.int32), axis=1)
    return ascending(once, tf.reduce_max(tf.concat([[0], kept], axis=0)) + 1)


def ascending(columns: tf.Tensor, width: tf.Tensor) -> tf.Tensor:
    """Sort `[b, n]` columns and keep the first ``width`` of each row.

    >>> ascending(tf.constant([[7, 5, 9]]), tf.constant(2)).numpy().tolist()
    [[5, 7]]
    """
    return -tf.math.top_k(-columns, width).values
