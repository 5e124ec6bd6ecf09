"""The scanning index: the same answers as the full product, for a reading of the leading columns.

The matrix that is scanned holds of each item the leading components, what EXTRA components a query picks, and the
length of all that is not in it. Its product with a query made alike is an upper bound on every score. The items with
the best bounds are scored exactly; where the bound of the best one left out, and some room for rounding, is not below a
row's k-th score, the full product answers that row. Items that may not be answered are lowered before bounds are
compared: they are neither answers nor witnesses.

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

from export.graph.index import ANYTHING, CANDIDATES, BlockBruteForce, Scores
from export.graph.lists import Limit, ascending, chosen
from export.graph.parts import Ranked, read
from export.graph.query import EXTRA
from export.waist.factorized import Floats
from serving.contract import LOWEST

REST = "rest"
"""What a checkpoint calls the components that are not scanned."""

ROUNDING = 4 * 2.0**-24
"""Room for rounding: times the components, the length of the query and that of the longest item."""

MOST = 128
"""Answers up to which there is a scan at the most: 100 still gain of some 1,000,000 items (docs/index.md)."""

SPARE = 4
"""Items that are scored exactly for each that is asked for. Of 1,000,000 like two_tower's, 200 were not enough to find
the 100 best of 19 users in a hundred, 400 of none."""

ALIGNED = 16
"""Float32s in the widest vector register."""

Answer = tuple[tf.Tensor, tf.Tensor, tf.Tensor]

TINY = float(np.finfo(np.float32).tiny)


class ScanBruteForce(BlockBruteForce):
    """Exact retrieval over candidates that were turned so that their leading components say most.

    Attributes:
        head: components that are scanned.
        candidates: items that are scored exactly, or SPARE times as many as are asked for.
        most: answers that a scan gives, fewer of a small catalogue; whoever asks for more asks the full product.
    """

    def __init__(self, k: int, *, head: int, candidates: int, most: int = MOST) -> None:
        """Prepare to scan ``head`` components and to score ``candidates``, fewer than there are to come."""
        super().__init__(k=k)
        self.head = head
        self.candidates = candidates
        self.most = most

    def index(self, candidates: tf.Tensor, identifiers: tf.Tensor | None = None) -> Self:
        """Take `[n, d]` candidates, of which the last EXTRA components are always scanned; see BlockBruteForce."""
        candidates = np.asarray(candidates, np.float32)
        self._take(len(candidates), identifiers)
        self.most = min(self.most, (self.size - 1) // 2)
        padding = ((0, self.columns - self.size), (0, 0))
        rest = np.nextafter(_lengths(candidates[:, self.head : -EXTRA]).astype(np.float32), np.float32(np.inf))
        scanned = np.pad(np.column_stack([candidates[:, : self.head], candidates[:, -EXTRA:], rest]), padding).T
        left = np.pad(candidates[:, self.head : -EXTRA], padding).T
        self._candidates = [self._fixed("scanned", tf.constant(part.of(scanned))) for part in self.parts]
        self._rest = [self._fixed("rest", tf.constant(part.of(left).T)) for part in self.parts]
        longest = _lengths(candidates[:, : 1 - EXTRA]).max(), np.abs(candidates[:, -1]).max()
        self._reset_tf_function_cache()
        self._room = [float(np.float32(ROUNDING * (candidates.shape[1] + 2) * length)) for length in longest]
        return self

    @property
    def matrices(self) -> dict[str, Sequence[tf.Variable]]:
        """What is scanned, of each part `[head + EXTRA + 1, columns]`, and left, `[columns, d - head - EXTRA]`.

        What is left lies item by item, because it is read for a few of them: with every component in another place,
        that was most of what a scan for 32 queries took. The full product takes longer for it: this part of it took 1.6
        times as long at 200,000 items.
        """
        return {CANDIDATES: self._candidates, REST: self._rest}

    def rank(
        self, queries: tf.Tensor, width: int | tf.Tensor, *, k: tf.Tensor | None = None, limit: Limit = ANYTHING
    ) -> Ranked:
        """See BlockBruteForce; more than ``most`` are asked of the full product at once."""
        k = tf.fill([tf.shape(queries)[0]], width) if k is None else tf.minimum(k, width)
        limit = limit.spread(self.columns) if len(self.parts) > 1 else limit  # once, for all ways below
        scores, columns, proven = tf.cond(
            tf.convert_to_tensor(width) > self.most,
            lambda: self._unproven(queries, width),
            lambda: self.scan(queries, limit, k, width),
        )
        left = tf.where(~proven)

        def mended() -> Ranked:
            full = self.full(tf.gather_nd(queries, left), limit.rows(left), width)
            both = zip((scores, columns), full, strict=True)
            return tuple(tf.tensor_scatter_nd_update(found, left, better) for found, better in both)

        return tf.cond(tf.equal(tf.shape(left)[0], 0), lambda: (scores, columns), mended)

    def settled(self, width: int | tf.Tensor) -> tf.Tensor:
        """Say how many are scored exactly where so many are asked for."""
        return tf.minimum(tf.maximum(self.candidates, SPARE * tf.minimum(width, MOST)), self.size - 1)

    def bounds(self, queries: tf.Tensor) -> Scores:
        """Bound the scores of all candidates from above, for `[b, d]` vectors."""
        lead, rest, extra = self._split(queries)
        asked = tf.concat([lead, extra, _length(rest)], axis=1)
        return lambda part: tf.matmul(asked, self._candidates[part])

    def scan(self, queries: tf.Tensor, limit: Limit, k: tf.Tensor, width: int | tf.Tensor) -> Answer:
        """Rank `[b, width]` scores and columns, and say of which `[b]` rows the first `[b]` k are proven."""
        settled = self.settled(width)
        best, columns = self.best(self.bounds(queries), settled + 1, limit)
        scores, columns = self._settle(queries, best[:, :-1], columns[:, :-1])
        last = tf.expand_dims(tf.range(settled), 0) < tf.expand_dims(k, 1)
        last = tf.reduce_min(tf.where(last, scores, scores[:, :1]), axis=1)
        room = self._room[0] * _length(queries[:, :-1])[:, 0] + self._room[1] * tf.abs(queries[:, -1])
        proven = (best[:, -1] <= LOWEST) | (best[:, -1] + room < last)
        return scores[:, :width], columns[:, :width], proven

    def full(self, queries: tf.Tensor, limit: Limit, width: int | tf.Tensor) -> Ranked:
        """Rank by the product: `[b, width]` scores and columns, the first of them by sums of their own."""
        settled = self.settled(width)
        best, columns = self.best(self.products(queries), tf.maximum(width, settled), limit)
        scores, first = self._settle(queries, best[:, :settled], columns[:, :settled])
        later = tf.minimum(best[:, settled:], scores[:, -1:])  # no more than a last digit lower
        scores = tf.concat([scores, later], axis=1)
        return scores[:, :width], tf.concat([first, columns[:, settled:]], axis=1)[:, :width]

    def products(self, queries: tf.Tensor) -> Scores:
        """See BlockBruteForce."""
        lead, rest, extra = self._split(queries)
        scanned = tf.concat([lead, extra, tf.zeros_like(extra[:, :1])], axis=1)
        # The query is transposed and not what is kept, of which ONNX Runtime would hold a second copy; and by a node of
        # its own, since tf2onnx forgets transpose_b in a branch.
        rest = tf.transpose(rest)
        return lambda part: tf.matmul(scanned, self._candidates[part]) + tf.transpose(tf.matmul(self._rest[part], rest))

    def vectors(self, columns: tf.Tensor) -> tf.Tensor:
        """Read the candidates in `[...]` int32 columns: `[..., d]`, zero for columns past ``size``."""
        scanned = super().vectors(columns)
        lead, extra = scanned[..., : self.head], scanned[..., self.head : -1]
        return tf.concat([lead, read(self.parts, self._rest, columns, axis=0), extra], axis=-1)

    def _split(self, queries: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        return queries[:, : self.head], queries[:, self.head : -EXTRA], queries[:, -EXTRA:]

    def _unproven(self, queries: tf.Tensor, width: int | tf.Tensor) -> Answer:
        shape = [tf.shape(queries)[0], width]
        return tf.fill(shape, LOWEST), tf.fill(shape, self.size), tf.fill(shape[:1], False)

    def _settle(self, queries: tf.Tensor, best: tf.Tensor, columns: tf.Tensor) -> Ranked:
        """Score `[b, m]` columns by one sum each and sort them, equal scores by column; the lowest stay the lowest."""
        count = tf.shape(columns)[1]
        columns = ascending(tf.where(best > LOWEST, columns, self.size), count)
        terms = self.vectors(columns) * tf.expand_dims(queries, 1)
        # Each row's terms begin where a vector register does: ONNX Runtime adds up in another order where they do not.
        scores = tf.reduce_sum(tf.pad(terms, [[0, 0], [0, 0], [0, -terms.shape[2] % ALIGNED]]), axis=2)
        sorted_ = tf.math.top_k(tf.where(columns < self.size, scores, LOWEST), count)
        return sorted_.values, chosen(columns, sorted_.indices)


def _length(vectors: tf.Tensor) -> tf.Tensor:
    """Compute the length of each of `[b, d]` vectors: `[b, 1]`, also where squares are no float32 any more."""
    scale = tf.maximum(tf.reduce_max(tf.abs(vectors), axis=1, keepdims=True), TINY)
    return scale * tf.norm(vectors / scale, axis=1, keepdims=True)


def _lengths(vectors: Floats) -> npt.NDArray[np.float64]:
    """Compute the length of each of `[n, d]` vectors: `[n]`, in float64, but without a copy of them all."""
    return np.sqrt(np.einsum("nd,nd->n", vectors, vectors, dtype=np.float64))
