"""The metrics against the formulas written out, and against scikit-learn where it has the same one."""

from __future__ import annotations

import numpy as np
import pytest

from export.quality import metrics


def test_ndcg_is_one_for_a_perfect_list_and_zero_for_a_miss() -> None:
    hits = np.array([[True] * 3 + [False] * 7, [False] * 10])
    assert metrics.ndcg(hits, np.array([3, 5]), 10).tolist() == [1.0, 0.0]


def test_ndcg_and_average_precision_equal_the_formulas_written_out() -> None:
    rng = np.random.default_rng(3)
    hits = rng.random((40, 20)) < 0.3
    relevant = hits.sum(axis=1) + rng.integers(1, 9, 40)
    for k in (1, 5, 10):
        for row, count, ndcg, precision in zip(
            hits,
            relevant,
            metrics.ndcg(hits, relevant, k),
            metrics.average_precision(hits, relevant, k),
            strict=True,
        ):
            gain = sum(1 / np.log2(place + 1) for place in range(1, k + 1) if row[place - 1])
            ideal = sum(1 / np.log2(place + 1) for place in range(1, min(k, count) + 1))
            at = sum(row[:place].mean() for place in range(1, k + 1) if row[place - 1])
            assert (ndcg, precision) == (pytest.approx(gain / ideal), pytest.approx(at / min(k, count)))


def test_a_list_shorter_than_k_counts_as_one_of_k_places() -> None:
    hits = np.array([[True, False]])
    assert metrics.precision(hits, np.array([1]), 10).tolist() == [0.1]
    assert metrics.ndcg(hits, np.array([1]), 10).tolist() == [1.0]
