"""The query: what the index is asked with, so that one product with one matrix answers for everyone.

An item's column in the index is its embedding, its bias and its popularity. A query is a user's vector, 1 and 0, which
adds the bias; or 0, 0 and 1 for a user who is not known, whose score of an item then is its popularity, exactly.
The alternative, another row of scores chosen per user, would be one more pass over `[b, n]`.
"""

from __future__ import annotations

import export  # noqa: F401  isort: skip - selects Keras 2 before it is touched

import tensorflow as tf

from export.waist.places import Places

EXTRA = 2
"""Components of a query past the embedding: the bias's and the popularity's."""


class UserQuery(tf.keras.Model):
    """The trained user tower as the index asks it: `[b]` user ids -> `[b, d + 2]`, unknown ones by popularity."""

    def __init__(self, tower: tf.keras.Model, users: Places) -> None:
        super().__init__(name="user_query")
        self.tower, self.users = tower, users

    def call(self, user_id: tf.Tensor) -> tf.Tensor:
        """Compute the query of each user id."""
        return popular_unless(self.users(user_id) < self.users.size, with_bias(self.tower(user_id)))


def with_bias(vector: tf.Tensor) -> tf.Tensor:
    """Complete `[b, d]` user vectors to `[b, d + 2]` queries that add the item's bias."""
    one = tf.ones_like(vector[:, :1])
    return tf.concat([vector, one, tf.zeros_like(one)], axis=1)


def popular_unless(known: tf.Tensor, query: tf.Tensor) -> tf.Tensor:
    """Keep `[b, d + 2]` queries where `[b]` known, and ask for popularity elsewhere."""
    popular = tf.one_hot(query.shape[1] - 1, query.shape[1])
    return tf.where(tf.expand_dims(known, 1), query, popular)
