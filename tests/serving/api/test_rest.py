"""REST beyond the recorded exchanges: what TensorFlow Serving's own sources answer, on a real socket."""

from __future__ import annotations

import gzip
import http.client
import json
import math
import socket
import subprocess
import sys
import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from live import DATA, ask, live, predict, write_config

BEST = {"items": ["Alien (1979)", "Star Wars (1977)", "Contact (1997)"], "scores": [12.03125, 10.25, 9.625]}
MODEL = "/v1/models/conformance"


@pytest.fixture(scope="module")
def server(tmp_path_factory, conformance_twin):
    with live(model_config_file=write_config(tmp_path_factory.mktemp("config"), conformance_twin)) as where:
        yield where


def typed(**columns):
    row = {"f": [1, 2], "i": 1, "b": True, "d": 1} | columns
    return {"signature_name": "typed", "instances": [row]}


def at(problem, *, key="", number=0):
    where = f"element: {number} key: {key}" if key else f"element: {number}"
    return f"Failed to process {where} of 'instances' list. Error: INVALID_ARGUMENT: {problem}"


@pytest.mark.parametrize(
    "body",
    [
        '{"instances": ["42"], "instances": ["1"]}',
        '{"instances": [{"user_id": "42", "user_id": "1"}]}',
        '{"instances": ["4\\u0032"], "colons": "::"}',
        '{"signature_name": "", "instances": ["42"]}',
        '{"instances": ["42"]}\0 whatever',
        '\ufeff{"instances": ["42"]}',
        ' \n\t{"instances"\r:["42"] } ',
        '{"instances": [{"b64": "NDI"}]}',
        '{"instances": [{"user_id": {"b64": "NDI="}}]}',
    ],
)
def test_what_rapidjson_accepts_is_accepted_and_the_first_of_two_keys_counts(server, body):
    answer = predict(server, "conformance", body)
    assert (answer.status, answer.json) == (200, {"predictions": [BEST]})


@pytest.mark.parametrize(
    "body",
    [
        '{"instances": ["\\ud800"]}',
        '{"instances": ["\\ud800\\u0041"]}',
        '{"instances": [01]}',
        '{"instances": [1.]}',
        '{"instances": [.5]}',
        '{"instances": [+1]}',
        '{"instances": [1e]}',
        '{"instances": [1e309]}',
        '{"instances": ["a\nb"]}',
        '{"instances": ["\\x"]}',
        '{"instances": [tru]}',
        '{"instances": ["42",]}',
        '{"a" 1}',
        '{"a": 1,}',
        "{'a': 1}",
        '{"instances": [Nan]}',
        "\0",
        "   ",
        "[" * 100_000,
        '{"a":' * 100_000,
        "}",
        '{"a": 1]',
        '{"instances": ["42"] /* none */}',
        '{"instances": ["\\u12g4"]}',
        '{"instances": [' + "9" * 400 + "]}",
    ],
)
def test_what_rapidjson_refuses_is_a_parse_error(server, body):
    answer = predict(server, "conformance", body)
    assert answer.status == 400
    assert answer.error.startswith("JSON Parse error: ")


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


@pytest.mark.parametrize(
    ("method", "path", "status", "error"),
    [
        ("GET", "/v1/", 400, "Malformed request: GET /v1/"),
        ("GET", "/v1/models/", 400, "Malformed request: GET /v1/models/"),
        ("GET", f"{MODEL}/", 400, f"Malformed request: GET {MODEL}/"),
        ("GET", "/v1/models/versions/1", 400, "Missing model name in request."),
        ("GET", "/v1/models/metadata", 404, "Could not find any versions of model metadata"),
        ("GET", f"{MODEL}?x=1", 404, "Could not find any versions of model conformance?x=1"),
        ("GET", "/v1/models/a%20b", 404, "Could not find any versions of model a b"),
        ("GET", f"{MODEL}/versions/x", 400, f"Malformed request: GET {MODEL}/versions/x"),
        ("GET", f"{MODEL}/versions/9/metadata", 404, "Servable not found for request: Specific(conformance, 9)"),
        ("GET", f"{MODEL}/labels/no/metadata", 400, "Unrecognized servable version label: no"),
        ("POST", f"{MODEL}:PREDICT", 400, f"Malformed request: POST {MODEL}:PREDICT"),
        ("POST", f"{MODEL}:predict?x=1", 400, f"Malformed request: POST {MODEL}:predict?x=1"),
        ("POST", f"{MODEL}/metadata", 400, f"Malformed request: POST {MODEL}/metadata"),
        ("PUT", f"{MODEL}:predict", 400, f"Malformed request: PUT {MODEL}:predict"),
        ("DELETE", MODEL, 400, f"Malformed request: DELETE {MODEL}"),
    ],
)
def test_a_route_that_leads_nowhere_says_so(server, method, path, status, error):
    answer = ask(server, method, path, "{}" if method in ("POST", "PUT") else None)
    assert (answer.status, answer.kind, answer.error) == (status, "application/json", error)


