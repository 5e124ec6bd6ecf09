"""Whatever is sent by REST is never the server's fault: drawn bodies, values, examples and paths."""

from __future__ import annotations

import json
import socket

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from live import ask, predict

MODEL = "/v1/models/conformance"

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


@pytest.mark.untraced
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
