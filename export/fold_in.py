"""Fold-in: a vector for someone who is no user yet, from the items they like.

The user's half-step of implicit matrix factorization (Hu, Koren and Volinsky, "Collaborative filtering for implicit
feedback datasets", 2008) over item vectors that stay as they are: the x that minimizes
``sum_i c_i (p_i - x·y_i)^2 + r |x|^2``, where p_i = 1 and c_i = 1 + a for a liked item, p_i = 0 and c_i = 1 for any
other. That is ``(YᵀY + r I + a Σ yyᵀ) x = (1 + a) Σ y``, sums over the liked items, solved by conjugate gradient
(Takács, Pilászy and Tikk, "Applications of the conjugate gradient method for implicit feedback collaborative
filtering", 2011), written out step by step because ONNX has neither a linear solver nor a cheap loop.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import tensorflow as tf

ALPHA = 40.0
"""How much more a liked item counts than one that was never met: a, with the paper's value."""

RIDGE = 0.01
"""r as a share of the mean eigenvalue of YᵀY: vectors of the three models differ a hundredfold in length."""

STEPS = 8
"""Conjugate-gradient steps from zero; ``implicit`` takes 3, but starts from the vector of the epoch before."""

TINY = 1e-30


def gram(vectors: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Compute ``YᵀY + r I`` of `[n, d]` item vectors: `[d, d]`."""
    exact = vectors.astype(np.float64)
    product = exact.T @ exact
    return (product + RIDGE * np.trace(product) / len(product) * np.eye(len(product))).astype(np.float32)


def fold_in(liked: tf.Tensor, gram: tf.Tensor) -> tf.Tensor:
    """Fit `[b, d]` user vectors to `[b, m, d]` vectors of liked items, zero vectors standing for none."""
    x = tf.zeros_like(liked[:, 0, :])
    residual = (1.0 + ALPHA) * tf.reduce_sum(liked, axis=1)
    direction, norm = residual, _dot(residual, residual)
    for _ in range(STEPS):
        image = tf.matmul(direction, gram) + ALPHA * _twice(liked, direction)
        step = norm / tf.maximum(_dot(direction, image), TINY)
        x += step * direction
        residual -= step * image
        before, norm = norm, _dot(residual, residual)
        direction = residual + norm / tf.maximum(before, TINY) * direction
    return x


def _twice(liked: tf.Tensor, direction: tf.Tensor) -> tf.Tensor:
    """Compute ``Σ y (y·p)``: `[b, d]` from `[b, m, d]` items and `[b, d]` directions."""
    along = tf.matmul(liked, tf.expand_dims(direction, 2))
    return tf.reduce_sum(along * liked, axis=1)


def _dot(left: tf.Tensor, right: tf.Tensor) -> tf.Tensor:
    return tf.reduce_sum(left * right, axis=1, keepdims=True)