@pytest.mark.parametrize("label", ["stable", "canary", "none"])
def test_the_status_of_a_label_known_or_not_is_that_of_all_versions_as_tensorflow_serving_has_it(server, label):
    assert ask(server, "GET", f"{MODEL}/labels/{label}") == ask(server, "GET", MODEL)


@pytest.mark.parametrize("path", ["/V1/MODELS/conformance", "/v1/models/conf%6Frmance", f"{MODEL}/METADATA"])
def test_a_route_ignores_case_and_reads_escapes(server, path):
    answer = ask(server, "GET", path)
    assert [one["version"] for one in answer.json["model_version_status"]] == ["2", "1"]


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/v2/x", 404),
        ("GET", "/v1?x", 404),
        ("GET", "/v1/models/a%zz", 400),
        ("FOO", MODEL, 501),
        ("TRACE", MODEL, 501),
    ],
)
def test_what_is_not_the_apis_gets_libevents_page(server, method, path, status):
    answer = ask(server, method, path)
    assert (answer.status, answer.kind) == (status, "text/html")
    assert answer.body.startswith(b"<HTML><HEAD>\n<TITLE>%d " % status)


@pytest.mark.parametrize(
    ("path", "status", "kind"), [(MODEL, 400, b"application/json"), ("/", 404, b"text/html"), ("/v1/a", 400, None)]
)
def test_head_is_answered_without_a_body_and_without_its_length(server, path, status, kind):
    with socket.create_connection((server.host, server.rest_port), timeout=20) as client:
        client.sendall(b"HEAD %b HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n" % path.encode())
        head, _, body = client.makefile("rb").read().partition(b"\r\n\r\n")
    assert (int(head.split()[1]), body) == (status, b"")
    assert b"content-length" not in head.lower()
    assert kind is None or b"\r\nContent-Type: %b\r\n" % kind in head


def test_options_is_refused_without_a_word_and_the_connection_stays(server):
    connection = http.client.HTTPConnection(server.host, server.rest_port, timeout=20)
    for path in (MODEL, f"{MODEL}:predict", "/v1/nothing"):
        connection.request("OPTIONS", path)
        reply = connection.getresponse()
        assert (reply.status, reply.read()) == (400, b"")
        assert reply.getheader("Content-Type") == "text/html; charset=ISO-8859-1"
        assert (reply.getheader("Content-Length"), reply.getheader("Connection")) == ("0", None)
    connection.close()
    assert ask(server, "OPTIONS", "/").status == 404


@pytest.mark.parametrize("number", ["9223372036854775808", "99999999999999999999"])
@pytest.mark.parametrize(("method", "rest"), [("GET", ""), ("GET", "/metadata"), ("POST", ":predict")])
def test_a_version_too_large_for_a_number_is_refused_without_a_word(server, number, method, rest):
    answer = ask(server, method, f"{MODEL}/versions/{number}{rest}", "{}" if method == "POST" else None)
    assert (answer.status, answer.kind, answer.body) == (400, "application/json", b"")


@pytest.mark.parametrize("behind", [" x", "}", "\0", "]]]", ',"instances":5', ' {"instances": []}', "\ud800"])
def test_what_follows_the_document_is_ignored_whatever_it_is(server, behind):
    body = b'{"instances": ["42"]}'
    answer = predict(server, "conformance", body + behind.encode("utf-8", "surrogatepass"))
    assert (answer.status, answer.body) == (200, predict(server, "conformance", body).body)
    assert ask(server, "POST", f"{MODEL}:regress", b'{"examples": []} x').error.endswith("is an empty array")


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


