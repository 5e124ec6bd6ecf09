"""Interactions: ids once, rows as indices, histories as a CSR matrix."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from export.data.interactions import DAY, Interactions, in_order

SOME = Interactions.from_ids(
    ["2", "1", "2", "1", "2"],
    ["b", "a", "c", "a", "a"],
    np.array([5, 2, 3, 1, 4]),
    user_tags={"1": ("gender:F",)},
    item_tags={"c": ("genre:Drama", "year:1995")},
)


def test_rows_are_sorted_by_user_item_and_time() -> None:
    rows = list(zip(SOME.user.tolist(), SOME.item.tolist(), SOME.timestamp.tolist(), strict=True))
    assert rows == [(0, 0, 1), (0, 0, 2), (1, 0, 4), (1, 1, 5), (1, 2, 3)]


@given(st.integers(0, 40), st.integers(1, 9), st.integers(0, 2**32 - 1))
def test_any_rows_come_into_the_order_that_numpys_lexsort_gives_them(rows: int, kinds: int, seed: int) -> None:
    key, first, second = np.random.default_rng(seed).integers(0, kinds, (3, rows))
    assert in_order(key, [first, second]).tolist() == np.lexsort((second, first, key)).tolist()
    assert in_order(key, []).tolist() == np.argsort(key, kind="stable").tolist()


def test_tags_follow_their_users_and_items() -> None:
    assert SOME.user_tags == (("gender:F",), ())
    assert SOME.item_tags == ((), (), ("genre:Drama", "year:1995"))


def test_popularity_counts_every_interaction_and_histories_each_item_once() -> None:
    assert SOME.popularity().tolist() == [3, 1, 1]
    offsets, items = SOME.histories()
    assert offsets.tolist() == [0, 1, 4]
    assert items.tolist() == [0, 0, 1, 2]


def test_keeping_some_rows_keeps_every_user_and_item() -> None:
    first = SOME.rows(np.array([0]))
    assert (len(first), len(first.users), len(first.items)) == (1, 2, 3)
    assert first.histories()[0].tolist() == [0, 1, 1]


def test_the_fingerprint_tells_one_data_set_from_another() -> None:
    assert SOME.fingerprint() != SOME.rows(np.arange(4)).fingerprint()
    assert SOME.fingerprint() == SOME.rows(np.arange(5)).fingerprint()


def test_the_fingerprint_tells_other_tags_and_other_weights_apart() -> None:
    bare = replace(SOME, user_tags=((),) * 2, item_tags=((),) * 3)
    other = replace(SOME, item_tags=((), ("genre:Drama",), ("year:1995",)))
    weighed = replace(SOME, weight=np.ones(5, np.float32))
    assert len({one.fingerprint() for one in (SOME, bare, other, weighed)}) == 4
    assert replace(bare, user_tags=(), item_tags=()).fingerprint() == bare.fingerprint()


def test_weights_have_the_mean_one_and_halve_with_age() -> None:
    assert SOME.weights().tolist() == [1.0] * 5
    weighed = replace(SOME, weight=np.array([1, 2, 3, 4, 10], np.float32))
    np.testing.assert_allclose(weighed.weights(), [0.25, 0.5, 0.75, 1, 2.5])
    aged = replace(weighed, timestamp=np.array([0, 30, 60, 60, 30]) * DAY)
    expected = np.array([1 / 4, 2 / 2, 3, 4, 10 / 2])
    np.testing.assert_allclose(aged.weights(30.0), expected / expected.mean(), rtol=1e-6)
    young = np.array([0, 0, 3, 4, 0])  # what is too old for a float weighs nothing
    np.testing.assert_allclose(aged.weights(1e-6), young / young.mean(), rtol=1e-6)


def test_rows_and_their_order_take_the_weights_along() -> None:
    columns = {"user": np.array([1, 0, 1]), "item": np.array([0, 1, 0]), "timestamp": np.zeros(3, np.int64)}
    names = {"users": np.array(["a", "b"], object), "items": np.array(["x", "y"], object)}
    made = Interactions.of(**names, **columns, weight=np.array([3, 1, 2], np.float32))
    assert made.weight is not None
    assert made.weight.tolist() == [1, 2, 3]
    assert made.rows(made.user == 1).weights().tolist() == [np.float32(0.8), np.float32(1.2)]
