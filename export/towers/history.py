"""The user tower that reads what a user has, and what it comes to once it is trained.

Histories are read in training only, and only where somebody has something: nothing here is `[b, n_items]`. What is
handed over are the vectors of the known users, and the weights by which the vector of anybody else is computed from
what they have.
"""

from __future__ import annotations

import export  # noqa: F401  isort: skip - selects Keras 2 before it is touched

import numpy as np
import tensorflow as tf
from scipy import sparse

from export.data.interactions import Interactions, Ints
from export.towers.fitting import Tower
from export.waist.factorized import Floats, History
from serving.contract import PADDING


class HistoryTower(tf.keras.Model):
    """A user's vector: the embedding of who it is plus the sum of the embeddings of what it has.

    The sum is divided by the root of the number of items: long histories count for more than short ones, but not by as
    much as they are longer.

    With ``lazily`` nothing goes over all embeddings: what is gathered has a gradient of its rows alone.

    Attributes:
        identity: the id's tower, `[b]` user ids -> `[b, d]`.
        wide: columns of the history that are appended to the vector as they are, divided alike; none: an empty list.
    """

    def __init__(
        self, identity: Tower, *, items: int, dropout: float, l2: float, wide: Ints, lazily: bool = False
    ) -> None:
        super().__init__()
        self.identity, self.size, self.l2, self.lazily = identity, items, l2, lazily
        self.wide = tf.constant(wide, tf.int32)
        start = tf.keras.initializers.GlorotUniform()([items, identity.width])
        self.embeddings, self.bias = tf.Variable(start), tf.Variable(tf.zeros(identity.width))
        slot = np.full(items, len(wide), np.int32)
        slot[wide] = np.arange(len(wide))
        self.slot = tf.constant(slot)
        self.dropout = tf.keras.layers.Dropout(dropout)

    def read(self, user_id: tf.Tensor, items: tf.Tensor, wanted: tf.Tensor) -> tf.Tensor:
        """Compute the vectors of `[b]` user ids from the given among `[b, m]` items: `[b, d + wide]`.

        The histories are parts here; with what is ``wanted`` beside them they are scaled to the length of the whole,
        because that is the length which is met in serving. Divided by the root of their own number of items, parts are
        shorter vectors than what they stand for: NDCG@10 0.261 instead of 0.270 (validation, random-80-20).
        """
        held = items < self.size
        given = held & ~wanted
        count, whole = (tf.reduce_sum(tf.cast(some, tf.float32), axis=1, keepdims=True) for some in (given, held))
        weight = tf.sqrt(whole) / tf.maximum(count, 1.0)
        row, item = cells(items, given)
        users = tf.shape(items)[0]
        if self.lazily:
            summed = tf.math.unsorted_segment_sum(tf.gather(self.embeddings, item), row, users)
        else:
            # One row more, cut off: of no rows at all TensorFlow's gradient is whatever was in memory, and not zeros.
            row_more, item_more = tf.concat([row, [users]], axis=0), tf.concat([item, [0]], axis=0)
            summed = tf.sparse.segment_sum(self.embeddings, item_more, row_more, num_segments=users + 1)[:-1]
        deep = self.dropout(self.identity(user_id) + weight * summed + self.bias, training=True)
        if not self.wide.shape[0]:
            return deep
        slots = tf.zeros([users, self.wide.shape[0] + 1])
        at = tf.stack([row, tf.gather(self.slot, item)], axis=1)
        seen = tf.tensor_scatter_nd_update(slots, at, tf.ones_like(row, tf.float32))
        return tf.concat([deep, weight * seen[:, :-1]], axis=1)

    def distance(self) -> tf.Tensor:
        """Compute what the length of the embeddings costs: a scalar."""
        return self.l2 / self.size * tf.reduce_sum(tf.square(self.embeddings))

    def cost(self, items: tf.Tensor) -> tf.Tensor:
        """Compute what `[n]` items have in the distance, which is the mean over all: `[n]`."""
        return self.l2 * tf.reduce_sum(tf.square(tf.gather(self.embeddings, items)), axis=1)

    def user_vectors(self, interactions: Interactions) -> Floats:
        """Compute the vectors of all users from all that they have: `[n_users, d + wide]`."""
        offsets, items = interactions.histories()
        count = np.diff(offsets)
        weights = np.repeat(1 / np.sqrt(np.maximum(count, 1)), count).astype(np.float32)
        shape = len(interactions.users), len(interactions.items)
        has = sparse.csr_matrix((weights, items, offsets), shape=shape)
        deep = (
            self.identity(tf.constant(interactions.users)).numpy() + has @ self.embeddings.numpy() + self.bias.numpy()
        )
        return np.hstack([deep, has[:, self.wide.numpy()].toarray()])

    def stranger(self) -> History:
        """Hand over the weights that read the history of someone who has no id."""
        start = self.identity(tf.constant([PADDING])).numpy()[0] + self.bias.numpy()
        return History(start=start, vectors=self.embeddings.numpy(), wide=self.wide.numpy().astype(np.int64))


def cells(items: tf.Tensor, where: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """List the rows and the items of `[b, m]` items at the places of a `[b, m]` mask, row by row: twice `[n]` int32.

    >>> [each.numpy().tolist() for each in cells(tf.constant([[5, 7]]), tf.constant([[False, True]]))]
    [[0], [7]]
    """
    places = tf.where(where)
    return tf.cast(places[:, 0], tf.int32), tf.gather_nd(items, places)
