"""The index: TFRS's BruteForce with the same answers, made not to fall behind as the catalogue grows.

TFRS multiplies by `[n, d]` candidates and sorts all n scores of a query. Here the candidates lie transposed, as the
product reads them, and a large catalogue is worked through in parts, of which only blocks are sorted: see
export.graph.parts.

Scores equal TFRS's to the last bit for several queries; for a single one TensorFlow adds the products up in another
order for another layout, which moves the last digits.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Self

import export  # noqa: F401  isort: skip - selects Keras 2 before TFRS touches it

import tensorflow as tf
import tensorflow_recommenders as tfrs

from export.graph.lists import Limit, chosen
from export.graph.parts import Ranked, parts, read

CANDIDATES = "candidates"
"""What a checkpoint calls the matrix that is multiplied first."""

Scores = Callable[[int], tf.Tensor]
"""Computes `[b, part.columns]` scores of all columns of the part with this number."""

ANYTHING = Limit()


class BlockBruteForce(tfrs.layers.factorized_top_k.BruteForce):
    """Exact retrieval: the k highest scores of each query, equal scores in the order of the candidates.

    Attributes:
        size: candidates.
        columns: candidates and padding, zero vectors at the end: at least one, so that column ``size`` is there to
            be written to or read where there is no candidate.
        parts: how the columns are parted.
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
        columns = tf.pad(tf.transpose(candidates), padding)
        self._candidates = [self._fixed("candidates", part.of(columns)) for part in self.parts]
        self._reset_tf_function_cache()
        return self

    def _take(self, size: int, identifiers: tf.Tensor | None) -> None:
        """Lay out so many columns and name them."""
        self.size = size
        identifiers = tf.range(self.size) if identifiers is None else tf.convert_to_tensor(identifiers)
        if identifiers.shape != (self.size,):
            raise ValueError(f"identifiers have shape {identifiers.shape}, expected [{self.size}]")
        self.parts = parts(size)
        self.columns = self.parts[-1].start + self.parts[-1].columns
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
    def matrices(self) -> dict[str, Sequence[tf.Variable]]:
        """What is held, by its name in a checkpoint: of each part `[d, columns]`, a vector in each column."""
        return {CANDIDATES: self._candidates}

    def rank(
        self, queries: tf.Tensor, width: int | tf.Tensor, *, k: tf.Tensor | None = None, limit: Limit = ANYTHING
    ) -> Ranked:
        """Find the best that ``limit`` leaves: `[b, width]` scores and int32 columns, of which `[b]` k are wanted."""
        return self.best(self.products(queries), width, limit)

    def products(self, queries: tf.Tensor) -> Scores:
        """Multiply `[b, d]` vectors with all candidates, those past ``size`` being 0, a part when it is asked for."""
        return lambda part: self._compute_score(queries, self._candidates[part])

    def scores(self, queries: tf.Tensor) -> tf.Tensor:
        """Multiply `[b, d]` vectors with all candidates at once: `[b, columns]`."""
        return tf.concat([self.products(queries)(part) for part in range(len(self.parts))], axis=1)

    def best(self, scores: Scores, k: int | tf.Tensor, limit: Limit = ANYTHING) -> Ranked:
        """Find the k highest scores of each row that ``limit`` leaves: `[b, k]` scores and `[b, k]` int32 columns."""
        limits = limit.split([part.columns for part in self.parts])
        if len(self.parts) == 1:
            return self.parts[0].best(limits[0].lower(scores(0)), k)
        values, columns = [], []
        for number, (part, some) in enumerate(zip(self.parts, limits, strict=True)):
            best = part.best(some.lower(scores(number)), tf.minimum(k, part.size))
            values.append(best[0])
            columns.append(part.start + best[1])
        best = tf.math.top_k(tf.concat(values, axis=1), k)
        return best.values, chosen(tf.concat(columns, axis=1), best.indices)

    def vectors(self, columns: tf.Tensor) -> tf.Tensor:
        """Read the candidates in `[...]` int32 columns: `[..., d]`, zero for columns past ``size``."""
        found = read(self.parts, self._candidates, columns, axis=1)
        return tf.transpose(found, [*range(1, found.shape.rank), 0])

    def identifiers(self, columns: tf.Tensor) -> tf.Tensor:
        """Name `[...]` int32 columns; those past ``size`` are 0 or the empty string."""
        return tf.gather(self._identifiers, columns)

    def _compute_score(self, queries: tf.Tensor, candidates: tf.Tensor) -> tf.Tensor:
        return tf.matmul(queries, candidates)

    def _fixed(self, name: str, value: tf.Tensor) -> tf.Variable:
        return self.add_weight(
            name=name, dtype=value.dtype, shape=value.shape, initializer=lambda *_, **__: value, trainable=False
        )
