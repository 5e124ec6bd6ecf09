"""The index: TFRS's BruteForce with the same answers, made not to fall behind as the catalogue grows.

TFRS multiplies by `[n, d]` candidates and sorts all n scores of a query. Here the candidates lie transposed, as the
product reads them, and over a large catalogue only blocks are sorted: the k blocks with the highest maxima hold the
k best candidates. Proof, equal scores included: a candidate outside these blocks is preceded by k others, the maxima
of the blocks chosen before its own, each higher or equal with a lower index.

Scores equal TFRS's to the last bit for several queries; for a single one TensorFlow adds the products up in another
order for another layout, which moves the last digits.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Self

import export  # noqa: F401  isort: skip - selects Keras 2 before TFRS touches it

import tensorflow as tf
import tensorflow_recommenders as tfrs

CANDIDATES = "candidates"
"""What a checkpoint calls the matrix that is multiplied first."""

Limit = Callable[[tf.Tensor], tf.Tensor]
"""Lowers in `[b, columns]` scores those of columns that may not be answered to the lowest float."""

BLOCK = 128
"""Candidates in a block. Of 32 to 2,048, tried at 20,000 to 1,000,000 items, 128 and 256 were fastest, and close for
the 10 best; for the 65 that a scan takes, 128 was."""

SMALL = 16 * BLOCK
"""Candidates up to which sorting everything costs no more than choosing blocks."""


class BlockBruteForce(tfrs.layers.factorized_top_k.BruteForce):
    """Exact retrieval: the k highest scores of each query, equal scores in the order of the candidates.

    Attributes:
        size: candidates.
        columns: candidates and padding, zero vectors at the end: at least one, so that column ``size`` is there to
            be written to or read where there is no candidate.
    """

    def index(self, candidates: tf.Tensor, identifiers: tf.Tensor | None = None) -> Self:
        """Take `[n, d]` candidates and their `[n]` identifiers (their positions when there are none).

        Raises:
            ValueError: the candidates are no matrix, or there are more or fewer identifiers than candidates.
        """
        candidates = tf.convert_to_tensor(candidates)
        if candidates.shape.rank != 2:
            raise ValueError(f"candidates have shape {candidates.shape}, expected [n, d]")
        self._take(int(candidates.shape[0]), identifiers)
        padding = [[0, 0], [0, self.columns - self.size]]
        self._candidates = self._fixed("candidates", tf.pad(tf.transpose(candidates), padding))
        self._reset_tf_function_cache()
        return self

    def _take(self, size: int, identifiers: tf.Tensor | None) -> None:
        """Lay out so many columns and name them."""
        self.size = size
        identifiers = tf.range(self.size) if identifiers is None else tf.convert_to_tensor(identifiers)
        if identifiers.shape != (self.size,):
            raise ValueError(f"identifiers have shape {identifiers.shape}, expected [{self.size}]")
        self._blocks = 0 if self.size <= SMALL else self.size // BLOCK
        self.columns = (self._blocks + 1) * BLOCK if self._blocks else self.size + 1
        self._identifiers = self._fixed("identifiers", tf.pad(identifiers, [[0, self.columns - self.size]]))

    def call(self, queries: Any, k: int | tf.Tensor | None = None) -> tuple[tf.Tensor, tf.Tensor]:
        """Answer `[b]` queries, or `[b, d]` vectors without a query model, with `[b, k]` scores and identifiers."""
        if self._candidates is None:
            raise ValueError("the index is empty, expected a call of index before")
        if self.query_model is not None:
            queries = self.query_model(queries)
        values, columns = self.rank(queries, self._k if k is None else k)
        return values, self.identifiers(columns)

    @property
    def matrices(self) -> dict[str, tf.Variable]:
        """What is held, by its name in a checkpoint: `[d, columns]`, a vector in each of the first ``size`` columns."""
        return {CANDIDATES: self._candidates}

    def rank(
        self, queries: tf.Tensor, width: int | tf.Tensor, *, k: tf.Tensor | None = None, limit: Limit = tf.identity
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Find the best that ``limit`` leaves: `[b, width]` scores and int32 columns, of which `[b]` k are wanted."""
        return self.best(limit(self.scores(queries)), width)

    def scores(self, queries: tf.Tensor) -> tf.Tensor:
        """Multiply `[b, d]` vectors with all candidates: `[b, columns]`, those past ``size`` 0."""
        return self._compute_score(queries, self._candidates)

    def best(self, scores: tf.Tensor, k: int | tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Find in `[b, columns]` scores the k highest of each row: `[b, k]` scores and `[b, k]` int32 columns."""
        if not self._blocks:
            best = tf.math.top_k(scores[:, : self.size], k)
            return best.values, best.indices
        rows = tf.expand_dims(tf.range(tf.shape(scores)[0]), 1)
        chosen, blocks = self._choose_blocks(scores, rows, k)
        best = tf.math.top_k(chosen, k)
        slot = rows * tf.shape(blocks)[1] + best.indices // BLOCK
        return best.values, tf.gather(tf.reshape(blocks, [-1]), slot) * BLOCK + best.indices % BLOCK

    def vectors(self, columns: tf.Tensor) -> tf.Tensor:
        """Read the candidates in `[...]` int32 columns: `[..., d]`, zero for columns past ``size``."""
        found = tf.gather(self._candidates, columns, axis=1)
        return tf.transpose(found, [*range(1, found.shape.rank), 0])

    def identifiers(self, columns: tf.Tensor) -> tf.Tensor:
        """Name `[...]` int32 columns; those past ``size`` are 0 or the empty string."""
        return tf.gather(self._identifiers, columns)

    def _choose_blocks(self, scores: tf.Tensor, rows: tf.Tensor, k: int | tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Keep of each row the k blocks with the highest maxima: `[b, m]` scores, `[b, blocks]` block numbers.

        The last block, which the padding fills up, comes along unasked: nothing has to tell its zeros from scores
        then, they are the end of what is kept and cut off. Ascending blocks keep equal scores in index order.
        """
        count, last = self._blocks + 1, self._blocks
        k = tf.minimum(k, last)
        maxima = tf.reduce_max(tf.reshape(scores, [-1, count, BLOCK]), axis=2)[:, :last]
        blocks = -tf.math.top_k(-tf.math.top_k(maxima, k).indices, k).values
        blocks = tf.concat([blocks, tf.fill(tf.shape(rows), last)], axis=1)
        kept = tf.gather(tf.reshape(scores, [-1, BLOCK]), rows * count + blocks)
        kept = tf.reshape(kept, [tf.shape(rows)[0], (k + 1) * BLOCK])
        return kept[:, : k * BLOCK + self.size - last * BLOCK], blocks

    def _compute_score(self, queries: tf.Tensor, candidates: tf.Tensor) -> tf.Tensor:
        return tf.matmul(queries, candidates)

    def _fixed(self, name: str, value: tf.Tensor) -> tf.Variable:
        return self.add_weight(
            name=name, dtype=value.dtype, shape=value.shape, initializer=lambda *_, **__: value, trainable=False
        )
