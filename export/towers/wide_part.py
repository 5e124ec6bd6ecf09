"""The wide part of wide & deep, which memorizes: a linear model over cross-products of what one has and the candidate.

A weight for each pair of one of the most popular items and any item. For one candidate that is the product of a row of
indicators, the user's, with a row of weights, the item's: appended to the deep vectors they are one dot product,
``[q, x]·[v, w]``, of a width that does not grow with the catalogue. The paper's wide part (Cheng et al. 2016) may have
as many columns as there are pairs.

The weights start where least squares has them, and are trained on from there, jointly with the deep part: started at
zero they only learn again what the deep part knows. For the same reason the wide part is hidden from most users of a
step, as dropout hides components: weights that were made from the very items that are wanted would leave the deep part
nothing to learn.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import tensorflow as tf
from scipy import sparse

from export.data.interactions import Interactions, Ints


@dataclass(frozen=True, kw_only=True)
class WidePart:
    """The wide part before training.

    Attributes:
        columns: `[wide]` indices of the items that are looked for in a history.
        start: `[n_items, wide]` weights to start from, and to be held near; a tensor, which no graph copies.
        l2: weight of the squared distance from the start, summed over an item's weights, mean over the items.
        hidden: share of the users of a step from whom the wide part is hidden.
    """

    columns: Ints
    start: tf.Tensor
    l2: float
    hidden: float

    def mask(self, queries: tf.Tensor) -> tf.Tensor:
        """Hide the wide columns of `[b, d + wide]` queries from a share of the users."""
        deep = tf.ones_like(queries[:, : -len(self.columns)])
        seen = tf.cast(tf.random.uniform([tf.shape(queries)[0], 1]) >= self.hidden, tf.float32)
        return queries * tf.concat([deep, tf.repeat(seen, len(self.columns), axis=1)], axis=1)

    def distance(self, weights: tf.Tensor) -> tf.Tensor:
        """Compute what it costs to be away from the start: a scalar."""
        return self.l2 / len(self.start) * tf.reduce_sum(tf.square(weights - self.start))

    def cost(self, weights: tf.Tensor, items: tf.Tensor) -> tf.Tensor:
        """Compute what `[n]` items have in the distance, which is the mean over all: `[n]`."""
        return self.l2 * tf.reduce_sum(tf.square(tf.gather(weights, items) - tf.gather(self.start, items)), axis=1)


def wide_part(
    interactions: Interactions, *, wide: int, scale: float, ridge: float, l2: float, hidden: float
) -> WidePart:
    """Make the wide part: columns of the most popular items, weights from least squares, times ``scale``.

    With X the users' columns and Y all their items, the weights minimize ``|Y - X W|² + ridge |W|²``, and no item is
    predicted from itself: EASE (Steck 2019, arXiv:1905.03375), of which only some rows are kept. It takes
    `[wide, n_items]`, whatever the number of users.
    """
    offsets, items = interactions.histories()
    shape = len(interactions.users), len(interactions.items)
    everything = sparse.csr_matrix((np.ones(len(items)), items, offsets), shape=shape)
    columns = np.argsort(-interactions.popularity(), kind="stable")[:wide]
    some = everything[:, columns]
    inverse = np.linalg.inv((some.T @ some).toarray() + ridge * np.eye(len(columns)))
    weights = inverse @ (some.T @ everything).toarray()
    own = weights[np.arange(len(columns)), columns] / np.diag(inverse)
    weights[:, columns] -= inverse * own  # the multiplier that brings an item's weight for itself to zero
    return WidePart(columns=columns, start=tf.constant((scale * weights.T).astype(np.float32)), l2=l2, hidden=hidden)
