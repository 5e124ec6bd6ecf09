from contextlib import ExitStack

import numpy as np
import pytest
import tensorflow as tf
from conftest import KINDS, tiny_model
from hypothesis import given, settings
from hypothesis import strategies as st

from export.agreement import difference, session
from export.factorized import Factorized
from export.onnx import twin
from export.oracle import Oracle
from export.recommender import Recommender
from serving.contract import LOWEST, SIGNATURES
from serving.errors import Failure

EXACT = {"serving_default", "recommend", "score"}


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
    k = st.one_of(st.integers(1, 12), st.integers(1, len(interactions.items) + 3), st.just(2**31 - 1))
    signature = draw(st.sampled_from(sorted(SIGNATURES)))
    rows, width = draw(st.integers(0, 5)), draw(st.one_of(st.integers(0, 6), st.just(50)))
    columns = {"user_id": user, "item": item, "k": k, "unseen": st.booleans()}
    inputs = {}
    for name, tensor in SIGNATURES[signature].inputs.items():
        dtype = object if tensor.dtype == "string" else tensor.dtype
        one = st.lists(item, min_size=width, max_size=width) if len(tensor.shape) == 2 else columns[name]
        values = draw(st.lists(one, min_size=rows, max_size=rows))
        inputs[name] = np.array(values, dtype).reshape((rows, width)[: len(tensor.shape)])
    return signature, inputs


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
