"""The scanning index: the same answers as the full product, for a reading of the leading columns.

The matrix that is scanned holds of each item the leading components, what EXTRA components a query picks, and the
length of all that is not in it. Its product with a query made alike is an upper bound on every score. The items with
the best bounds are scored exactly; where the bound of the best one left out, and some room for rounding, is not below a
row's k-th score, more of them are, and where that is not enough the full product answers. Items that may not be
answered are lowered before bounds are compared: they are neither answers nor witnesses.

**Rounding.** u = 2⁻²⁴ is float32's, d the components of q and v. A sum of n products, in whatever order, is off by no
more than n·u·Σ|qᵢvᵢ| ≤ n·u·|q||v| to first order (Higham, Accuracy and Stability of Numerical Algorithms, 3.1). So an
item's score as computed exceeds q·v by at most d·u·|q||v|. Its bound as computed falls short of the true one by at most
(h + 3)·u·|q||v| for the product over h + 3 ≤ d + 1 components, d/2·u·|q||v| for the length of the query's rest, which
is itself a sum (the item's is rounded up at export), and 3u more for its root and scale. All of it is below 3·(d + 2)·u
times |q| times the length of the longest item; 4 is taken, for what the first order leaves out and the sum of margin
and bound. |q| is computed within d·u of itself, which is of second order.

**Whoever else is in the batch.** A row falls back together with its batch, so both ways must answer a row alike: the
first m, the candidates, of either are scored by the same sum, row by row, and put into order by it. Items, order and
scores are then the same bits, unless more items than m - k lie within rounding of a row's k-th score.
"""

from __future__ import annotations

from functools import partial
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
"""How many times as many candidates are scored where the first do not prove every row, before the full product is."""

ALIGNED = 16
"""Float32s in the widest vector register."""

Answer = tuple[tf.Tensor, tf.Tensor, tf.Tensor]

TINY = float(np.finfo(np.float32).tiny)


class ScanBruteForce(BlockBruteForce):
    """Exact retrieval over candidates that were turned so that their leading components say most.

    Attributes:
        head: components that are scanned.
        stages: candidates that are scored exactly, first and, where these do not prove a row, then.
        most: answers that a scan can give; whoever asks for more asks the full product.
    """

    def __init__(self, k: int, *, head: int, candidates: int) -> None:
        """Prepare to scan ``head`` components and to score ``candidates``, fewer than there are to come."""
        super().__init__(k=k)
        self.head = head
        self.stages: tuple[int, ...] = candidates, WIDER * candidates

    def index(self, candidates: tf.Tensor, identifiers: tf.Tensor | None = None) -> Self:
        """Take `[n, d]` candidates, of which the last EXTRA components are always scanned; see BlockBruteForce."""
        candidates = np.asarray(candidates, np.float32)
        self._take(len(candidates), identifiers)
        self.stages = tuple(stage for stage in self.stages if stage < self.size)
        self.most = self.stages[-1] // 2
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
        rows = tf.shape(queries)[0]
        k = tf.fill([rows], width) if k is None else tf.minimum(k, width)
        bounds = limit(self.bounds(queries))

        def stage(candidates: int) -> Answer:
            scores, columns, proven = self.scan(queries, bounds, k, candidates)
            return scores[:, :width], columns[:, :width], tf.reduce_all(tf.concat([proven, [True]], axis=0))

        answer: Answer = tf.zeros([rows, width]), tf.zeros([rows, width], tf.int32), tf.constant(False)
        for candidates in self.stages:
            done = answer[2] | (width > candidates // 2)
            answer = tf.cond(done, partial(tuple, answer), partial(stage, candidates))
        return tf.cond(answer[2], partial(tuple, answer[:2]), lambda: self.full(queries, width, limit))

    def bounds(self, queries: tf.Tensor) -> tf.Tensor:
        """Bound the scores of all candidates from above, for `[b, d]` vectors: `[b, columns]`."""
        lead, rest, extra = self._parts(queries)
        return tf.matmul(tf.concat([lead, extra, _length(rest)], axis=1), self._candidates)

    def scan(self, queries: tf.Tensor, bounds: tf.Tensor, k: tf.Tensor, candidates: int) -> Answer:
        """Rank `[b, candidates]` scores and columns, and say of which `[b]` rows the first `[b]` k are proven."""
        best, columns = self.best(bounds, candidates + 1)
        scores, columns = self._settle(queries, best[:, :-1], columns[:, :-1])
        last = tf.expand_dims(tf.range(candidates), 0) < tf.expand_dims(k, 1)
        last = tf.reduce_min(tf.where(last, scores, scores[:, :1]), axis=1)
        room = self._room[0] * _length(queries[:, :-1])[:, 0] + self._room[1] * tf.abs(queries[:, -1])
        return scores, columns, (best[:, -1] <= LOWEST) | (best[:, -1] + room < last)

    def full(self, queries: tf.Tensor, width: tf.Tensor, limit: Limit) -> tuple[tf.Tensor, tf.Tensor]:
        """Rank by the full product: `[b, width]` scores and columns, the first of them in the order of their sums."""
        settled = tf.where(width > self.stages[0] // 2, self.stages[-1], self.stages[0])
        best, columns = self.best(limit(self.scores(queries)), tf.maximum(width, settled))
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
