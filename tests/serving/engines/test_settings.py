"""Whichever engine is set, and batching on or off, a request is answered or refused the same."""

from __future__ import annotations

import numpy as np
import pytest
from live import live, predict

from serving.engines import engine
from serving.wire.error_codes import Refusal
from serving.wire.tensors import strings


def texts(values, *shape):
    return strings(list(values), shape)


@pytest.mark.parametrize("ks", [[0], [2, -1]])
def test_a_k_below_1_is_refused_by_either_engine_whatever_else_the_request_asks(servable, ks):
    with pytest.raises(Refusal, match=r"^k must be at least 1$"):
        servable.signatures["similar"].run({"item": texts(["日本"] * len(ks), len(ks)), "k": np.array(ks, np.int32)})


@pytest.mark.parametrize("batching_on", [True, False])
def test_both_settings_answer_the_same(tiny_version, batching_on):
    body = {"signature_name": "recommend", "instances": [{"user_id": "1", "k": 3, "exclude": [], "unseen": True}]}
    with live(models=tiny_version.folder.parent.parent, batching=batching_on) as where:
        answer = predict(where, "user_biases", body).json["predictions"][0]
    signature = engine.load("m", 1, tiny_version.folder).signatures["recommend"]
    inputs = {
        "user_id": texts(["1"], 1),
        "k": np.array([3], np.int32),
        "exclude": texts([], 1, 0),
        "unseen": np.array([True]),
    }
    expected = {name: array[0].tolist() for name, array in signature.run(inputs).items()}
    assert answer["item"] == expected["item"]
    assert answer["known"] is True
    assert np.float32(answer["score"]).tolist() == expected["score"]
