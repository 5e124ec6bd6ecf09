"""The loss over the catalogue, exact and over drawn items, against numpy over dense rows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pytest
import tensorflow as tf

from export.data.interactions import Interactions
from export.models.two_tower import TwoTowerConfig, train
from export.towers.catalogue_softmax import CatalogueSoftmax
from export.towers.config import CATALOGUE
from export.waist.factorized import quiet

USERS, ITEMS = 7, 40


@pytest.fixture(scope="module")
def drawn() -> dict[str, npt.NDArray[np.float32]]:
    rng = np.random.default_rng(3)
    items = np.full((USERS, 9), ITEMS, np.int32)
    for user in range(USERS):
        count = rng.integers(2, 10)
        items[user, :count] = np.sort(rng.permutation(ITEMS)[:count])
    wanted = (rng.random(items.shape) < 0.4) & (items < ITEMS)
    wanted[0] = False
    normal = rng.standard_normal
    return {
        "queries": normal((USERS, 5)).astype(np.float32),
        "columns": normal((ITEMS, 6)).astype(np.float32),
        "items": items,
        "wanted": wanted,
        "weight": rng.uniform(0.2, 3, items.shape).astype(np.float32),
    }


def in_numpy(
    queries: npt.NDArray[np.float32],
    columns: npt.NDArray[np.float32],
    items: npt.NDArray[np.int32],
    wanted: npt.NDArray[np.bool_],
    weight: npt.NDArray[np.float32],
) -> float:
    loss = weights = 0.0
    for user in range(USERS):
        scores = columns[:, :-1].astype(np.float64) @ queries[user] + columns[:, -1]
        right = items[user][wanted[user]]
        given = items[user][~wanted[user] & (items[user] < ITEMS)]
        logs = scores - np.log(np.exp(np.delete(scores, given)).sum())
        weighs = weight[user][wanted[user]].astype(np.float64)
        root = np.sqrt(weighs.sum())
        loss -= (weighs * logs[right]).sum() / root if len(right) else 0
        weights += root
    return float(loss / weights)


def loss(
    data: dict[str, npt.NDArray[np.float32]], *, draws: int
) -> Callable[[], tuple[float, npt.NDArray[np.float32], npt.NDArray[np.float32]]]:
    """Compile, as training does, what gives the loss and its gradients by columns and by queries."""
    softmax = CatalogueSoftmax(np.arange(ITEMS, 0, -1), drawn=draws)
    columns, queries = tf.Variable(data["columns"]), tf.Variable(data["queries"])

    @tf.function(autograph=False)
    def step() -> list[tf.Tensor]:
        with tf.GradientTape() as tape:
            vectors = lambda at=None: columns[:] if at is None else tf.gather(columns, at)  # noqa: E731
            found = softmax(queries, vectors, data["items"], data["wanted"], data["weight"])
        return [found, *map(tf.convert_to_tensor, tape.gradient(found, [columns, queries]))]

    def run() -> tuple[float, npt.NDArray[np.float32], npt.NDArray[np.float32]]:
        found, of_columns, of_queries = (one.numpy() for one in step())
        return float(found), of_columns, of_queries

    return run


def test_exact_it_is_the_softmax_over_all_items_but_those_given(drawn: dict[str, npt.NDArray[np.float32]]) -> None:
    found, of_columns, of_queries = loss(drawn, draws=0)()
    assert found == pytest.approx(in_numpy(**drawn), rel=1e-5)
    step = 1e-3
    for name, gradient in (("columns", of_columns), ("queries", of_queries)):
        for at in ((0, 0), (3, 2), (6, 4)):
            values = []
            for sign in (1, -1):
                moved = drawn[name].astype(np.float64)
                moved[at] += sign * step
                values.append(in_numpy(**{**drawn, name: moved}))
            assert gradient[at] == pytest.approx((values[0] - values[1]) / (2 * step), abs=1e-5)


def test_drawn_it_comes_to_the_same_on_the_average(drawn: dict[str, npt.NDArray[np.float32]]) -> None:
    tf.keras.utils.set_random_seed(4)
    exact, of_columns, of_queries = loss(drawn, draws=0)()
    draw = loss(drawn, draws=25)
    found = [draw() for _ in range(300)]
    assert np.mean([one[0] for one in found]) == pytest.approx(exact, abs=0.05)
    assert np.std([one[0] for one in found]) > 0.01  # something was drawn
    for exactly, place in ((of_columns, 1), (of_queries, 2)):
        assert (
            np.abs(np.mean([one[place] for one in found], axis=0) - exactly).max() < 0.06
        )  # of 0.9: the logarithm of a mean is not the mean of logarithms


@pytest.mark.training
def test_training_on_drawn_items_repeats_with_its_seed() -> None:
    pairs = np.argwhere(np.random.default_rng(5).random((20, 30)) < 0.4)
    some = Interactions.from_ids([f"u{user}" for user, _ in pairs], [f"i{item}" for _, item in pairs])
    config = TwoTowerConfig(loss=CATALOGUE, embedding=4, epochs=5, batch=20, learning_rate=0.1, dropout=0.3)
    made = [
        train(some, replace(config, candidates=candidates), seed=seed, on_epoch=quiet).user_vectors.tobytes()
        for candidates, seed in ((0, 1), (10, 1), (10, 1), (10, 2))
    ]
    assert made[1] == made[2]
    assert len(set(made)) == 3
