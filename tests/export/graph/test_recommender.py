from collections import Counter
from contextlib import ExitStack
from dataclasses import replace

import numpy as np
import pytest
import tensorflow as tf
from conftest import KINDS, SCORED, TAGS, tiny_model
from hypothesis import given, settings
from hypothesis import strategies as st

from export.bulk.embeddings import read_vectors
from export.data.interactions import Interactions
from export.graph import parts
from export.graph.fold_in import ALPHA, RIDGE, fold_in, whitening
from export.graph.lists import Limit, distinct
from export.graph.parts import BLOCK, PART, SMALL
from export.graph.plan import Plan
from export.graph.query import KEPT
from export.graph.recommender import Recommender
from export.publishing.agreement import cases, difference, first_difference, session
from export.publishing.agreement import requests as proof
from export.publishing.oracle import Oracle
from export.publishing.twin import twin, write_twin
from export.waist.factorized import Factorized, History
from serving.contract import SIGNATURES
from serving.errors import Failure

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


def in_python(recommender):
    def answer(signature, inputs):
        found = getattr(recommender, signature)(**{n: tf.constant(v) for n, v in typed(signature, inputs).items()})
        return {name: text(value.numpy()) for name, value in found.items()}

    return answer


def typed(signature, inputs):
    """Empty arrays of strings keep no type of their own: tf.constant is told by a string that is there."""
    kinds = {"string": np.str_, "int32": np.int32, "bool": np.bool_}
    return {n: np.asarray(v, kinds[SIGNATURES[signature].inputs[n].dtype]) for n, v in inputs.items()}


def text(values):
    if values.dtype != object:
        return values
    return np.array([name.decode() for name in values.ravel()], object).reshape(values.shape)


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


@pytest.mark.parametrize("kind", KINDS)
def test_signature_defs_are_the_contract_to_the_letter(kind, tiny_versions):
    with tf.Graph().as_default(), tf.compat.v1.Session() as running:
        found = tf.compat.v1.saved_model.load(running, ["serve"], str(tiny_versions[kind].folder)).signature_def
        assert {name: signature_of(s) for name, s in found.items() if name != "__saved_model_init_op"} == {
            name: (
                {n: (t.dtype, t.shape) for n, t in s.inputs.items()},
                {n: (t.dtype, t.shape) for n, t in s.outputs.items()},
            )
            for name, s in SIGNATURES.items()
        }
        assert {s.method_name for n, s in found.items() if n in SIGNATURES} == {"tensorflow/serving/predict"}


def signature_of(found):
    """Names, dtypes and shapes of a SignatureDef's inputs and outputs."""
    return tuple(
        {
            name: (tf.as_dtype(t.dtype).name, tuple(None if d.size == -1 else d.size for d in t.tensor_shape.dim))
            for name, t in tensors.items()
        }
        for tensors in (found.inputs, found.outputs)
    )


@pytest.mark.parametrize(
    ("signature", "inputs", "message"),
    [
        ("recommend", {"user_id": ["1"], "k": [0], "exclude": [[""]], "unseen": [False]}, "k must be at least 1"),
        ("similar", {"item": ["x", "y"], "k": [0, -1]}, "k must be at least 1"),
        ("recommend_from", {"items": [[""]], "k": [0]}, "k must be at least 1"),
        ("recommend_from", {"items": [[""], [""]], "k": [1]}, "all inputs must have the same number of rows"),
        ("score", {"user_id": ["1", "2"], "item": ["x"]}, "all inputs must have the same number of rows"),
    ],
)
def test_what_cannot_be_answered_is_refused_in_one_sentence(signature, inputs, message, tiny_version):
    with session(tiny_version.folder) as answer:
        for ask in (answer, in_python(tiny_version.recommender)):
            with pytest.raises(tf.errors.InvalidArgumentError, match=rf"assertion failed: \[{message}\]\n"):
                ask(signature, inputs)


BAD_K = {
    "recommend": {"user_id": ["1", "2", "1"], "exclude": [[""]] * 3, "unseen": [False] * 3},
    "similar": {"item": ["Film 1 (1991)", "日本", "日本"]},
    "recommend_from": {"items": [["日本"], ["Film 1 (1991)"], [""]]},
}
"""Three callers' rows, as TensorFlow Serving joins them into one run: the second comes with a bad k."""


@pytest.mark.parametrize("bad", [0, -1, -(2**31)])
@pytest.mark.parametrize("signature", BAD_K)
def test_a_bad_k_fails_nobody_beside_it_in_a_session(signature, bad, tiny_version):
    inputs = {name: np.array(values) for name, values in BAD_K[signature].items()}
    with session(tiny_version.folder) as answer:
        batch = answer(signature, inputs | {"k": np.array([3, bad, 2], np.int32)})
        alone = answer(signature, {n: v[[0, 2]] for n, v in inputs.items()} | {"k": np.array([3, 2], np.int32)})
    assert difference(alone, {name: values[[0, 2]] for name, values in batch.items()}) is None
    assert batch["item"][1].tolist() == ["", "", ""]
    assert batch["score"][1].tolist() == [np.finfo(np.float32).min] * 3


