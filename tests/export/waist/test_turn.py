"""Other axes for users and items, in which no score changes."""

import numpy as np

from export.waist.factorized import Factorized
from export.waist.turn import RIDGE, Turn


def model(vectors, rng):
    users, items = rng.standard_normal((50, vectors.shape[1]), dtype=np.float32), len(vectors)
    biases = np.zeros(items, np.float32), np.zeros(50, np.float32)
    return Factorized(user_vectors=users, vectors=vectors, item_biases=biases[0], user_biases=biases[1])


def test_a_turned_model_scores_as_before_and_users_and_items_have_the_same_lengths_in_front():
    rng = np.random.default_rng(3)
    scale = np.array([1, 9, 2, 0, 5, 3], np.float32)
    before = model(rng.standard_normal((200, 6), dtype=np.float32) * scale, rng)
    turn = Turn.of(before)
    after = turn.turned(before)
    expected = before.user_vectors @ before.vectors.T
    np.testing.assert_allclose(after.user_vectors @ after.vectors.T, expected, atol=1e-4)
    np.testing.assert_allclose(after.vectors @ turn.users.T, before.vectors, atol=1e-4)
    users, items = ((side.T @ side) / len(side) for side in (after.user_vectors, after.vectors))
    np.testing.assert_allclose(users, items, atol=20 * RIDGE * np.trace(items))
    np.testing.assert_allclose(items, np.diag(np.diag(items)), atol=20 * RIDGE * np.trace(items))
    assert (np.diff(np.diag(items)) < 0).all()


def test_users_or_items_that_are_all_zero_are_turned_too():
    rng = np.random.default_rng(3)
    before = model(np.zeros((200, 6), np.float32), rng)
    assert not Turn.of(before).turned(before).vectors.any()
    assert np.isfinite(Turn.of(before).turned(before).user_vectors).all()
