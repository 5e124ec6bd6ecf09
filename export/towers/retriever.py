"""Two towers and how they are trained: what the two-tower and the wide & deep model share.

There are two losses, both a softmax that shall find what was chosen. ``batch`` is TFRS's Retrieval task: among the
items of the batch. It punishes popular items, which are in most batches for nobody's sake, and it is why the recipe of
the tutorials recommends badly. ``catalogue`` is over all items, for users whose histories are read in part: exact, and
affordable, since a step takes users and not interactions, and the scores of all items are one product.
"""

from __future__ import annotations

import numpy as np
import tensorflow as tf
import tensorflow_recommenders as tfrs

from export.data.interactions import Interactions
from export.towers import fitting
from export.towers.catalogue_softmax import CatalogueSoftmax
from export.towers.config import BATCH, TowersConfig
from export.towers.history import HistoryTower
from export.towers.lazy_adam import LazyAdam
from export.towers.partition import Parts, partitions
from export.towers.wide_part import WidePart
from export.waist.factorized import Factorized, OnEpoch

REACH = 1 / 8
"""Share of the training, its end, that a moving average of the weights reaches back over at the most."""


class Retriever(tfrs.Model):
    """A user tower and an item tower, with either loss.

    With ``catalogue`` the user tower reads the history beside the id, items have a bias that starts at the logarithm of
    their popularity, and with a ``wide_part`` some columns of the history have a weight for each item.
    """

    def __init__(
        self,
        interactions: Interactions,
        towers: tuple[fitting.Tower, fitting.Tower],
        config: TowersConfig,
        *,
        metrics: tfrs.metrics.FactorizedTopK | None = None,
        wide_part: WidePart | None = None,
    ) -> None:
        super().__init__()
        self.user_tower, self.item_tower = towers
        self.items = tf.constant(interactions.items)
        self.wide_part = self.wide = None
        if config.loss == BATCH:
            self.task = tfrs.tasks.Retrieval(metrics=metrics)
            return
        drawn = config.drawn(len(interactions.items))
        self.task = CatalogueSoftmax(interactions.popularity(), drawn=drawn)
        self.places = self.item_tower.lookup(self.items)
        self.wide_part, columns = wide_part, wide_part.columns if wide_part else np.zeros(0, np.int64)
        self.user_tower = HistoryTower(
            towers[0],
            items=len(interactions.items),
            dropout=config.dropout,
            l2=config.l2,
            wide=columns,
            lazily=drawn > 0,
        )
        self.item_bias = tf.Variable(np.log1p(interactions.popularity()).astype(np.float32))
        self.wide = tf.Variable(wide_part.start) if wide_part else None

    def compute_loss(self, inputs: dict[str, tf.Tensor], training: bool = False) -> tf.Tensor:
        """Compute the loss of a batch of ``fitting.pairs`` or of ``partitions``: a scalar.

        The metrics of TFRS rank the catalogue for every row: asked of ``evaluate``, not of each training step.
        """
        if "wanted" not in inputs:
            users, items = self.user_tower(inputs["user_id"]), self.item_tower(inputs["item"])
            return self.task(users, items, sample_weight=inputs["weight"], compute_metrics=not training)
        queries = self.user_tower.read(inputs["user_id"], inputs["items"], inputs["wanted"])
        if self.wide_part:
            queries = self.wide_part.mask(queries)
        given = queries, self.columns, inputs["items"], inputs["wanted"], inputs["weight"]
        if self.task.drawn:
            return self.task(*given, cost=self.cost)
        loss = self.task(*given)
        loss += self.user_tower.distance()
        return loss + self.wide_part.distance(self.wide) if self.wide_part else loss

    def cost(self, items: tf.Tensor) -> tf.Tensor:
        """Compute what `[n]` items cost by their weights' length, and by what the wide ones have moved: `[n]`."""
        vectors = self.item_tower.embed(tf.gather(self.places, items))
        cost = self.user_tower.l2 * tf.reduce_sum(tf.square(vectors), axis=1) + self.user_tower.cost(items)
        return cost + self.wide_part.cost(self.wide, items) if self.wide_part else cost

    def vectors(self) -> tf.Tensor:
        """Compute the vectors of all items: `[n_items, d + wide]`."""
        vectors = self.item_tower(self.items)
        return vectors if self.wide is None else tf.concat([vectors, self.wide], axis=1)

    def columns(self, items: tf.Tensor | None = None) -> tf.Tensor:
        """Compute the vectors of `[n]` items, or of all, with the bias as a last component: `[n, d + wide + 1]`."""
        parts = [self.places, self.item_bias, *([] if self.wide is None else [self.wide])]
        places, bias, *wide = parts if items is None else (tf.gather(part, items) for part in parts)
        return tf.concat([self.item_tower.embed(places), *wide, tf.expand_dims(bias, 1)], axis=1)


def momentum(most: float, *, steps: int) -> float:
    """Limit the momentum of a moving average, which reaches back over ``1 / (1 - momentum)`` steps, to ``REACH``.

    Few users are few steps: with the momentum that is right for many, the average would hardly have left the start.

    >>> momentum(0.99, steps=1120), momentum(0.99, steps=16)
    (0.99, 0.5)
    """
    return min(most, max(0.0, 1 - 1 / (REACH * steps)))


def train(
    model: Retriever, interactions: Interactions, config: TowersConfig, *, seed: int, on_epoch: OnEpoch
) -> Factorized:
    """Train on all interactions given, and hand over what the two towers come to."""
    size = {"rows": len(interactions), "users": interactions.active()}
    epochs = config.passes(**size)
    users, items = np.zeros(len(interactions.users), np.float32), np.zeros(len(interactions.items), np.float32)
    if config.loss == BATCH:
        model.compile(optimizer=tf.keras.optimizers.Adagrad(config.learning_rate))
        data = fitting.pairs(interactions, batch=config.batch, half_life=config.half_life, seed=seed)
        fitting.fit(model, data, epochs=epochs, on_epoch=on_epoch)
        return Factorized(
            user_vectors=model.user_tower(tf.constant(interactions.users)).numpy(),
            vectors=model.vectors().numpy(),
            item_biases=items,
            user_biases=users,
        )
    averaging = momentum(config.averaging, steps=epochs * config.steps_a_pass(**size))
    adam = LazyAdam if model.task.drawn else tf.keras.optimizers.Adam
    model.compile(optimizer=adam(config.learning_rate, use_ema=averaging > 0, ema_momentum=averaging))
    parts = Parts(
        batch=config.batch, dropout=config.dropout, future=config.future, half_life=config.half_life, seed=seed
    )
    fitting.fit(model, partitions(interactions, parts), epochs=epochs, on_epoch=on_epoch)
    return Factorized(
        user_vectors=model.user_tower.user_vectors(interactions),
        vectors=model.vectors().numpy(),
        item_biases=model.item_bias.numpy(),
        user_biases=users,
        history=model.user_tower.stranger(),
    )
