"""REST's values beyond the recorded exchanges: what TensorFlow Serving's own sources answer, on a real socket."""

from __future__ import annotations

import json
import math
import subprocess
import sys

import numpy as np
import pytest
from live import DATA, ask, live, predict

MODEL = "/v1/models/conformance"


def typed(**columns):
    row = {"f": [1, 2], "i": 1, "b": True, "d": 1} | columns
    return {"signature_name": "typed", "instances": [row]}


def at(problem, *, key="", number=0):
    where = f"element: {number} key: {key}" if key else f"element: {number}"
    return f"Failed to process {where} of 'instances' list. Error: INVALID_ARGUMENT: {problem}"


@pytest.mark.parametrize(
    ("request_", "error"),
    [
        (typed(i=1 << 63), at("JSON Value: 9223372036854775808 Type: Number is not of expected type: int64", key="i")),
        (typed(i=1.0), at("JSON Value: 1.0 Type: Number is not of expected type: int64", key="i")),
        (typed(b=None), at("JSON Value: null Type: Null is not of expected type: bool", key="b")),
        (typed(i=True), at("JSON Value: true Type: True is not of expected type: int64", key="i")),
        (typed(f=[1, 1 << 24]), at("Cannot convert JSON value: 16777216 to float without loss of precision.", key="f")),
        (
            typed(d=1 << 53),
            at("Cannot convert JSON value: 9007199254740992 to double without loss of precision.", key="d"),
        ),
        (typed(f=[1, [2]]), at("Encountered list at unexpected level: 1 expected < 1", key="f")),
        (
            typed(f=[[1], 2]),
            at("JSON Value: 2 found at incorrect level: 2 in the JSON DOM. Expected at level: 2", key="f"),
        ),
        (
            typed(f=[[1, 2], [3]]),
            at("Encountered list at unexpected size: 1 at level: 1 expected size: 2", key="f"),
        ),
        (
            {"signature_name": "single", "instances": [[[1, 2]], [[1], [2]]]},
            at("Expecting shape [1,2] but got: [2,1]", number=1),
        ),
        (
            {"instances": [{"user_id": {"b64": "NDI=", "x": 1}}]},
            at('JSON Value: { "b64": "NDI=", "x": 1 } not formatted correctly for base64 data', key="user_id"),
        ),
        ({"instances": [{"user_id": "1"}, "2"]}, "Expecting object but got list at item 1 of input list"),
        (
            {"signature_name": "__saved_model_init_op", "instances": [1]},
            "Failed to get input map for signature: __saved_model_init_op",
        ),
        ({"inputs": None}, "JSON Value: null Type: Null is not of expected type: string"),
        ({"instances": [0.1]}, at("JSON Value: 0.1 Type: Number is not of expected type: string")),
        (
            {"instances": [[[["42"]]]], "inputs": [{"a": [1, 1.5, "é\n"]}]},
            'JSON Value: { "instances": [[[["42"]]]], "inputs": [{ "a": [1, 1.5, "é\\n"] }] } '
            "Not formatted correctly expecting only one of 'inputs' or 'instances' keys to exist ",
        ),
    ],
)
def test_what_does_not_fit_is_told_in_tensorflow_servings_words(server, request_, error):
    answer = predict(server, "conformance", json.dumps(request_, ensure_ascii=False))
    assert (answer.status, " ".join(answer.error.split())) == (400, " ".join(error.split()))


def test_an_input_of_another_rank_is_named_with_its_shape_and_what_is_expected(tiny_version):
    row = {"user_id": "1", "k": 3, "exclude": [""], "unseen": True}
    with live(models=tiny_version.folder.parents[1]) as where:
        for key, value, problem in (
            ("exclude", "", "input exclude has the shape [1], expected a list in each row"),
            ("k", [3], "input k has the shape [1, 1], expected one value in each row"),
        ):
            request = {"signature_name": "recommend", "instances": [row | {key: value}]}
            answer = predict(where, tiny_version.folder.parent.name, request)
            assert (answer.status, answer.json) == (400, {"error": problem})


def test_a_number_is_quoted_as_rapidjson_reads_and_writes_it(server):
    """The numbers of the second list are what RapidJSON 1.1.0 itself printed for those of the first."""
    sent = "1e16, 1e20, 1e21, 1.5e22, 1e-5, 1e-6, 1e-7, 1.5e-6, "
    sent += "-0.0, -0, 1E2, 5e-324, 3.4028235e38, 10000000000000000000000"
    quoted = "10000000000000000.0, 100000000000000000000.0, 1e21, 1.5e22, 0.00001, 0.000001, 1e-7, 0.0000015, "
    quoted += "-0.0, 0, 100.0, 5e-324, 3.4028235e38, 1e22"
    assert predict(server, "conformance", f"[{sent}]").error == f"JSON Value: [{quoted}] Is not object"


