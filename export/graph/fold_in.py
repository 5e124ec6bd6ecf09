"""Fold-in: a query for someone who is no user yet, from the items they like.

The user's half-step of implicit matrix factorization (Hu, Koren and Volinsky, "Collaborative filtering for implicit
feedback datasets", 2008) over item vectors that stay as they are: the x that minimizes
``sum_i c_i (p_i - x·y_i)^2 + r |x|^2``, where p_i = 1 and c_i = 1 + a for a liked item, p_i = 0 and c_i = 1 for any
other. That is ``(G + a Σ yyᵀ) x = (1 + a) Σ y`` with ``G = YᵀY + r I``, sums over the liked items, solved by conjugate
gradient (Takács, Pilászy and Tikk, "Applications of the conjugate gradient method for implicit feedback collaborative
filtering", 2011), written out step by step because ONNX has neither a linear solver nor a cheap loop.

A y is all that the index holds of an item: embedding, bias and popularity. How much of the latter two is right on the
scale of 0 and 1 is fitted like the rest: a bias that was learned with another loss, taken as it is, drowns the
embedding or does nothing. Half of the items of 250 MovieLens users, of whom training knew nothing, gave for the other
half an NDCG@10 of 0.22 (two-tower) and 0.44 (LightFM) by embeddings alone, with a = 10 and r = 0.01; of 0.52 and 0.59
as it is here (tutorial recipes; the most popular items: 0.36).

The steps are taken on whitened vectors, for which G is the identity: the same solution, but m liked items need m + 1
steps at most, however differently the components are scaled. And they are taken in float64: in float32, TensorFlow and
ONNX Runtime come out further apart than 1e-5.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from export.graph.query import EXTRA

ALPHA = 10.0
"""How much more a liked item counts than one that was never met: a. The paper's 40 was worse on every model."""

RIDGE = 1.0
"""r as a share of the mean eigenvalue of YᵀY, because vectors of the three models differ a hundredfold in length."""

STEPS = 8
"""Conjugate-gradient steps from zero; ``implicit`` takes 3, but starts from the vector of the epoch before."""

TINY = 1e-100
"""Keeps 0 / 0 a number: where nothing is liked and where the solution is reached before the last step."""


def whitening(columns: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
    """Compute the `[c, c]` matrix that whitens `[n, c]` items, bias and popularity brought to the embedding's scale.

    >>> items = np.array([[3, 0, 1, 9], [0, 4, 2, 5], [1, 1, 0, 7]], np.float32)
    >>> white = items @ whitening(items)
    >>> np.allclose(white.T @ white, np.diag(np.diag(white.T @ white)), atol=1e-6)
    True
    """
    exact = columns.astype(np.float64)
    power = (exact**2).sum(axis=0)
    power[:-EXTRA] = power[:-EXTRA].mean()
    scale = np.sqrt(power[0] / np.maximum(power, TINY)) * (power > 0)
    values, axes = np.linalg.eigh((exact * scale).T @ (exact * scale))
    ridge = max(RIDGE * values.mean(), TINY)
    return np.asarray(scale[:, None] * (axes / np.sqrt(np.maximum(values, 0.0) + ridge)))


def fold_in(liked: tf.Tensor, whitening: tf.Tensor) -> tf.Tensor:
    """Fit `[b, c]` queries to `[b, m, c]` liked items, zero vectors standing for none.

    >>> fold_in(tf.zeros([1, 2, 3]), tf.eye(3, dtype=tf.float64)).numpy().tolist()
    [[0.0, 0.0, 0.0]]
    """
    # Flat, for ONNX Runtime's sake: it fuses a transposition, a cast and a product that follow each other into one
    # node that crashes it (onnxruntime issue 28392), and `liked` comes out of a transposition.
    flat = tf.cast(tf.reshape(liked, [-1, liked.shape[2]]), tf.float64)
    liked = tf.reshape(tf.linalg.matmul(flat, whitening), tf.shape(liked))
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
    return tf.cast(tf.linalg.matvec(whitening, x), tf.float32)


def _dot(left: tf.Tensor, right: tf.Tensor) -> tf.Tensor:
    """Multiply `[b, d]` with `[b, d]` row by row: `[b, 1]`."""
    return tf.reduce_sum(left * right, axis=1, keepdims=True)