def test_a_packed_body_is_unpacked_and_a_bomb_is_not(server):
    packed = gzip.compress(b'{"instances": ["42"]}')
    headers = {"Content-Encoding": "gzip"}
    assert ask(server, "POST", f"{MODEL}:predict", packed, headers).json == {"predictions": [BEST]}
    bomb = gzip.compress(b" " * (65 << 20), compresslevel=1)
    assert "larger than" in ask(server, "POST", f"{MODEL}:predict", bomb, headers).error
    assert ask(server, "POST", f"{MODEL}:predict", b"junk", headers).error == "JSON Parse error: The document is empty"


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ('{"instances": ["42"], "a": "' + '\\":' * 1_000_000 + '"}', 200),
        ('{"instances": ["42"], "a": "' + '\\": ' * 1_000_000 + '"', 400),
        ('{"instances": ["42"], "a": ' + "[" * 3_000_000, 400),
        ('{"instances": [NaN, 0.' + "0" * 3_000_000 + "1" * 3_000_000 + "]}", 400),
    ],
)
def test_a_large_body_made_to_take_long_does_not(server, body, status):
    start = time.monotonic()
    assert predict(server, "conformance", body).status == status
    assert time.monotonic() - start < 10


def test_a_large_request_and_its_answer_pass_through_a_thread_whole(server):
    users = ["42", "1", "nobody"] * 30_000
    rows = predict(server, "conformance", {"instances": users}).json["predictions"]
    assert len(rows) == len(users)
    assert rows[-3] == rows[0] == BEST


PIECES = st.sampled_from(
    [
        "{",
        "}",
        "[",
        "]",
        ":",
        ",",
        '"',
        '"instances"',
        '"inputs"',
        '"user_id"',
        '"42"',
        "1",
        "-0",
        "1e400",
        "NaN",
        "null",
        "true",
        '"signature_name"',
        '"typed"',
        '{"b64":"NDI="}',
        "\\u0000",
        "\0",
        "é",
        " ",
        '{"instances":["42"]}',
    ]
)


@settings(derandomize=True, deadline=None, max_examples=300)
@given(st.lists(PIECES, max_size=12).map("".join) | st.binary(max_size=60))
def test_no_body_is_the_servers_fault(server, body):
    assert predict(server, "conformance", body).status in (200, 400)


VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(1 << 70), 1 << 70)
    | st.floats()
    | st.text(max_size=5)
    | st.just({"b64": "QQ=="}),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["x", "user_id", "k", "exclude", "b64"]), inner)
    ),
    max_leaves=8,
)


@settings(derandomize=True, deadline=None, max_examples=300)
@given(
    st.sampled_from(["serving_default", "recommend", "typed", "scalar", "binary"]),
    st.sampled_from(["instances", "inputs"]),
    VALUES,
)
def test_no_value_is_the_servers_fault(server, signature, key, value):
    assert predict(server, "conformance", {"signature_name": signature, key: value}).status in (200, 400)


@settings(derandomize=True, deadline=None, max_examples=200)
@given(st.sampled_from(["classify", "regress"]), st.sampled_from(["single", "binary", "typed"]), VALUES, VALUES)
def test_no_example_is_the_servers_fault(server, verb, signature, value, context):
    body = {"signature_name": signature, "examples": [{"x": value}], "context": {"c": context}}
    assert ask(server, "POST", f"{MODEL}:{verb}", json.dumps(body)).status == 400


@settings(derandomize=True, deadline=None, max_examples=200)
@given(st.sampled_from(["GET", "POST", "PUT", "HEAD"]), st.text("/v1models:%20conformance?#.\x7fé\t", max_size=30))
def test_no_path_is_the_servers_fault(server, method, path):
    with socket.create_connection((server.host, server.rest_port), timeout=20) as client:
        client.sendall(
            f"{method} /v1/models/{path} HTTP/1.1\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".encode()
        )
        assert client.makefile("rb").readline().split()[1] in (b"200", b"400", b"404")


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
