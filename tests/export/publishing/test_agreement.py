import numpy as np
import pytest

from export.data.interactions import Interactions
from export.publishing.agreement import difference, first_difference, requests
from serving.contract import LOWEST, SIGNATURES


def answer(items, scores, **more):
    return {"item": np.array(items, object), "score": np.array(scores, np.float32), **more}


EXPECTED = answer([["a", "b", "c", ""]], [[3, 2, 1, LOWEST]], known=np.array([True]))


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({}, None),
        ({"score": np.array([[3.00002, 2, 1, LOWEST]], np.float32)}, None),
        ({"score": np.array([[3.0001, 2, 1, LOWEST]], np.float32)}, "score[0, 0] is 3.000"),
        ({"score": np.array([[3, 2, 1, np.nan]], np.float32)}, "score[0, 3] is nan"),
        ({"score": np.array([[3, 2]], np.float32)}, "score has shape [1, 2], expected [1, 4]"),
        ({"known": np.array([False])}, "known is [False], expected [True]"),
        ({"item": np.array([["a", "c", "b", ""]], object)}, "item[0, 1] is 'c', expected 'b'"),
        ({"item": np.array([["a", "b", "d", ""]], object)}, None),
        ({"item": np.array([["a", "d", "c", ""]], object)}, "item[0, 1] is 'd', expected 'b'"),
        ({"item": np.array([["a", "b", "", ""]], object)}, "item[0, 2] is '', expected 'c'"),
        ({"item": np.array([["a", "b", "c", "d"]], object)}, "item[0, 3] is 'd', expected ''"),
        ({"item": np.array([["a", "a", "c", ""]], object)}, "item[0, 1] is 'a', expected 'b'"),
    ],
)
def test_a_difference_is_told_by_place_and_what_is_no_difference_is_none(change, told):
    found = difference(EXPECTED, EXPECTED | change)
    assert found is None if told is None else found.startswith(told)


def test_items_that_score_the_same_may_change_places():
    expected = answer([["a", "b", "c"]], [[1.000001, 1, 0.5]])
    assert difference(expected, answer([["b", "a", "c"]], [[1.000001, 1, 0.5]])) is None


def test_scores_are_compared_on_the_scale_of_their_row():
    expected = answer([["a", "b"], ["c", "d"]], [[500, 0.5], [1, 0.5]])
    assert difference(expected, answer(expected["item"], [[500, 0.5001], [1, 0.5]])) is None
    assert difference(expected, answer(expected["item"], [[500, 0.5], [1, 0.5001]])).startswith("score[1, 1] is 0.500")


def test_outputs_of_other_names_are_a_difference():
    assert difference(EXPECTED, {"output_1": EXPECTED["score"]}) == (
        "outputs ['output_1'], expected ['item', 'known', 'score']"
    )


def test_the_first_difference_names_the_request():
    case = ("similar", {"item": np.array(["x"], object), "k": np.array([4], np.int32)}, EXPECTED)
    wrong = EXPECTED | {"known": np.array([False])}
    assert first_difference([case], lambda *_: wrong) == (
        "similar asked with {'item': ['x'], 'k': [4]}: known is [False], expected [True]"
    )


def test_the_requests_of_a_proof_ask_every_signature_for_every_user_and_item():
    users = [f"user {i}" for i in range(70)]
    interactions = Interactions.from_ids(users * 2, [f"item {i % 90}" for i in range(140)])
    asked = list(requests(interactions))
    assert {signature for signature, _ in asked} == set(SIGNATURES)
    for signature, inputs in asked:
        wanted = SIGNATURES[signature].inputs
        assert {name: value.ndim for name, value in inputs.items()} == {n: len(t.shape) for n, t in wanted.items()}
    for signature, column, names in (
        ("serving_default", "user_id", interactions.users),
        ("recommend", "user_id", interactions.users),
        ("similar", "item", interactions.items),
    ):
        found = {name for s, inputs in asked if s == signature for name in inputs[column].tolist()}
        assert found >= set(names.tolist())


def test_a_catalogue_ten_times_as_large_is_asked_for_a_tenth_of_the_users_and_items():
    def asked_for(items):
        names = np.array([f"item {i}" for i in range(items)], object)
        users, of = np.array([f"user {i}" for i in range(1000)], object), np.arange(1000)
        interactions = Interactions.of(users=users, items=names, user=of, item=of, timestamp=of)
        asked = list(requests(interactions))
        assert {signature for signature, _ in asked} == set(SIGNATURES)
        rows = {name: sum(len(inputs["k"]) for s, inputs in asked if s == name) for name in ("recommend", "similar")}
        edges = {"recommend": 2, "similar": 7}
        return {name: rows[name] - edges[name] for name in rows}

    assert asked_for(100_000) == {"recommend": 1000, "similar": 1000}
    assert asked_for(1_000_000) == {"recommend": 100, "similar": 100}
