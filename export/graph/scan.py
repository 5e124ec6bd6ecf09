"""The scanning index: the same answers as the full product, for a reading of the leading columns.

The matrix that is scanned holds of each item the leading components, what EXTRA components a query picks, and the
length of all that is not in it. Its product with a query made alike is an upper bound on every score. The items with
the best bounds are scored exactly; where the bound of the best one left out, and some room for rounding, is not below a
row's k-th score, more of them are for that row, and where that is not enough the full product answers it. Items that
may not be answered are lowered before bounds are compared: they are neither answers nor witnesses.

**Rounding.** u = 2⁻²⁴ is float32's, d the components of q and v. A sum of n products, in whatever order, is off by no
more than n·u·Σ|qᵢvᵢ| ≤ n·u·|q||v| to first order (Higham, Accuracy and Stability of Numerical Algorithms, 3.1). So an
item's score as computed exceeds q·v by at most d·u·|q||v|. Its bound as computed falls short of the true one by at most
(h + 3)·u·|q||v| for the product over h + 3 ≤ d + 1 components, d/2·u·|q||v| for the length of the query's rest, which
is itself a sum (the item's is rounded up at export), and 3u more for its root and scale. All of it is below 3·(d + 2)·u
times |q| times the length of the longest item; 4 is taken, for what the first order leaves out and the sum of margin
and bound. |q| is computed within d·u of itself, which is of second order.

**Whoever else is in the batch.** How many candidates there are, or whether there is a scan at all, follows from whoever
asks for most, so all ways must answer a row alike: the first m, the candidates, of either are scored by the same sum,
row by row, and put into order by it. Items, order and scores are then the same bits, unless more items than m - k lie
within rounding of a row's k-th score.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Self

import export  # noqa: F401  isort: skip - selects Keras 2 before TFRS touches it

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from export.graph.index import CANDIDATES, BlockBruteForce, Limit
from export.graph.lists import ascending
from export.graph.query import EXTRA
from export.waist.factorized import Floats
from serving.contract import LOWEST

REST = "rest"
"""What a checkpoint calls the components that are not scanned."""

ROUNDING = 4 * 2.0**-24
"""Room for rounding: times the components, the length of the query and that of the longest item."""

WIDER = 4
"""How many times as many candidates are scored for a row that the first do not prove, before the full product is."""

MOST = 128
"""Answers up to which there is a scan: 100 still gain at 1,000,000 items, and at 100,000 no more (docs/index.md)."""

ALIGNED = 16
"""Float32s in the widest vector register."""

Ranked = tuple[tf.Tensor, tf.Tensor]

Answer = tuple[tf.Tensor, tf.Tensor, tf.Tensor]

TINY = float(np.finfo(np.float32).tiny)


class ScanBruteForce(BlockBruteForce):
    """Exact retrieval over candidates that were turned so that their leading components say most.

    Attributes:
        head: components that are scanned.
        candidates: items that are scored exactly, at first; more for who asks for more than half as many.
        most: answers that a scan gives, MOST of a large catalogue; whoever asks for more asks the full product.
    """

    def __init__(self, k: int, *, head: int, candidates: int) -> None:
        """Prepare to scan ``head`` components and to score ``candidates``, fewer than there are to come."""
        super().__init__(k=k)
        self.head = head
        self.candidates = candidates

    def index(self, candidates: tf.Tensor, identifiers: tf.Tensor | None = None) -> Self:
        """Take `[n, d]` candidates, of which the last EXTRA components are always scanned; see BlockBruteForce."""
        candidates = np.asarray(candidates, np.float32)
        self._take(len(candidates), identifiers)
        self.most = min(MOST, (self.size - 1) // 2)
        padding = ((0, self.columns - self.size), (0, 0))
        rest = np.nextafter(_lengths(candidates[:, self.head : -EXTRA]).astype(np.float32), np.float32(np.inf))
        scanned = np.column_stack([candidates[:, : self.head], candidates[:, -EXTRA:], rest])
        self._candidates = self._fixed("scanned", tf.constant(np.pad(scanned, padding).T))
        self._rest = self._fixed("rest", tf.constant(np.pad(candidates[:, self.head : -EXTRA], padding)))
        longest = _lengths(candidates[:, : 1 - EXTRA]).max(), np.abs(candidates[:, -1]).max()
        self._reset_tf_function_cache()
        self._room = [float(np.float32(ROUNDING * (candidates.shape[1] + 2) * length)) for length in longest]
        return self

    @property
    def matrices(self) -> dict[str, tf.Variable]:
        """What is scanned, `[head + EXTRA + 1, columns]`, and what is left, `[columns, d - head - EXTRA]`.

        What is left lies item by item, because it is read for a few of them: with every component in another place,
        that was most of what a scan for 32 queries took. The full product takes longer for it: this part of it took 1.6
        times as long at 200,000 items.
        """
        return {CANDIDATES: self._candidates, REST: self._rest}

    def rank(
        self, queries: tf.Tensor, width: int | tf.Tensor, *, k: tf.Tensor | None = None, limit: Limit = tf.identity
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """See BlockBruteForce; more than ``most`` are asked of the full product at once."""
        k = tf.fill([tf.shape(queries)[0]], width) if k is None else tf.minimum(k, width)
        return tf.cond(
            tf.convert_to_tensor(width) > self.most,
            lambda: self.full(queries, limit(self.scores(queries)), width),
            lambda: self._ranked(queries, limit(self.bounds(queries)), k, width, self.stages(width)),
        )

    def stages(self, width: int | tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Say how many are scored exactly where so many are asked for: at first, and then."""
        first = tf.maximum(self.candidates, 2 * tf.minimum(width, MOST))
        return tf.minimum(first, self.size - 1), tf.minimum(WIDER * first, self.size - 1)

    def bounds(self, queries: tf.Tensor) -> tf.Tensor:
        """Bound the scores of all candidates from above, for `[b, d]` vectors: `[b, columns]`."""
        lead, rest, extra = self._parts(queries)
        return tf.matmul(tf.concat([lead, extra, _length(rest)], axis=1), self._candidates)

    def scan(self, queries: tf.Tensor, bounds: tf.Tensor, k: tf.Tensor, candidates: tf.Tensor) -> Answer:
        """Rank `[b, candidates]` scores and columns, and say of which `[b]` rows the first `[b]` k are proven."""
        best, columns = self.best(bounds, candidates + 1)
        scores, columns = self._settle(queries, best[:, :-1], columns[:, :-1])
        last = tf.expand_dims(tf.range(candidates), 0) < tf.expand_dims(k, 1)
        last = tf.reduce_min(tf.where(last, scores, scores[:, :1]), axis=1)
        room = self._room[0] * _length(queries[:, :-1])[:, 0] + self._room[1] * tf.abs(queries[:, -1])
        return scores, columns, (best[:, -1] <= LOWEST) | (best[:, -1] + room < last)

    def full(self, queries: tf.Tensor, scores: tf.Tensor, width: tf.Tensor) -> Ranked:
        """Rank by `[b, columns]` scores: `[b, width]` scores and columns, the first of them by sums of their own."""
        settled = self.stages(width)[0]
        best, columns = self.best(scores, tf.maximum(width, settled))
        scores, first = self._settle(queries, best[:, :settled], columns[:, :settled])
        later = tf.minimum(best[:, settled:], scores[:, -1:])  # no more than a last digit lower
        scores = tf.concat([scores, later], axis=1)
        return scores[:, :width], tf.concat([first, columns[:, settled:]], axis=1)[:, :width]

    def scores(self, queries: tf.Tensor) -> tf.Tensor:
        """Multiply `[b, d]` vectors with all candidates: `[b, columns]`, those past ``size`` 0."""
        lead, rest, extra = self._parts(queries)
        scanned = tf.concat([lead, extra, tf.zeros_like(extra[:, :1])], axis=1)
        # The query is transposed and not what is kept, of which ONNX Runtime would hold a second copy; and by a node of
        # its own, since tf2onnx forgets transpose_b in a branch.
        return tf.matmul(scanned, self._candidates) + tf.transpose(tf.matmul(self._rest, tf.transpose(rest)))

    def vectors(self, columns: tf.Tensor) -> tf.Tensor:
        """Read the candidates in `[...]` int32 columns: `[..., d]`, zero for columns past ``size``."""
        scanned = super().vectors(columns)
        lead, extra = scanned[..., : self.head], scanned[..., self.head : -1]
        # Read first: a gather from the variable itself has TensorFlow copy all of it in each later product.
        return tf.concat([lead, tf.gather(tf.convert_to_tensor(self._rest), columns), extra], axis=-1)

    def _parts(self, queries: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        return queries[:, : self.head], queries[:, self.head : -EXTRA], queries[:, -EXTRA:]

    def _ranked(
        self, queries: tf.Tensor, bounds: tf.Tensor, k: tf.Tensor, width: int | tf.Tensor, stages: Sequence[tf.Tensor]
    ) -> Ranked:
        """Rank by the first of the stages, what it does not prove by the next, and what none does by the product."""
        if not stages:
            return self.full(queries, tf.where(bounds > LOWEST, self.scores(queries), LOWEST), width)
        scores, columns, proven = self.scan(queries, bounds, k, stages[0])
        answer, left = (scores[:, :width], columns[:, :width]), tf.where(~proven)

        def mended() -> Ranked:
            asked, limited, wanted = (tf.gather_nd(each, left) for each in (queries, bounds, k))
            scores, columns = self._ranked(asked, limited, wanted, width, stages[1:])
            return (
                tf.tensor_scatter_nd_update(answer[0], left, scores),
                tf.tensor_scatter_nd_update(answer[1], left, columns),
            )

        return tf.cond(tf.equal(tf.shape(left)[0], 0), lambda: answer, mended)

    def _settle(self, queries: tf.Tensor, best: tf.Tensor, columns: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Score `[b, m]` columns by one sum each and sort them, equal scores by column; the lowest stay the lowest."""
        count = tf.shape(columns)[1]
        columns = ascending(tf.where(best > LOWEST, columns, self.size), count)
        terms = self.vectors(columns) * tf.expand_dims(queries, 1)
        # Each row's terms begin where a vector register does: ONNX Runtime adds up in another order where they do not.
        scores = tf.reduce_sum(tf.pad(terms, [[0, 0], [0, 0], [0, -terms.shape[2] % ALIGNED]]), axis=2)
        sorted_ = tf.math.top_k(tf.where(columns < self.size, scores, LOWEST), count)
        at = tf.expand_dims(tf.range(tf.shape(columns)[0]) * count, 1) + sorted_.indices
        return sorted_.values, tf.gather(tf.reshape(columns, [-1]), at)


def _length(vectors: tf.Tensor) -> tf.Tensor:
    """Compute the length of each of `[b, d]` vectors: `[b, 1]`, also where squares are no float32 any more."""
    scale = tf.maximum(tf.reduce_max(tf.abs(vectors), axis=1, keepdims=True), TINY)
    return scale * tf.norm(vectors / scale, axis=1, keepdims=True)


def _lengths(vectors: Floats) -> npt.NDArray[np.float64]:
    """Compute the length of each of `[n, d]` vectors: `[n]`, in float64, but without a copy of them all."""
    return np.sqrt(np.einsum("nd,nd->n", vectors, vectors, dtype=np.float64))
