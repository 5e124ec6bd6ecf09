"""What is refused: a request that has no answer, alone and beside others', and a model that cannot be served."""

from dataclasses import replace

import numpy as np
import pytest
import tensorflow as tf
from conftest import tiny_model
from twins import in_python

from export.graph.recommender import Recommender
from export.publishing.agreement import difference, session
from serving.errors import Failure


@pytest.fixture(scope="module")
def reloaded(tiny_version):
    with session(tiny_version.folder) as answer:
        yield answer


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
def test_what_cannot_be_answered_is_refused_in_one_sentence(signature, inputs, message, tiny_version, reloaded):
    for ask in (reloaded, in_python(tiny_version.recommender)):
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
def test_a_bad_k_fails_nobody_beside_it_in_a_session(signature, bad, reloaded):
    inputs = {name: np.array(values) for name, values in BAD_K[signature].items()}
    batch = reloaded(signature, inputs | {"k": np.array([3, bad, 2], np.int32)})
    alone = reloaded(signature, {n: v[[0, 2]] for n, v in inputs.items()} | {"k": np.array([3, 2], np.int32)})
    assert difference(alone, {name: values[[0, 2]] for name, values in batch.items()}) is None
    assert batch["item"][1].tolist() == ["", "", ""]
    assert batch["score"][1].tolist() == [np.finfo(np.float32).min] * 3


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
