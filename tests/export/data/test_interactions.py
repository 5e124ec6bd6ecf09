"""Interactions: ids once, rows as indices, histories as a CSR matrix."""

from __future__ import annotations

import numpy as np

from export.data.interactions import Interactions

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
