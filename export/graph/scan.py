"""The scanning index: the same answers as the full product, for a reading of the leading columns.

The matrix that is scanned holds of each item the leading components, what EXTRA components a query picks, and the
length of all that is not in it. Its product with a query made alike is an upper bound on every score. The items with
the best bounds are scored exactly; where the bound of the best one left out, and some room for rounding, is not below a
row's k-th score, the full product answers. Items that may not be answered are lowered before bounds are compared: they
are neither answers nor witnesses.

**Rounding.** u = 2⁻²⁴ is float32's, d the components of q and v. A sum of n products, in whatever order, is off by no
more than n·u·Σ|qᵢvᵢ| ≤ n·u·|q||v| to first order (Higham, Accuracy and Stability of Numerical Algorithms, 3.1). So an
item's score as computed exceeds q·v by at most d·u·|q||v|. Its bound as computed falls short of the true one by at most
(h + 3)·u·|q||v| for the product over h + 3 ≤ d + 1 components, d/2·u·|q||v| for the length of the query's rest, which
is itself a sum (the item's is rounded up at export), and one u more for its root. All of it is less than 3·(d + 2)·u
times |q| times the length of the longest item; 4 is taken, for what the first order leaves out and the sum of margin
and bound. |q| is computed within d·u of itself, which is of second order.

**Whoever else is in the batch.** A row falls back together with its batch, so both ways must answer a row alike: the
first ``candidates`` of either are scored by the same sum, row by row, and put into order by it. Items, order and scores
are then the same bits, unless more items than ``candidates - k`` lie within rounding of a row's k-th score.
"""

from __future__ import annotations

from typing import Self

import export  # noqa: F401  isort: skip - selects Keras 2 before TFRS touches it

import numpy as np
import tensorflow as tf

from export.graph.index import CANDIDATES, BlockBruteForce, Limit
from export.graph.lists import ascending
from export.graph.query import EXTRA
from serving.contract import LOWEST

REST = "rest"
"""What a checkpoint calls the components that are not scanned."""

ROUNDING = 4 * 2.0**-24
"""Room for rounding: times the components, the length of the query and that of the longest item."""


