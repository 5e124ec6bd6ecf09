"""The baselines against what they are by definition."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import sparse

from export.data.interactions import Interactions
from export.quality.baselines import BASELINES, EASE_L2, ease, item_knn, popular
from export.quality.evaluation import matrix

USERS = np.arange(200)


@pytest.fixture(scope="module")
def data() -> Interactions:
    """200 users of two tastes: even users have items of the first half, odd ones of the second."""
    rng = np.random.default_rng(2)
    pairs = [(u, i) for u in range(200) for i in range(40) if i // 20 == u % 2 and rng.random() < 0.6]
    return Interactions.from_ids([f"u{u:03}" for u, _ in pairs], [f"i{i:02}" for _, i in pairs])


@pytest.mark.parametrize("name", BASELINES)
def test_a_baseline_scores_the_whole_catalogue_in_float32_and_repeats(data: Interactions, name: str) -> None:
    given = matrix(data)
    scores = BASELINES[name](data, 1)(USERS, given)
    assert (scores.shape, scores.dtype) == ((200, len(data.items)), np.float32)
    np.testing.assert_array_equal(scores, BASELINES[name](data, 1)(USERS, given))


@pytest.mark.parametrize("name", ["item_knn", "ease", "ials"])
def test_a_baseline_that_learns_tells_two_tastes_apart(data: Interactions, name: str) -> None:
    scores = BASELINES[name](data, 1)(USERS, matrix(data))
    half = len(data.items) // 2
    firsts = scores[:, :half].mean(axis=1) > scores[:, half:].mean(axis=1)
    assert firsts.tolist() == [True, False] * 100


def test_popular_scores_are_the_numbers_of_interactions(data: Interactions) -> None:
    scores = popular(data, 0)(USERS[:2], matrix(data)[:2])
    assert scores.tolist() == [data.popularity().tolist()] * 2


def test_ease_solves_each_items_regression_on_the_others(data: Interactions) -> None:
    x = matrix(data).toarray().astype(np.float64)
    weights = ease(data, 0)(np.arange(x.shape[1]), sparse.eye_array(x.shape[1], format="csr", dtype=np.float32))
    for item in range(x.shape[1]):
        others = np.delete(np.arange(x.shape[1]), item)
        gram = x[:, others].T @ x[:, others] + EASE_L2 * np.eye(len(others))
        expected = np.linalg.solve(gram, x[:, others].T @ x[:, item])
        np.testing.assert_allclose(weights[others, item], expected, rtol=1e-4, atol=1e-7)
        assert weights[item, item] == 0


def test_item_knn_weighs_neighbours_by_the_cosine_of_their_tf_idf(data: Interactions) -> None:
    x = matrix(data).toarray().astype(np.float64)
    weight = x * np.log(len(data.items) / (1 + x.sum(axis=1)))[:, None]
    unit = weight / np.linalg.norm(weight, axis=0)
    np.testing.assert_allclose(item_knn(data, 0)(USERS, matrix(data)), x @ (unit.T @ unit), rtol=1e-4)