def test_everything_is_kept_once_and_what_users_have_is_kept_sparse(tiny_versions):
    for kind, tiny in tiny_versions.items():
        reader = tf.train.load_checkpoint(str(tiny.folder / "variables" / "variables"))
        shapes = sorted(shape for shape in reader.get_variable_to_shape_map().values() if len(shape) == 2)
        history = [[41, 5]] * (tiny.model.history is not None)
        scores = [[31, 41]] * (kind in SCORED)
        tags = len({tag for own in tiny.interactions.item_tags for tag in own} | {""})
        lists = [[30 + 1, 3], [tags + 1, 3]]
        assert shapes == sorted([[10, 10], [10, 41], [31, 10], *history, *scores, *lists])


def test_what_no_signature_reads_is_not_kept(tiny_version):
    loaded = tf.saved_model.load(str(tiny_version.folder))
    assert sorted(loaded.signatures) == sorted(SIGNATURES)
    assert not [part for part in loaded.state if isinstance(part, tf.Module)]


@pytest.mark.parametrize(
    ("size", "scan", "kept", "part"),
    [
        (3, None, KEPT, PART),
        (SMALL + 700, None, KEPT, PART),
        (SMALL + 700, None, KEPT, 9 * BLOCK),
        (SMALL + 700, None, 0, 9 * BLOCK),
        (SMALL + 700, Plan(head=2, candidates=64, falls_back=0.0, cost=0.1), KEPT, 9 * BLOCK),
        (300, Plan(head=2, candidates=64, falls_back=0.0, cost=0.1), KEPT, PART),
    ],
)
@pytest.mark.training
def test_catalogues_of_a_few_items_of_many_and_of_those_that_are_scanned_answer_like_numpy(
    size, scan, kept, part, tmp_path, monkeypatch
):
    monkeypatch.setattr(parts, "PART", part)
    rng = np.random.default_rng(size)
    names = [f"item {i}" for i in range(size)]
    interactions = Interactions.from_ids([str(i % 9) for i in range(size)], names)
    users = interactions.users
    users_like = rng.standard_normal((size + 1, 3), dtype=np.float32)
    model = Factorized(
        user_vectors=rng.standard_normal((len(users), 5), dtype=np.float32),
        vectors=rng.standard_normal((size, 5), dtype=np.float32),
        item_biases=rng.standard_normal(size, dtype=np.float32),
        user_biases=rng.standard_normal(len(users), dtype=np.float32),
        history=None if scan is None else History(start=users_like[0], vectors=users_like[1:], wide=np.array([0, 2])),
    )
    Recommender(model, interactions, scan, kept=kept).save(tmp_path)
    write_twin(tmp_path, tmp_path / "twin")
    expected = list(cases(Oracle(model, interactions).answer, proof(interactions)))
    with session(tmp_path) as answer:
        assert first_difference(expected, answer) is None
    assert first_difference(expected, twin(tmp_path / "twin")) is None
    vectors, right = read_vectors(tmp_path, items=size), model.user_vectors @ model.vectors.T + model.item_biases
    np.testing.assert_allclose(vectors.users @ vectors.items.T, right, atol=1e-5)
    assert np.array_equal(vectors.popularity, interactions.popularity())


def test_fold_in_solves_the_normal_equations_of_implicit_matrix_factorization():
    rng = np.random.default_rng(3)
    items = (rng.standard_normal((300, 12)) * np.geomspace(0.1, 10, 12)).astype(np.float32)
    items[:, 10:] *= 100, 0
    scale = np.array([1] * 10 + [np.sqrt((items[:, :10] ** 2).sum() / 10 / (items[:, 10] ** 2).sum()), 0])
    scaled = items * scale
    liked = scaled[[3, 50, 51, 200, 299]]
    gram = scaled.T @ scaled
    ridge = RIDGE * np.trace(gram) / len(gram) * np.eye(len(gram))
    exact = np.linalg.solve(gram + ridge + ALPHA * liked.T @ liked, (1 + ALPHA) * liked.sum(axis=0))
    asked = np.vstack([items[[3, 50, 51, 200, 299]], np.zeros((3, 12), np.float32)])
    found = fold_in(tf.constant(asked[None]), tf.constant(whitening(items)))
    np.testing.assert_allclose(found[0], exact * scale, rtol=1e-5, atol=1e-8)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"vectors": np.zeros((3, 8), np.float32)},
            "the model has (30, 3, 40, 30) user vectors, item vectors, item biases and user biases, "
            "expected (30, 40, 40, 30)",
        ),
        (
            {"item_biases": np.full(40, np.nan, np.float32)},
            "item_biases of the model hold NaN, infinity or more than 1e+15: try a lower learning rate",
        ),
    ],
)
def test_a_model_that_does_not_fit_or_diverged_is_refused(change, message, tiny_interactions):
    with pytest.raises(Failure) as refused:
        Recommender(replace(tiny_model(tiny_interactions, "plain"), **change), tiny_interactions)
    assert str(refused.value) == message


def test_an_item_without_a_name_is_refused(tiny_interactions):
    nameless = replace(tiny_interactions, items=np.array(["", *tiny_interactions.items[1:]]))
    with pytest.raises(Failure, match="an item has the empty name"):
        Recommender(tiny_model(tiny_interactions, "plain"), nameless)
