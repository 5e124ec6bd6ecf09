"""Replies: what orjson writes as TensorFlow Serving does goes through it, and nothing else."""

import json

import numpy as np
import pytest

from serving.json.replies import encode


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_no_number_that_is_not_finite_is_written_as_null(value):
    text = encode({"score": np.array([1.5, value], np.float32), "item": np.array(["a", "b"], object)}, rows=False)
    assert b"null" not in text
    assert np.array_equal(json.loads(text)["outputs"]["score"], [1.5, value], equal_nan=True)


@pytest.mark.parametrize("kind", [str, str.encode])
def test_an_item_may_be_called_null(kind):
    outputs = {"item": np.array([kind("null"), kind("Nullpunkt\n")], object), "score": np.array([1, 2], np.float32)}
    expected = [{"item": "null", "score": 1.0}, {"item": "Nullpunkt\n", "score": 2.0}]
    assert json.loads(encode(outputs, rows=True)) == {"predictions": expected}
    assert encode(outputs, rows=True).startswith(b'{"predictions":[')


def test_strings_that_are_no_utf8_are_written_as_they_are():
    assert encode({"item": np.array([b"a", b"\xff"], object)}, rows=False) == b'{\n    "outputs": ["a", "\xff"]\n}'