def test_the_largest_numbers_are_read_as_rapidjson_reads_them(server):
    """It finds the largest float64 but one digit infinite."""
    body = '{"signature_name": "typed", "inputs": {"f": [1], "i": [1], "b": [true], "d": [%s]}}'
    found = [predict(server, "conformance", body % f"1.797693134862315{last}e308") for last in (7, 8)]
    assert [answer.json["outputs"]["d_out"] for answer in found] == [[5.992310449541052e307], [math.inf]]


def test_a_list_nested_beyond_any_tensor_is_refused(server):
    deep = "[" * 300 + '"42"' + "]" * 300
    answer = predict(server, "conformance", f'{{"instances": {deep}}}')
    assert (answer.status, answer.error) == (400, "tensor parsing error: user_id")


def test_bytes_that_are_no_utf8_come_back_as_they_went(server):
    answer = predict(server, "conformance", b'{"signature_name": "binary", "instances": ["\xff\xfe", "\\udc80"]}')
    assert [row["echo_bytes"] for row in answer.json["predictions"]] == [{"b64": "//4="}, {"b64": "7bKA"}]


@pytest.mark.parametrize("value", [0.1, 1e-7, 123456789.0, 1 / 3, -3.4028234e38, 2.0**-149])
def test_a_float_comes_back_exactly(server, value):
    body = {"signature_name": "single", "inputs": [value]}
    (answer,) = predict(server, "conformance", body).json["outputs"]
    assert np.float32(answer) == np.float32(value) * np.float32(0.5) + np.float32(2)


def test_a_number_beyond_float32_is_infinite_for_a_float(server):
    """The largest float32, which RapidJSON reads as a double above it, is rounded back to it."""
    sent = ["1e39", "-1e39", "3.4028235e38", "3.4028234663852886e38", "3.5e38", "1" + "0" * 50]
    for more in ("", ', "a": 1, "a": 2'):  # by either path
        body = f'{{"signature_name": "single", "inputs": [{", ".join(sent)}]{more}}}'
        found = predict(server, "conformance", body).json["outputs"]
        half = pytest.approx(1.7014117e38, rel=1e-6)
        assert found == [math.inf, -math.inf, half, half, math.inf, math.inf]


@pytest.mark.parametrize("verb", ["classify", "regress"])
@pytest.mark.parametrize(
    ("body", "error"),
    [
        ('{"examples": []}', "JSON Value: { \"examples\": [] } 'examples' value is an empty array"),
        ('{"examples": 5}', "JSON Value: { \"examples\": 5 } Expecting 'examples' value to be an list/array"),
        ("{}", "JSON Value: {} When method is classify, key 'examples' is expected and was not found"),
        ('{"examples": [5]}', "Example must be JSON object but got JSON Number"),
        ('{"examples": [{"a": null}]}', "Feature: a has element with unexpected JSON type: Null"),
        ('{"examples": [{"a": [1, "x"]}]}', "Unexpected element type in feature: a expecting type: int64"),
        ('{"examples": [{"a": [1, 1.5]}]}', "Unexpected element type in feature: a expecting type: int64"),
        ('{"examples": [{"a": [true, 1, 1.5]}]}', "Unexpected element type in feature: a expecting type: int64"),
        ('{"examples": [{"a": [1, {"b64": "@"}]}]}', "Unexpected element type in feature: a expecting type: int64"),
        ('{"examples": [{"a\\u0000b": null}]}', "Feature: a has element with unexpected JSON type: Null"),
        ('{"signature_name": "typed", "examples": [{"a": [true, false, 2]}]}', "Expected one input Tensor."),
        ('{"examples": [{"a": 18446744073709551615}]}', "Feature: a has uint64 element. Only int64 is supported."),
        ('{"signature_name": "no", "examples": [{}]}', "No signature was found with the name: no"),
        ('{"signature_name": "typed", "examples": [{}], "context": {"c": 1}}', "Expected one input Tensor."),
    ],
)
def test_classify_and_regress_refuse_in_tensorflow_servings_words(server, verb, body, error):
    answer = ask(server, "POST", f"{MODEL}:{verb}", body)
    assert (answer.status, " ".join(answer.error.split())) == (400, error)


def test_serving_a_model_with_twins_loads_no_tensorflow(tiny_version):
    program = (
        "import sys; sys.path.insert(0, sys.argv[2]); from pathlib import Path; from live import live, predict\n"
        "with live(models=Path(sys.argv[1])) as where:\n"
        "    assert predict(where, 'user_biases', {'instances': ['1']}).status == 200\n"
        "sys.exit('tensorflow' in sys.modules)"
    )
    models, tests = tiny_version.folder.parent.parent, DATA.parent.parent
    result = subprocess.run([sys.executable, "-c", program, str(models), str(tests)], timeout=60, check=False)
    assert result.returncode == 0
