"""The loss over the whole catalogue: of all items, which of them does this user have beside what is given?

Exact, a step costs one product of the users with the catalogue, and of passes over `[b, n_items]` what is given taken
out, what is wanted written, and TensorFlow's softmax with cross-entropy, which has its gradient in the same pass.

Of a catalogue too large for that some items are drawn, by ``tf.random.fixed_unigram_candidate_sampler``: likelier the
more popular they are, as items are. What is wanted is summed exactly, and the rest of the softmax's denominator is
estimated from those drawn, the logarithm of how often each is to be expected taken off its score (Jean et al. 2015,
arXiv:1412.2007). ``tf.nn.sampled_softmax_loss`` has the same correction, but one row for each wanted item instead of
one for each user: forty times the product.
"""

from __future__ import annotations

from collections.abc import Callable

import export  # noqa: F401  isort: skip - selects Keras 2 before it is touched

import numpy as np
import tensorflow as tf
import tensorflow_recommenders as tfrs

from export.data.interactions import Ints
from export.towers.history import cells

OUT = 1e9
"""Taken off the score of what is given: the probability of an item that cannot be the answer is zero."""

DISTORTION = 0.75
"""The power of an item's popularity that it is drawn by: as in word2vec, between popularity and all alike."""

FAR = 60.0
"""How far, in logarithms, a wanted item is taken to outweigh all that is drawn: e to this is still a float32."""

Columns = Callable[..., tf.Tensor]
"""Gives the vectors of `[n]` items, or of all, the bias as their last component: `[n, d + 1]`."""

Cost = Callable[[tf.Tensor], tf.Tensor]
"""Gives what the weights of `[n]` items cost beside their part in the loss, as their length does: `[n]`."""


class CatalogueSoftmax(tf.Module, tfrs.tasks.Task):
    """A retrieval task whose candidates are the whole catalogue.

    No Keras layer: inside one, what the regularizer of a layer that it does not own adds to the loss gets lost.

    A user counts by the root of how many items are wanted, their weights summed: by the number itself, the few who have
    hundreds would be most of the loss; all alike, what they know would be lost.

    Attributes:
        drawn: items drawn in a step; 0: none, all count.
    """

    def __init__(self, popularity: Ints, *, drawn: int) -> None:
        super().__init__()
        self.size, self.drawn = len(popularity), drawn
        self.popularity = np.maximum(popularity, 1)  # an array: TensorFlow would track each of a list

    def __call__(
        self,
        queries: tf.Tensor,
        columns: Columns,
        items: tf.Tensor,
        wanted: tf.Tensor,
        weight: tf.Tensor,
        *,
        cost: Cost | None = None,
    ) -> tf.Tensor:
        """Compute the loss of `[b, d]` users with `[b, m]` items, wanted and given, and their weights: a scalar.

        Where items are drawn, they stand for all in the mean ``cost`` of an item too, so that no step goes over all.
        """
        queries = tf.concat([queries, tf.ones_like(queries[:, :1])], axis=1)
        share = tf.where(wanted, weight, 0.0)
        count = tf.reduce_sum(share, axis=1)
        share = tf.boolean_mask(tf.math.divide_no_nan(share, tf.expand_dims(count, 1)), wanted)
        if self.drawn:
            drawn, expected = self._draw()
            of_users = self._missed_of_drawn(queries, columns, items, wanted, share, drawn, expected)
        else:
            of_users = self._missed(queries, columns, items, wanted, share)
        root = tf.sqrt(count)
        loss = tf.math.divide_no_nan(tf.reduce_sum(root * of_users), tf.reduce_sum(root))
        if self.drawn and cost:
            loss += tf.reduce_sum(cost(drawn) / expected) / self.size
        return loss

    def _missed(
        self, queries: tf.Tensor, columns: Columns, items: tf.Tensor, wanted: tf.Tensor, share: tf.Tensor
    ) -> tf.Tensor:
        """Compute the mean of what each user's wanted items miss of certainty, in logarithms: `[b]`.

        ``share`` is `[n]`: the weight of each that is wanted, row by row, in the mean of its user.
        """
        scores = tf.linalg.matmul(queries, columns(), transpose_b=True)
        row, item = cells(items, (items < self.size) & ~wanted)
        scores = tf.tensor_scatter_nd_sub(scores, tf.stack([row, item], axis=1), tf.fill(tf.shape(row), OUT))
        row, item = cells(items, wanted)
        labels = tf.scatter_nd(tf.stack([row, item], axis=1), share, tf.shape(scores))
        return tf.nn.softmax_cross_entropy_with_logits(labels=labels, logits=scores)

    def _draw(self) -> tuple[tf.Tensor, tf.Tensor]:
        """Draw items, each once, and say how often each was to be expected: twice `[drawn]`."""
        drawn, _, expected = tf.random.fixed_unigram_candidate_sampler(
            [[0]], 1, self.drawn, True, self.size, unigrams=self.popularity.tolist(), distortion=DISTORTION
        )
        return tf.cast(drawn, tf.int32), expected

    def _missed_of_drawn(
        self,
        queries: tf.Tensor,
        columns: Columns,
        items: tf.Tensor,
        wanted: tf.Tensor,
        share: tf.Tensor,
        drawn: tf.Tensor,
        expected: tf.Tensor,
    ) -> tf.Tensor:
        """Estimate the same: `[b]`."""
        row, item = cells(items, wanted)
        vectors = columns(tf.concat([drawn, item], axis=0))
        others = tf.linalg.matmul(queries, vectors[: self.drawn], transpose_b=True) - tf.math.log(expected)
        others = tf.reduce_logsumexp(others - OUT * self._among(items, drawn), axis=1)
        mine = tf.reduce_sum(tf.gather(queries, row) * vectors[self.drawn :], axis=1)
        beside = tf.exp(tf.minimum(mine - tf.gather(others, row), FAR))
        users = tf.shape(queries)[0]
        whole = others + tf.math.log1p(tf.math.unsorted_segment_sum(beside, row, users))
        return whole - tf.math.unsorted_segment_sum(share * mine, row, users)

    def _among(self, items: tf.Tensor, drawn: tf.Tensor) -> tf.Tensor:
        """Mark which of the drawn each user has, given or wanted: `[b, drawn]` zeros and ones."""
        place = tf.tensor_scatter_nd_update(
            tf.fill([self.size + 1], self.drawn), tf.expand_dims(drawn, 1), tf.range(self.drawn)
        )
        row, item = cells(items, items < self.size)
        at = tf.stack([row, tf.gather(place, item)], axis=1)
        marks = tf.zeros([tf.shape(items)[0], self.drawn + 1])
        return tf.tensor_scatter_nd_update(marks, at, tf.ones_like(row, tf.float32))[:, :-1]
