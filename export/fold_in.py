"""Fold-in: a vector for someone who is no user yet, from the items they like.

The user's half-step of implicit matrix factorization (Hu, Koren and Volinsky, "Collaborative filtering for implicit
feedback datasets", 2008) over item vectors that stay as they are: the x that minimizes
``sum_i c_i (p_i - x·y_i)^2 + r |x|^2``, where p_i = 1 and c_i = 1 + a for a liked item, p_i = 0 and c_i = 1 for any
other. That is ``(G + a Σ yyᵀ) x = (1 + a) Σ y`` with ``G = YᵀY + r I``, sums over the liked items, solved by conjugate
gradient (Takács, Pilászy and Tikk, "Applications of the conjugate gradient method for implicit feedback collaborative
filtering", 2011), written out step by step because ONNX has neither a linear solver nor a cheap loop.

The steps are taken on whitened vectors ``G^(-1/2) y``, for which G is the identity: the same solution, but m liked
items need m + 1 steps at most, however differently the components of the embeddings are scaled. And they are taken in
float64: in float32, TensorFlow and ONNX Runtime come out further apart than 1e-5.
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

TINY = 1e-100
"""Keeps 0 / 0 a number: where nothing is liked and where the solution is reached before the last step."""


def whitening(vectors: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
    """Compute ``G^(-1/2)`` of `[n, d]` item vectors: `[d, d]`, symmetric."""
    exact = vectors.astype(np.float64)
    values, axes = np.linalg.eigh(exact.T @ exact)
    ridge = max(RIDGE * values.mean(), TINY)
    return np.asarray((axes / np.sqrt(np.maximum(values, 0.0) + ridge)) @ axes.T)


def fold_in(liked: tf.Tensor, whitening: tf.Tensor) -> tf.Tensor:
    """Fit `[b, d]` user vectors to `[b, m, d]` vectors of liked items, zero vectors standing for none."""
    liked = tf.linalg.matmul(tf.cast(liked, tf.float64), whitening)
    x = tf.zeros_like(liked[:, 0, :])
    residual = (1.0 + ALPHA) * tf.reduce_sum(liked, axis=1)
    direction, norm = residual, _dot(residual, residual)
    for _ in range(STEPS):
        along = tf.reduce_sum(liked * tf.expand_dims(direction, 1), axis=2, keepdims=True)
        image = direction + ALPHA * tf.reduce_sum(along * liked, axis=1)
        step = norm / tf.maximum(_dot(direction, image), TINY)
        x += step * direction
        residual -= step * image
        before, norm = norm, _dot(residual, residual)
        direction = residual + norm / tf.maximum(before, TINY) * direction
    return tf.cast(tf.linalg.matmul(x, whitening), tf.float32)


def _dot(left: tf.Tensor, right: tf.Tensor) -> tf.Tensor:
    """Multiply `[b, d]` with `[b, d]` row by row: `[b, 1]`."""
    return tf.reduce_sum(left * right, axis=1, keepdims=True)
