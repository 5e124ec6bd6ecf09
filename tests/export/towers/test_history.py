"""The tower that reads histories, where there is nothing to read."""

from __future__ import annotations

import numpy as np
import pytest

from export.data.interactions import Interactions
from export.models.two_tower import TwoTowerConfig, train
from export.towers.config import CATALOGUE
from export.waist.factorized import quiet

pytestmark = pytest.mark.training


def test_where_nobody_has_anything_given_what_reads_histories_stays_as_it_began() -> None:
    """TensorFlow's gradient of no rows is whatever was in memory: not the same twice, and at times NaN."""
    some = Interactions.from_ids(["u1", "u2"], ["i1", "i2"])
    few, many = (
        train(
            some,
            TwoTowerConfig(loss=CATALOGUE, embedding=16, epochs=epochs, batch=2, learning_rate=0.1, dropout=0.999),
            seed=1,
            on_epoch=quiet,
        ).history
        for epochs in (1, 8)
    )
    assert few
    assert many
    np.testing.assert_array_equal(many.vectors, few.vectors)
    assert np.abs(many.start - few.start).max() > 0.1
