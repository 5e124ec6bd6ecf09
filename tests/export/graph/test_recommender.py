"""Every signature answers like numpy: in Python, in a reloaded session and in the twin, with a scan and without."""

from collections import Counter
from contextlib import ExitStack
from dataclasses import replace

import numpy as np
import pytest
import tensorflow as tf
from conftest import KINDS, TAGS
from hypothesis import given, settings
from hypothesis import strategies as st
from twins import in_python, typed

from export.data.interactions import Interactions
from export.graph import parts
from export.graph.lists import Limit, distinct
from export.graph.parts import BLOCK
from export.graph.plan import Plan
from export.graph.recommender import Recommender
from export.publishing.agreement import difference, session
from export.publishing.oracle import Oracle
from export.publishing.twin import twin, write_twin
from export.waist.factorized import Factorized
from serving.contract import SIGNATURES

EXACT = {"serving_default", "recommend", "recommend_within", "score"}


@pytest.fixture(scope="module")
def answering(tiny_versions):
    """Of each kind of model the oracle and what is held against it: function, reloaded session, twin."""
    with ExitStack() as stack:
        yield {
            kind: (
                Oracle(tiny.model, tiny.interactions).answer,
                {
                    "function": in_python(tiny.recommender),
                    "session": stack.enter_context(session(tiny.folder)),
                    "twin": twin(tiny.folder / "assets.extra" / "onnx"),
                },
            )
            for kind, tiny in tiny_versions.items()
        }


@st.composite
def requests(draw, interactions):
    user = st.sampled_from([*interactions.users.tolist(), "nobody", "", "Ünbekannt"])
    item = st.sampled_from([*interactions.items.tolist(), "no such item", "", interactions.items[3]])
    tag = st.sampled_from([*TAGS, "", "no such tag"])
    good = st.one_of(st.integers(1, 12), st.integers(1, len(interactions.items) + 3), st.just(2**31 - 1))
    k = good | st.integers(-2, 0)
    signature = draw(st.sampled_from(sorted(SIGNATURES)))
    rows, width = draw(st.integers(0, 5)), draw(st.one_of(st.integers(0, 6), st.just(50)))
    columns = {"user_id": user, "item": item, "k": k, "unseen": st.booleans()}
    inputs = {}
    for name, tensor in SIGNATURES[signature].inputs.items():
        dtype = object if tensor.dtype == "string" else tensor.dtype
        wide = draw(st.integers(0, 4)) if name == "tags" else width
        one = lists(tag if name == "tags" else item, wide) if len(tensor.shape) == 2 else columns[name]
        values = draw(st.lists(one, min_size=rows, max_size=rows))
        if name == "k" and values:
            values[-1] = draw(good)  # one row at least is to be answered
        inputs[name] = np.array(values, dtype).reshape((rows, wide)[: len(tensor.shape)])
    return signature, inputs


def lists(name, width):
    """Name that many, or, as one often does not ask for it at all, none."""
    return st.one_of(st.lists(name, min_size=width, max_size=width), st.just([""] * width))


@pytest.mark.parametrize("kind", KINDS)
def test_every_signature_answers_like_numpy_in_python_in_a_session_and_in_the_twin(kind, answering, tiny_interactions):
    oracle, found = answering[kind]

    @settings(max_examples=150, derandomize=True, deadline=None)
    @given(requests(tiny_interactions))
    def holds(request):
        signature, inputs = request
        expected = oracle(signature, inputs)
        for where, answer in found.items():
            got = answer(signature, inputs)
            assert difference(expected, got) is None, where
            if signature in EXACT:
                assert {n: v.tolist() for n, v in got.items()} == {n: v.tolist() for n, v in expected.items()}, where

    holds()


@pytest.fixture(scope="module", params=["whole", "in parts"])
def scanned(tmp_path_factory, request):
    """A version that is scanned, with what makes that hard: equal items, items of no length, huge and tiny ones."""
    rng, size = np.random.default_rng(4), 300
    interactions = Interactions.from_ids([str(i % 9) for i in range(size)], [f"item {i:03}" for i in range(size)])
    interactions = replace(interactions, item_tags=tuple((TAGS[i % 3],) for i in range(size)))
    vectors = rng.standard_normal((size, 8), dtype=np.float32)
    vectors[40:60], vectors[60:80] = vectors[3], 0
    vectors[80:90] *= 8
    vectors[90:100] *= 1e-6
    model = Factorized(
        user_vectors=rng.standard_normal((9, 8), dtype=np.float32) * np.geomspace(0.1, 1, 9, dtype=np.float32)[:, None],
        vectors=vectors,
        item_biases=np.round(rng.standard_normal(size) / 4).astype(np.float32),
        user_biases=rng.standard_normal(9, dtype=np.float32),
    )
    with pytest.MonkeyPatch.context() as patch:
        if request.param == "in parts":
            patch.setattr(parts, "SMALL", BLOCK)
            patch.setattr(parts, "PART", BLOCK)
        recommender = Recommender(model, interactions, Plan(head=2, candidates=16, falls_back=0.0, cost=0.1))
    assert len(recommender.index.parts) == (3 if request.param == "in parts" else 1)
    folder = tmp_path_factory.mktemp("scanned")
    recommender.save(folder)
    write_twin(folder, folder / "twin")
    with session(folder) as reloaded:
        answers = {"function": in_python(recommender), "session": reloaded, "twin": twin(folder / "twin")}
        yield model, interactions, recommender, answers


