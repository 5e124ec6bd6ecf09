"""The query: what the index is asked with, so that one product with one matrix answers for everyone.

An item's column in the index is its embedding, its bias and its popularity. A query is a user's vector, 1 and 0, which
adds the bias; or 0, 0 and 1 for a user who is not known, whose score of an item then is its popularity, exactly.
The alternative, another row of scores chosen per user, would be one more pass over `[b, n]`.

The queries of the known users are rows of one table, and its last row is everyone else's: to ask for a user is one
string look-up and one row read, whatever the model.

What the index answers is as constant as the query. Where the scores of all users are few they are kept, and a lone
request reads a row of 7 KB instead of the whole matrix, which of wide & deep and 1,664 items is 3.4 MB. They are users
times items, hence the low bound: 8 MB at the most, in memory once, on the disk twice, in SavedModel and twin. No large
catalogue is spared its product.
"""

from __future__ import annotations

import export  # noqa: F401  isort: skip - selects Keras 2 before it is touched

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from export.graph.index import ANYTHING, BlockBruteForce
from export.graph.lists import Limit
from export.graph.parts import Ranked
from serving.contract import LOWEST, PADDING

EXTRA = 2
"""Components of a query past the embedding: the bias's and the popularity's."""

KEPT = 1 << 21
"""Scores that are kept at the most; 1.6 million are MovieLens 100k's."""


def table(user_vectors: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Complete `[n_users, d]` vectors to the queries of all users and of someone unknown: `[n_users + 1, d + 2]`.

    >>> table(np.array([[0.5, 2]], np.float32)).tolist()
    [[0.5, 2.0, 1.0, 0.0], [0.0, 0.0, 0.0, 1.0]]
    """
    queries = np.pad(user_vectors, ((0, 1), (0, EXTRA)))
    queries[:-1, -2] = queries[-1, -1] = 1
    return queries


def with_bias(vector: tf.Tensor) -> tf.Tensor:
    """Complete `[b, d]` user vectors to `[b, d + 2]` queries that add the item's bias.

    >>> with_bias(tf.constant([[0.5]])).numpy().tolist()
    [[0.5, 1.0, 0.0]]
    """
    one = tf.ones_like(vector[:, :1])
    return tf.concat([vector, one, tf.zeros_like(one)], axis=1)


def popular_unless(known: tf.Tensor, query: tf.Tensor) -> tf.Tensor:
    """Keep `[b, d + 2]` queries where `[b]` known, and ask for popularity elsewhere.

    >>> popular_unless(tf.constant([False]), tf.constant([[0.5, 1.0, 0.0]])).numpy().tolist()
    [[0.0, 0.0, 1.0]]
    """
    popular = tf.one_hot(query.shape[1] - 1, query.shape[1])
    return tf.where(tf.expand_dims(known, 1), query, popular)


def nothing_unless(somebody: tf.Tensor, output: tf.Tensor) -> tf.Tensor:
    """Keep the rows of `[b]` or `[b, k]` items or scores where `[b]` somebody, and empty the others.

    >>> nothing_unless(tf.constant([True, False]), tf.constant(["Heat", "Fargo"])).numpy().tolist()
    [b'Heat', b'']
    """
    held = tf.expand_dims(somebody, 1) if output.shape.rank == 2 else somebody
    return tf.where(held, output, PADDING if output.dtype == tf.string else LOWEST)


class KnownUsers(tf.Module):
    """The queries of known users and, last, of someone unknown, over an index.

    Attributes:
        queries: `[n + 1, d]`.
        scores: `[n + 1, columns]`, what the index scores for each; None: too many.
    """

    def __init__(self, queries: npt.NDArray[np.float32], index: BlockBruteForce, *, kept: int = KEPT) -> None:
        super().__init__()
        self.index = index
        self.queries = tf.Variable(queries, trainable=False)
        few = len(queries) * index.columns <= kept
        self.scores = tf.Variable(index.scores(self.queries), trainable=False) if few else None

    def rank(
        self, user: tf.Tensor, width: int | tf.Tensor, *, k: tf.Tensor | None = None, limit: Limit = ANYTHING
    ) -> Ranked:
        """Rank for `[b]` users: see `BlockBruteForce.rank`."""
        if self.scores is None:
            return self.index.rank(tf.gather(self.queries, user), width, k=k, limit=limit)
        kept = tf.gather(self.scores, user)
        return self.index.best(lambda part: self.index.parts[part].of(kept), width, limit)
