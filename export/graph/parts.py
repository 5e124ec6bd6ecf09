"""The parts of a catalogue: columns that follow each other, are scored at once, and sorted before the next are.

Over a large catalogue only blocks are sorted: the k blocks with the highest maxima hold the k best candidates. Proof,
equal scores included: a candidate outside these blocks is preceded by k others, the maxima of the blocks chosen before
its own, each higher or equal with a lower index.

What is written for a part stays so small that the allocator hands the same memory out again. The scores of 32 queries
and 1,000,000 items are 128 MB, which the system takes back after each request, and to be given them page by page took
longer than to compute them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import export  # noqa: F401  isort: skip - selects Keras 2 before it is touched

import tensorflow as tf

from export.graph.lists import chosen

Ranked = tuple[tf.Tensor, tf.Tensor]
"""Scores and int32 columns, the highest score first."""

BLOCK = 128
"""Candidates in a block. Of 32 to 2,048, tried at 20,000 to 1,000,000 items, 128 and 256 were fastest, and close for
the 10 best; for the 65 that a scan takes, 128 was."""

SMALL = 16 * BLOCK
"""Candidates up to which sorting everything costs no more than choosing blocks."""

PART = 1984 * BLOCK
"""Columns of a part at the most: scores of 32 queries are then just below the 32 MB from which on glibc gives memory
back to the system. Of 16,384 to 262,144, tried at 1,000,000 items, smaller ones cost a lone query up to half more."""

MOST_PARTS = 16
"""Of more columns each, if need be: a part is some thirty nodes in every way that a graph answers."""


@dataclass(frozen=True, kw_only=True)
class Part:
    """Columns that follow each other and are scored at once: a whole number of blocks where there are any.

    Attributes:
        start: the first column.
        columns: how many there are.
        size: how many of them are candidates; the others are padding, and the last.
        blocks: 0 where all are sorted.
    """

    start: int
    columns: int
    size: int
    blocks: int

    def of(self, values: tf.Tensor) -> tf.Tensor:
        """Take this part's of `[..., columns]`."""
        return values[..., self.start : self.start + self.columns]

    def best(self, scores: tf.Tensor, k: int | tf.Tensor) -> Ranked:
        """Find in `[b, columns]` scores the k highest of each row; of the columns counted from this part's first."""
        if not self.blocks:
            best = tf.math.top_k(scores[:, : self.size], k)
            return best.values, best.indices
        kept, blocks = self._choose_blocks(scores, k)
        best = tf.math.top_k(kept, k)
        return best.values, chosen(blocks, best.indices // BLOCK) * BLOCK + best.indices % BLOCK

    def _choose_blocks(self, scores: tf.Tensor, k: int | tf.Tensor) -> Ranked:
        """Keep of each row the k blocks with the highest maxima: `[b, m]` scores, `[b, blocks]` block numbers.

        The last block, which padding may fill up, comes along unasked: nothing has to tell its zeros from scores
        then, they are the end of what is kept and cut off. Ascending blocks keep equal scores in index order.
        """
        rows, last = tf.expand_dims(tf.range(tf.shape(scores)[0]), 1), self.blocks - 1
        k = tf.minimum(k, last)
        maxima = tf.reduce_max(tf.reshape(scores, [-1, self.blocks, BLOCK]), axis=2)[:, :last]
        blocks = -tf.math.top_k(-tf.math.top_k(maxima, k).indices, k).values
        blocks = tf.concat([blocks, tf.fill(tf.shape(rows), last)], axis=1)
        kept = tf.gather(tf.reshape(scores, [-1, BLOCK]), rows * self.blocks + blocks)
        kept = tf.reshape(kept, [tf.shape(rows)[0], (k + 1) * BLOCK])
        return kept[:, : k * BLOCK + self.size - last * BLOCK], blocks


def parts(size: int) -> list[Part]:
    """Lay out so many candidates, with a column of padding at least: in parts as equal as blocks allow.

    >>> [(part.start, part.columns, part.size, part.blocks) for part in parts(300_000)]
    [(0, 150016, 150016, 1172), (150016, 150016, 149984, 1172)]
    """
    if size <= SMALL:
        return [Part(start=0, columns=size + 1, size=size, blocks=0)]
    blocks = size // BLOCK + 1
    each = -(-blocks // min(MOST_PARTS, -(-blocks * BLOCK // PART)))
    starts = [(at * BLOCK, min(each, blocks - at)) for at in range(0, blocks, each)]
    return [
        Part(start=at, columns=count * BLOCK, size=min(count * BLOCK, size - at), blocks=count) for at, count in starts
    ]


def part_of(name: str, part: int) -> str:
    """Say what a checkpoint calls a part of a matrix; most have no other.

    >>> part_of("candidates", 0), part_of("candidates", 1)
    ('candidates', 'candidates_1')
    """
    return f"{name}_{part}" if part else name


def read(parts: Sequence[Part], matrices: Sequence[tf.Tensor], columns: tf.Tensor, *, axis: int) -> tf.Tensor:
    """Read `[...]` int32 columns from each part's matrix, which has one along ``axis``, 0 or 1: that axis as `[...]`.

    Whatever is not in a part is read from its first column and dropped: it is at hand after the first time.
    """
    # Read first: a gather from a variable itself has TensorFlow copy all of it in each later product.
    matrices = [tf.convert_to_tensor(matrix) for matrix in matrices]
    if len(parts) == 1:
        return tf.gather(matrices[0], columns, axis=axis)
    found = tf.gather(matrices[0], tf.where(columns < parts[1].start, columns, 0), axis=axis)
    for part, matrix in zip(parts[1:], matrices[1:], strict=True):
        later = columns >= part.start
        place = tf.where(later & (columns < part.start + part.columns), columns - part.start, 0)
        some = tf.gather(matrix, place, axis=axis)
        found = tf.where(later if axis else tf.expand_dims(later, -1), some, found)
    return found