@pytest.mark.training
@pytest.mark.untraced
def test_every_signature_of_a_scanned_version_answers_like_numpy_whether_or_not_rows_fall_back(scanned):
    model, interactions, recommender, found = scanned
    oracle, seen = Oracle(model, interactions).answer, Counter()
    whole = oracle("recommend", asks(interactions.users, size=len(interactions.items)))["item"]

    @settings(max_examples=150, derandomize=True, deadline=None)
    @given(requests(interactions), st.integers(0, 100))
    def holds(request, width):
        signature, inputs = request
        users = inputs.get("user_id", [])
        if "exclude" in inputs and len(users):  # all that the scan would have found, for one
            best = [
                whole[interactions.users.tolist().index(u), :width] if u in interactions.users else [""] * width
                for u in users
            ]
            inputs |= {"exclude": np.array(best, object).reshape(len(users), width)}
        expected = oracle(signature, inputs)
        for where, answer in found.items():
            assert difference(expected, answer(signature, inputs)) is None, where

    holds()
    for k in range(1, 8):  # what is drawn need not have enough of both
        inputs = asks(interactions.users, size=k)
        expected = oracle("recommend", inputs)
        seen.update(proven(recommender, inputs))
        for where, answer in found.items():
            assert difference(expected, answer("recommend", inputs)) is None, where
    assert min(seen[True], seen[False]) > 3, seen


def asks(users, *, size):
    rows = len(users)
    k, none = np.full(rows, size, np.int32), np.full((rows, 1), "", object)
    return {"user_id": users, "k": k, "exclude": none, "unseen": np.zeros(rows, bool)}


def proven(recommender, inputs):
    """Say of each row of a request to ``recommend`` whether the scan proves its answer."""
    given = {name: tf.constant(value) for name, value in typed("recommend", inputs).items()}
    user = recommender.users(given["user_id"])
    left_out = tf.concat([recommender.items(given["exclude"]), recommender.histories(user, given["unseen"])], axis=1)
    queries = tf.gather(recommender.known.queries, user)
    index = recommender.index
    limit = Limit(left_out=left_out)
    return index.scan(queries, limit, given["k"], tf.reduce_max(given["k"]))[2].numpy().tolist()


@pytest.mark.training
def test_what_anybody_gets_from_a_scanned_version_does_not_depend_on_who_else_is_in_the_batch(scanned):
    _, interactions, recommender, found = scanned
    users = np.append(interactions.users, "nobody")
    inputs = asks(users, size=7)
    rows = proven(recommender, inputs)
    assert len(set(rows)) == 2, rows  # some fall back, and some do not
    for answer in found.values():
        together = answer("recommend", inputs)
        for row in range(len(users)):
            alone = answer("recommend", {name: value[row : row + 1] for name, value in inputs.items()})
            assert {n: v[0].tolist() for n, v in alone.items()} == {n: v[row].tolist() for n, v in together.items()}


@pytest.mark.parametrize("kind", KINDS)
def test_what_recommend_from_gathers_is_as_wide_as_what_is_known_and_distinct(kind, answering, tiny_versions):
    recommender, (first, second, third) = tiny_versions[kind].recommender, tiny_versions[kind].interactions.items[:3]
    wide = np.full((2, 50_000), "", object)
    wide[0, ::3], wide[0, 1::3], wide[0, 7], wide[1, 49_999] = second, "no such item", first, third
    columns = recommender.items(tf.constant(wide.astype(np.str_)))
    assert distinct(columns, padding=recommender.index.size).numpy().tolist() == [[0, 1, 40], [2, 40, 40]]
    narrow = np.array([[first, second], [third, ""]], object)
    oracle, found = answering[kind]
    expected = oracle("recommend_from", {"items": narrow, "k": np.array([5, 5], np.int32)})
    for where, answer in found.items():
        got = answer("recommend_from", {"items": wide, "k": np.array([5, 5], np.int32)})
        assert difference(expected, got) is None, where
