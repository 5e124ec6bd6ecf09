"""The wide part before training: least squares in which no item predicts itself."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from export.data.interactions import Interactions
from export.towers.wide_part import wide_part

RIDGE = 3.0


@pytest.fixture(scope="module")
def some() -> Interactions:
    has = np.random.default_rng(5).random((50, 12)) < np.linspace(0.7, 0.1, 12)
    pairs = np.argwhere(has)
    return Interactions.from_ids([f"u{user}" for user, _ in pairs], [f"i{item:02}" for _, item in pairs])


def test_weights_are_the_ridge_regression_of_each_item_on_the_other_columns(some: Interactions) -> None:
    made = wide_part(some, wide=5, scale=2.0, ridge=RIDGE, l2=1.0, hidden=0.0)
    x = np.zeros((len(some.users), len(some.items)))
    x[some.user, some.item] = 1
    assert made.columns.tolist() == np.argsort(-x.sum(axis=0), kind="stable")[:5].tolist()
    for item in range(len(some.items)):
        others = [place for place, column in enumerate(made.columns) if column != item]
        a = x[:, made.columns[others]]
        expected = np.zeros(5)
        expected[others] = np.linalg.solve(a.T @ a + RIDGE * np.eye(len(others)), a.T @ x[:, item])
        np.testing.assert_allclose(made.start[item], 2 * expected, atol=1e-6)


def test_it_is_hidden_whole_from_a_share_of_the_users_and_the_deep_part_never(some: Interactions) -> None:
    made = wide_part(some, wide=5, scale=1.0, ridge=RIDGE, l2=1.0, hidden=0.75)
    tf.random.set_seed(1)
    masked = made.mask(tf.ones([4000, 3 + 5])).numpy()
    assert (masked[:, :3] == 1).all()
    assert set(masked[:, 3:].sum(axis=1)) == {0.0, 5.0}
    assert 0.72 < (masked[:, 3] == 0).mean() < 0.78


def test_being_away_from_the_start_costs_by_the_square(some: Interactions) -> None:
    made = wide_part(some, wide=5, scale=1.0, ridge=RIDGE, l2=0.5, hidden=0.0)
    assert made.distance(tf.constant(made.start)).numpy() == 0
    assert made.distance(tf.constant(made.start + 2)).numpy() == pytest.approx(0.5 * 5 * 4)