class ScanBruteForce(BlockBruteForce):
    """Exact retrieval over candidates that were turned so that their leading components say most."""

    def __init__(self, k: int, *, head: int, candidates: int) -> None:
        """Prepare to scan ``head`` components, for as many answers as half of the ``candidates``."""
        super().__init__(k=k)
        self.head, self.scored, self.most = head, candidates, candidates // 2

    def index(self, candidates: tf.Tensor, identifiers: tf.Tensor | None = None) -> Self:
        """Take `[n, d]` candidates, of which the last EXTRA components are always scanned; see BlockBruteForce."""
        candidates = np.asarray(candidates, np.float32)
        self._take(len(candidates), identifiers)
        exact = candidates.astype(np.float64)
        rest = np.linalg.norm(exact[:, self.head : -EXTRA], axis=1).astype(np.float32)
        scanned = [candidates[:, : self.head], candidates[:, -EXTRA:], np.nextafter(rest, np.float32(np.inf))[:, None]]
        padding = ((0, 0), (0, self.columns - self.size))
        self._candidates = self._fixed("scanned", tf.constant(np.pad(np.hstack(scanned).T, padding)))
        self._rest = self._fixed("rest", tf.constant(np.pad(candidates[:, self.head : -EXTRA].T, padding)))
        lengths = np.linalg.norm(exact[:, : -EXTRA + 1], axis=1).max(), np.abs(exact[:, -1]).max()
        self._reset_tf_function_cache()
        self._room = [float(np.float32(ROUNDING * (exact.shape[1] + 2) * length)) for length in lengths]
        return self

    @property
    def matrices(self) -> dict[str, tf.Variable]:
        """What is scanned, `[head + EXTRA + 1, columns]`, and what is left, `[d - head - EXTRA, columns]`."""
        return {CANDIDATES: self._candidates, REST: self._rest}

    def rank(
        self, queries: tf.Tensor, width: int | tf.Tensor, *, k: tf.Tensor | None = None, limit: Limit = tf.identity
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """See BlockBruteForce; more than ``most`` are asked of the full product at once."""
        k = tf.fill([tf.shape(queries)[0]], width) if k is None else tf.minimum(k, width)

        def scan() -> tuple[tf.Tensor, tf.Tensor]:
            scores, columns, proven = self.scan(queries, k, limit)
            everyone = tf.reduce_all(tf.concat([proven, [True]], axis=0))
            return tf.cond(
                everyone, lambda: (scores[:, :width], columns[:, :width]), lambda: self.full(queries, width, limit)
            )

        if isinstance(width, int):  # fixed at export
            return scan() if width <= self.most else self.full(queries, width, limit)
        return tf.cond(width > self.most, lambda: self.full(queries, width, limit), scan)

    def scan(self, queries: tf.Tensor, k: tf.Tensor, limit: Limit) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        """Rank `[b, candidates]` scores and columns, and say of which `[b]` rows the first `[b]` k are proven."""
        lead, rest, extra = self._parts(queries)
        length = tf.norm(rest, axis=1, keepdims=True)
        bounds = tf.matmul(tf.concat([lead, extra, length], axis=1), self._candidates)
        best, columns = self.best(limit(bounds), self.scored + 1)
        scores, columns = self._settle(queries, best[:, :-1], columns[:, :-1])
        last = tf.expand_dims(tf.range(self.scored), 0) < tf.expand_dims(k, 1)
        last = tf.reduce_min(tf.where(last, scores, scores[:, :1]), axis=1)
        room = self._room[0] * tf.norm(queries[:, :-1], axis=1) + self._room[1] * tf.abs(queries[:, -1])
        return scores, columns, (best[:, -1] <= LOWEST) | (best[:, -1] + room < last)

    def full(self, queries: tf.Tensor, width: tf.Tensor, limit: Limit) -> tuple[tf.Tensor, tf.Tensor]:
        """Rank by the full product: `[b, width]` scores and columns, the first of them in the order of their sums."""
        best, columns = self.best(limit(self.scores(queries)), tf.maximum(width, self.scored))
        scores, first = self._settle(queries, best[:, : self.scored], columns[:, : self.scored])
        later = tf.minimum(best[:, self.scored :], scores[:, -1:])  # no more than a last digit lower
        scores = tf.concat([scores, later], axis=1)
        return scores[:, :width], tf.concat([first, columns[:, self.scored :]], axis=1)[:, :width]

    def scores(self, queries: tf.Tensor) -> tf.Tensor:
        """Multiply `[b, d]` vectors with all candidates: `[b, columns]`, those past ``size`` 0."""
        lead, rest, extra = self._parts(queries)
        scanned = tf.concat([lead, extra, tf.zeros_like(extra[:, :1])], axis=1)
        return tf.matmul(scanned, self._candidates) + tf.matmul(rest, self._rest)

    def vectors(self, columns: tf.Tensor) -> tf.Tensor:
        """Read the candidates in `[...]` int32 columns: `[..., d]`, zero for columns past ``size``."""
        scanned, rest = tf.gather(self._candidates, columns, axis=1), tf.gather(self._rest, columns, axis=1)
        found = tf.concat([scanned[: self.head], rest, scanned[self.head : -1]], axis=0)
        return tf.transpose(found, [*range(1, found.shape.rank), 0])

    def _parts(self, queries: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        return queries[:, : self.head], queries[:, self.head : -EXTRA], queries[:, -EXTRA:]

    def _settle(self, queries: tf.Tensor, best: tf.Tensor, columns: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Score `[b, m]` columns by one sum each and sort them, equal scores by column; the lowest stay the lowest."""
        count = tf.shape(columns)[1]
        columns = ascending(tf.where(best > LOWEST, columns, self.size), count)
        scores = tf.reduce_sum(self.vectors(columns) * tf.expand_dims(queries, 1), axis=2)
        sorted_ = tf.math.top_k(tf.where(columns < self.size, scores, LOWEST), count)
        at = tf.expand_dims(tf.range(tf.shape(columns)[0]) * count, 1) + sorted_.indices
        return sorted_.values, tf.gather(tf.reshape(columns, [-1]), at)
