"""Adam that leaves alone what was not gathered, against Keras' own and against an average taken step by step."""

from __future__ import annotations

import export  # noqa: F401  isort: skip - selects Keras 2

import numpy as np
import numpy.typing as npt
import pytest
import tensorflow as tf

from export.towers.lazy_adam import LazyAdam

ROWS, STEPS = 6, 9
EMA = {"use_ema": True, "ema_momentum": 0.8}


def run(
    optimizer: tf.keras.optimizers.Adam, shape: tuple[int, ...], gathered: list[list[int]]
) -> tuple[npt.NDArray[np.float32], list[npt.NDArray[np.float32]]]:
    """Take a step over the rows gathered in each, with a scalar beside: the last weights, and those on the way."""
    table, scalar = tf.Variable(np.random.default_rng(1).random((ROWS, *shape), np.float32)), tf.Variable(1.0)
    optimizer.build([table, scalar])
    seen = []
    for rows in gathered:
        with tf.GradientTape() as tape:
            loss = scalar * tf.reduce_sum(tf.square(tf.gather(table, rows) - 3.0))
        optimizer.apply_gradients(zip(tape.gradient(loss, [table, scalar]), [table, scalar], strict=True))
        seen.append(table.numpy())
    optimizer.finalize_variable_values([table, scalar])
    return table.numpy(), seen


@pytest.mark.parametrize("shape", [(), (4,)])
def test_where_every_row_is_gathered_it_is_keras_adam(shape: tuple[int, ...]) -> None:
    everything = [[*range(ROWS), 2, 2]] * STEPS
    for options in ({}, EMA):
        lazy, keras = (run(kind(0.1, **options), shape, everything) for kind in (LazyAdam, tf.keras.optimizers.Adam))
        np.testing.assert_allclose(lazy[0], keras[0], rtol=1e-5)
        np.testing.assert_allclose(lazy[1], keras[1], rtol=1e-5)


@pytest.mark.parametrize("shape", [(), (4,)])
def test_rows_that_are_not_gathered_stay_and_the_moving_average_is_that_of_every_step(shape: tuple[int, ...]) -> None:
    gathered = [np.random.default_rng(step).permutation(ROWS - 1)[:2].tolist() for step in range(STEPS)]
    averaged, seen = run(LazyAdam(0.1, **EMA), shape, gathered)
    before = np.random.default_rng(1).random((ROWS, *shape), np.float32)
    average = before
    for rows, after in zip(gathered, seen, strict=True):
        moved = (before != after).reshape(ROWS, -1).any(axis=1)
        assert sorted(np.flatnonzero(moved).tolist()) == sorted(rows)
        average, before = 0.8 * average + 0.2 * after, after
    np.testing.assert_allclose(averaged, average, rtol=1e-5)
