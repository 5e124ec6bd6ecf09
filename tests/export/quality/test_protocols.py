"""The protocols on a small set of interactions whose splits can be checked by eye."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from export.data import movielens
from export.data.interactions import Interactions
from export.quality.baselines import ease
from export.quality.evaluation import evaluate
from export.quality.protocols import PROTOCOLS, split
from serving.errors import Failure

Rows = set[tuple[int, int, int]]


def rows(interactions: Interactions) -> Rows:
    columns = interactions.user, interactions.item, interactions.timestamp
    return {(int(u), int(i), int(t)) for u, i, t in zip(*columns, strict=True)}


@pytest.fixture(scope="module")
def data() -> Interactions:
    """50 users with 4 to 30 items each, in an order of time that is not that of the items."""
    rng = np.random.default_rng(5)
    pairs = [(u, int(i)) for u in range(50) for i in rng.permutation(60)[: rng.integers(4, 31)]]
    ids = [f"u{u}" for u, _ in pairs], [f"i{i:02}" for _, i in pairs]
    tags = {f"i{i:02}": (f"genre:{i % 7}",) for i in range(60)}
    return Interactions.from_ids(*ids, rng.permutation(len(pairs)), item_tags=tags)


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_protocol_parts_every_row_into_what_is_learnt_given_and_found(data: Interactions, protocol: str) -> None:
    parts = split(data, protocol)
    pieces = [parts.train, parts.test] + ([parts.given] if parts.new_users else [])
    assert sum(map(len, pieces)) == len(data)
    assert set.union(*map(rows, pieces)) == rows(data)
    assert parts.protocol == protocol
    assert parts.train.users is data.users


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_protocol_repeats_and_does_not_depend_on_the_order_of_the_rows(data: Interactions, protocol: str) -> None:
    shuffled = data.rows(np.random.default_rng(0).permutation(len(data)))
    first, again = split(data, protocol), split(shuffled, protocol)
    assert (rows(first.train), rows(first.test)) == (rows(again.train), rows(again.test))


@pytest.mark.parametrize("protocol", ["random-80-20", "ua", "new-users"])
def test_another_seed_draws_other_rows(data: Interactions, protocol: str) -> None:
    assert rows(split(data, protocol).test) != rows(split(data, protocol, seed=1).test)


def test_random_80_20_holds_out_a_fifth_of_the_rows(data: Interactions) -> None:
    assert len(split(data, "random-80-20").train) == len(data) * 8 // 10


def test_temporal_holds_out_the_last_fifth_of_each_user(data: Interactions) -> None:
    parts = split(data, "temporal")
    for user in range(50):
        times = sorted(data.timestamp[data.user == user])
        held = sorted(parts.test.timestamp[parts.test.user == user])
        assert held == times[len(times) - len(times) // 5 :]


def test_ua_holds_out_ten_rows_of_each_user_but_never_more_than_half(data: Interactions) -> None:
    counts = np.bincount(data.user)
    held = np.bincount(split(data, "ua").test.user, minlength=50)
    assert held.tolist() == np.minimum(10, counts // 2).tolist()


def test_new_users_are_unknown_in_training_and_have_half_of_their_items_given(data: Interactions) -> None:
    parts = split(data, "new-users")
    new = np.unique(parts.given.user)
    counts = np.bincount(data.user)
    assert len(new) == 5
    assert not np.isin(new, parts.train.user).any()
    assert np.bincount(parts.given.user, minlength=50)[new].tolist() == ((counts[new] + 1) // 2).tolist()


def test_by_item_trains_on_three_quarters_of_each_item_by_draws_in_the_order_of_the_source(data: Interactions) -> None:
    place = np.random.default_rng(9).permutation(len(data))
    parts = split(replace(data, place=place), "by-item-75-25")
    draws = np.random.RandomState(42).rand(len(data))[place]
    for item in range(60):
        mine = data.item == item
        expected = np.sort(draws[mine])[: round(0.75 * mine.sum())]
        kept = np.isin(place, parts.train.place) & mine
        assert np.sort(draws[kept]).tolist() == expected.tolist()


def test_by_item_on_movielens_has_the_rows_of_the_benchmark() -> None:
    whole = movielens.load("100k", movie_ids=True)
    order = np.argsort(whole.place)
    columns = whole.users[whole.user], whole.items[whole.item], whole.timestamp
    first = [column[order][:2].tolist() for column in columns]
    assert first == [["196", "186"], ["242", "302"], [881250949, 891717742]]  # the first lines of u.data
    parts = split(whole, "by-item-75-25")
    assert (len(whole.items), len(parts.train), len(parts.test)) == (1_682, 75_066, 24_934)
    assert evaluate(parts, ease(parts.train, 0)).figures()["ndcg@10"] == pytest.approx(0.4855, abs=5e-5)


def test_an_unknown_protocol_is_one_sentence(data: Interactions) -> None:
    with pytest.raises(
        Failure, match=r"^no protocol 'best', expected one of random-80-20, temporal, ua, new-users, new-"
    ):
        split(data, "best")


def test_new_items_are_a_tenth_of_the_items_held_out_whole_and_need_tags(data: Interactions) -> None:
    parts = split(data, "new-items")
    assert parts.new_items is not None
    assert parts.new_items.sum() == 6
    assert set(parts.test.item.tolist()) == set(np.flatnonzero(parts.new_items).tolist())
    assert not parts.new_items[parts.train.item].any()
    with pytest.raises(Failure, match="new-items asks what tags are worth, and no item of the data has one"):
        split(replace(data, item_tags=((),) * 60), "new-items")


def test_temporal_without_times_is_refused(data: Interactions) -> None:
    with pytest.raises(Failure, match="temporal parts each user's rows by time, and the data has no timestamps"):
        split(replace(data, timestamp=np.zeros(len(data), np.int64)), "temporal")


def test_too_little_data_is_one_sentence() -> None:
    tiny = Interactions.from_ids(["a", "b"], ["x", "y"])
    with pytest.raises(Failure, match="ua leaves nothing to find of 2 interactions"):
        split(tiny, "ua")
