"""How the two TFRS models are trained: what is kept of the weights."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
import tensorflow as tf

from export.data.interactions import Interactions
from export.models.two_tower import TwoTowerConfig, train
from export.models.wide_deep import WideDeepConfig
from export.towers.config import BATCH, CATALOGUE
from export.towers.partition import Parts, partitions
from export.towers.retriever import momentum
from export.towers.wide_deep import WideDeepModel
from export.towers.wide_part import wide_part
from export.waist.factorized import quiet

pytestmark = pytest.mark.training


def some_interactions() -> Interactions:
    pairs = np.argwhere(np.random.default_rng(5).random((20, 12)) < 0.4)
    return Interactions.from_ids([f"u{user}" for user, _ in pairs], [f"i{item}" for _, item in pairs])


def vectors(averaging: float) -> npt.NDArray[np.float32]:
    """Train for 16 steps."""
    config = TwoTowerConfig(
        loss=CATALOGUE, embedding=4, epochs=16, batch=20, learning_rate=0.1, dropout=0.3, averaging=averaging
    )
    return train(some_interactions(), config, seed=1, on_epoch=quiet).vectors


def test_a_moving_average_reaches_back_over_an_eighth_of_the_training_at_most() -> None:
    assert momentum(0.99, steps=8000) == 0.99
    assert momentum(0.99, steps=80) == pytest.approx(0.9)
    assert momentum(0.99, steps=16) == pytest.approx(0.5)
    assert momentum(0.99, steps=3) == 0.0


def test_what_is_kept_is_the_moving_average_where_one_is_asked_for() -> None:
    last, half, most = (vectors(averaging) for averaging in (0.0, 0.5, 0.99))
    assert np.abs(half - last).max() > 0.01
    np.testing.assert_array_equal(most, half)


@pytest.mark.parametrize("loss", [BATCH, CATALOGUE])
def test_while_it_is_trained_no_sum_is_rewritten_to_one_that_threads_race_for(loss: str) -> None:
    """Rewritten, a training of a size that no test has never repeats, and may fail: so the switch is looked at."""
    off: list[bool] = []

    def look(*_: object) -> None:
        off.append(tf.config.optimizer.get_experimental_options().get("disable_meta_optimizer", False))

    some = Interactions.from_ids(["u1", "u2", "u2"], ["i1", "i1", "i2"])
    train(some, TwoTowerConfig(loss=loss, embedding=4, epochs=2, batch=2, dropout=0.3), seed=1, on_epoch=look)
    look()
    assert off == [True, True, False]


@pytest.fixture(scope="module")
def drawn() -> WideDeepModel:
    """Wide & deep with 5 of 12 items drawn in a step, and no weight where it began."""
    some = some_interactions()
    config = WideDeepConfig(loss=CATALOGUE, embedding=4, hidden=0, batch=7, dropout=0.4, l2=0.3, candidates=5)
    wide = wide_part(some, wide=3, scale=1.0, ridge=2.0, l2=0.7, hidden=0.0)
    model = WideDeepModel(some, config, hidden=0, wide_part=wide)
    (batch,) = partitions(some, Parts(batch=7, dropout=0.4, future=0.0, half_life=0.0, seed=1)).take(1)
    model.compute_loss(batch, training=True)  # builds its weights
    for weights in model.trainable_variables:
        weights.assign_add(tf.random.stateless_normal(weights.shape, [1, 2]))
    return model


def test_where_items_are_drawn_no_gradient_is_as_large_as_the_catalogue(drawn: WideDeepModel) -> None:
    """A dense gradient of one table, and a step costs the catalogue again."""
    parts = Parts(batch=7, dropout=0.4, future=0.0, half_life=0.0, seed=1)
    for batch in partitions(some_interactions(), parts):
        with tf.GradientTape() as tape:
            loss = drawn.compute_loss(batch, training=True) + sum(drawn.losses)
        weights = drawn.trainable_variables
        kinds = zip(weights, map(type, tape.gradient(loss, weights)), strict=True)
        assert [table.name for table, kind in kinds if table.shape[0] >= 12 and kind is not tf.IndexedSlices] == []


def test_what_an_item_costs_where_items_are_drawn_is_its_part_of_what_all_cost(drawn: WideDeepModel) -> None:
    lengths = tf.reduce_mean(tf.reduce_sum(tf.square(drawn.item_tower(drawn.items)), axis=1))
    expected = 0.3 * lengths + drawn.user_tower.distance() + drawn.wide_part.distance(drawn.wide)
    costs = drawn.cost(tf.range(12)).numpy()
    assert costs.std() > 0.1
    assert costs.mean() == pytest.approx(float(expected), rel=1e-5)
