"""How the two TFRS models are trained: what is kept of the weights."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from export import two_tower
from export.interactions import Interactions
from export.recipes import CATALOGUE, TwoTowerConfig


def vectors_after_one_step(averaging: float) -> npt.NDArray[np.float32]:
    pairs = np.argwhere(np.random.default_rng(5).random((20, 12)) < 0.4)
    some = Interactions.from_ids([f"u{user}" for user, _ in pairs], [f"i{item}" for _, item in pairs])
    config = TwoTowerConfig(
        loss=CATALOGUE, embedding=4, epochs=1, batch=20, learning_rate=0.1, dropout=0.3, averaging=averaging
    )
    return two_tower.train(some, config, seed=1).vectors


def test_what_is_kept_is_the_moving_average_of_the_weights() -> None:
    last, half, most = (vectors_after_one_step(averaging) for averaging in (0.0, 0.5, 0.75))
    first = 2 * half - last  # half = first / 2 + last / 2
    assert np.abs(last - first).max() > 0.05
    np.testing.assert_allclose(most, 0.75 * first + 0.25 * last, atol=1e-6)
