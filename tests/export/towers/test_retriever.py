"""How the two TFRS models are trained: what is kept of the weights."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
import tensorflow as tf

from export.data.interactions import Interactions
from export.models.two_tower import TwoTowerConfig, train
from export.towers.config import BATCH, CATALOGUE
from export.towers.retriever import momentum
from export.waist.factorized import quiet

pytestmark = pytest.mark.training


def vectors(averaging: float) -> npt.NDArray[np.float32]:
    """Train for 16 steps."""
    pairs = np.argwhere(np.random.default_rng(5).random((20, 12)) < 0.4)
    some = Interactions.from_ids([f"u{user}" for user, _ in pairs], [f"i{item}" for _, item in pairs])
    config = TwoTowerConfig(
        loss=CATALOGUE, embedding=4, epochs=16, batch=20, learning_rate=0.1, dropout=0.3, averaging=averaging
    )
    return train(some, config, seed=1, on_epoch=quiet).vectors


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
    train(some, TwoTowerConfig(loss=loss, embedding=4, epochs=2, batch=2), seed=1, on_epoch=look)
    look()
    assert off == [True, True, False]
