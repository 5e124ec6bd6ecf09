"""Joined or alone, a request gets the same answer: with either engine, beside others, beside one that is refused."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from export.publishing import agreement
from serving.engines import batching, engine, rows
from serving.engines.batching import Batcher
from serving.engines.pace import Pace
from serving.wire.error_codes import Refusal
from serving.wire.tensors import strings

USERS = ["1", "2", "3", "nobody", ""]
TAGS = ["genre:Comedy", "genre:Drama", "rare", "no such tag", ""]
ITEMS = ["Film 1 (1991)", "Film 2 (1992)", "Amélie (2001)", "日本", "no such film", ""]


def texts(values, *shape):
    return strings(list(values), shape)


def row_lists(width, names=ITEMS):
    return st.lists(st.sampled_from(names), min_size=width, max_size=width)


@st.composite
def requests(draw, signature):
    """Draw one request: rows alike in width, as JSON and TensorProto have them."""
    rows = draw(st.integers(1, 3))
    users = texts(draw(st.lists(st.sampled_from(USERS), min_size=rows, max_size=rows)), rows)
    width = draw(st.integers(0, 3))
    some = texts([item for _ in range(rows) for item in draw(row_lists(width))], rows, width)
    widths = draw(st.integers(0, 3)), draw(st.integers(0, 2))
    among = texts([item for _ in range(rows) for item in draw(row_lists(widths[0]))], rows, widths[0])
    tags = texts([tag for _ in range(rows) for tag in draw(row_lists(widths[1], TAGS))], rows, widths[1])
    k = np.array(draw(st.lists(st.sampled_from([-1, 0, 1, 2, 3, 7, 99]), min_size=rows, max_size=rows)), np.int32)
    # The graph answers `similar` for unknown items alone with a width of 1, whatever k is; beside others it is k.
    known = st.lists(st.sampled_from(ITEMS[: 4 if signature == "similar" else None]), min_size=rows, max_size=rows)
    items = texts(draw(known), rows)
    unseen = np.array(draw(st.lists(st.booleans(), min_size=rows, max_size=rows)))
    recommend = {"user_id": users, "k": k, "exclude": some, "unseen": unseen}
    return {
        "serving_default": {"user_id": users},
        "recommend": recommend,
        "recommend_within": {**recommend, "among": among, "tags": tags},
        "similar": {"item": items, "k": k},
        "recommend_from": {"items": some, "k": k},
        "score": {"user_id": users, "item": items},
    }[signature]


def together(signature, wanted, *, gone=False):
    """Submit all in one turn of an event loop; return what each is told, and how often the graph ran."""
    runs = []

    def counted(inputs):
        runs.append(len(next(iter(inputs.values()))))
        return signature.run(inputs)

    async def submit():
        watched = replace(signature, run=counted)
        batcher = Batcher(watched, pool, pace=Pace(signature.seconds), join=True)
        futures = [asyncio.get_running_loop().create_future() for _ in wanted]
        for inputs, future in zip(wanted, futures, strict=True):
            batcher.submit(inputs, rows.price(signature, inputs), SimpleNamespace(gone=gone), future.set_result)
        return await asyncio.gather(*futures)

    with ThreadPoolExecutor(2) as pool:
        return asyncio.run(submit()), runs


def alone(signature, inputs):
    try:
        return signature.run(inputs)
    except Refusal as refusal:
        return refusal


def unlike(found, expected):
    """Say where two answers differ, but for scores and ties within 1e-5: a product's last bits vary with its rows.

    TensorFlow gives two films at right angles to a third cosines of 0 and 0 alone, of 0 and -6e-9 beside other rows.
    """
    if isinstance(expected, Refusal) or isinstance(found, Refusal):
        alike = type(found) is type(expected) and found.message == expected.message
        return None if alike else f"{found}, expected {expected}"
    return agreement.difference(as_text(expected), as_text(found))


def as_text(answer):
    """ONNX Runtime answers with str, TensorFlow with bytes."""
    decoded = np.vectorize(lambda value: value.decode() if type(value) is bytes else value, otypes=[object])
    return {name: decoded(array) if array.dtype == object else array for name, array in answer.items()}


@pytest.mark.parametrize("name", ["serving_default", "recommend", "similar", "recommend_from", "score"])
def test_each_request_of_a_batch_gets_what_it_would_have_got_alone(servable, name):
    signature = servable.signatures[name]

    @settings(derandomize=True, deadline=None, max_examples=25)
    @given(st.lists(requests(name), min_size=1, max_size=6))
    def check(wanted):
        answers, _ = together(signature, wanted)
        for inputs, answer in zip(wanted, answers, strict=True):
            assert unlike(answer, alone(signature, inputs)) is None

    check()


def test_an_answer_with_two_items_the_other_way_round_is_unlike_unless_they_score_the_same():
    right = {"item": texts("abc", 1, 3), "score": np.array([[3.0, 2.0, 2.0 - 1e-6]], np.float32)}
    swapped = [right | {"item": texts(items, 1, 3)} for items in ("acb", "bac", "aac", "abd")]
    # The last of a list cut at k may stand for one that scores the same and was cut off.
    assert [unlike(found, right) is None for found in (right, *swapped)] == [True, True, False, False, True]


def test_what_arrives_together_runs_once(servable):
    signature = servable.signatures["serving_default"]
    answers, runs = together(signature, [{"user_id": texts([user], 1)} for user in USERS])
    assert runs == [len(USERS)]
    assert [answer["item"].shape for answer in answers] == [(1, 10)] * len(USERS)


def test_a_batch_is_bounded(servable):
    signature = servable.signatures["serving_default"]
    _, runs = together(signature, [{"user_id": texts(["1"], 1)} for _ in range(rows.MAX_ROWS + 1)])
    assert sorted(runs) == [1, rows.MAX_ROWS]


def test_a_request_to_be_refused_spoils_no_batch(servable):
    signature = servable.signatures["similar"]
    good = {"item": texts(["Film 1 (1991)"], 1), "k": np.array([2], np.int32)}
    bad = {"item": texts(["Film 1 (1991)"], 1), "k": np.array([0], np.int32)}
    answers, _ = together(signature, [good, bad, good])
    assert "k must be at least 1" in answers[1].message
    assert answers[0]["item"].tolist() == answers[2]["item"].tolist()


def test_a_long_answer_is_that_of_its_rows_and_holds_each_text_once(servable):
    signature = servable.signatures["recommend"]
    many = 2 * rows.MAX_ROWS + 5
    inputs = {
        "user_id": texts([str(row % 30) for row in range(many)], many),
        "k": np.full(many, 7, np.int32),
        "exclude": texts([ITEMS[row % 4] for row in range(many)], many, 1),
        "unseen": np.array([row % 2 == 0 for row in range(many)]),
    }
    (answer,), runs = together(signature, [inputs])
    assert runs == [rows.MAX_ROWS, rows.MAX_ROWS, 5]
    assert unlike(answer, alone(signature, inputs)) is None
    named = answer["item"].ravel().tolist()
    assert len({id(text) for text in named}) == len(set(named)) < len(named) / 20


@pytest.mark.parametrize(
    ("befalls", "code", "told"),
    [
        (MemoryError(), "RESOURCE_EXHAUSTED", "there is no memory left for this request: try again, or for less"),
        (ZeroDivisionError("in the library"), "INTERNAL", "Internal error"),
    ],
)
def test_what_befalls_one_run_is_told_to_who_asked_for_it_alone(servable, befalls, code, told):
    real = servable.signatures["score"]

    def run(inputs):
        if "2" in inputs["user_id"].tolist():
            raise befalls
        return real.run(inputs)

    asked = [{"user_id": texts([user], 1), "item": texts(["日本"], 1)} for user in ("1", "2", "3")]
    (before, found, after), runs = together(replace(real, run=run), asked)
    assert (found.code.name, found.message) == (code, told)
    assert [unlike(before, alone(real, asked[0])), unlike(after, alone(real, asked[2]))] == [None, None]
    assert runs == [3, 1, 1, 1]


def test_more_than_may_wait_are_refused(servable):
    signature = servable.signatures["score"]
    one = {"user_id": texts(["1"], 1), "item": texts(["日本"], 1)}
    answers, _ = together(signature, [one] * (batching.MAX_WAITING + 1))
    assert [answer for answer in answers if isinstance(answer, Refusal)] == [answers[-1]]
    assert answers[-1].code.name == "RESOURCE_EXHAUSTED"


def test_only_the_contracts_signatures_are_joined(conformance_twin):
    signatures = engine.load("m", 1, conformance_twin / "1").signatures
    assert [name for name, signature in signatures.items() if rows.in_contract(signature)] == []
