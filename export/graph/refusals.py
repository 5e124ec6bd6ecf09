"""What a request is refused for, by the graph itself."""

from __future__ import annotations

import tensorflow as tf

from serving.contract import K_TOO_SMALL, ROWS_DIFFER


def require(k: tf.Tensor | None, first: tf.Tensor, *others: tf.Tensor) -> None:
    """Refuse unlike numbers of rows, and a ``k`` below 1 in all: one in a batch must not fail other callers' rows."""
    if k is not None:
        tf.debugging.Assert(tf.reduce_any(k >= 1) | tf.equal(tf.size(k), 0), [K_TOO_SMALL])
        others = (k, *others)
    rows = tf.shape(first)[0]
    for other in others:
        tf.debugging.Assert(tf.equal(tf.shape(other)[0], rows), [ROWS_DIFFER])
