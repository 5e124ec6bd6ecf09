"""Predict requests to the tiny version `plain`, written out by hand, a connection to write them on, and its replies."""

from __future__ import annotations

import json
import socket
from collections.abc import Sequence

from live import Ready
from tensorboard.compat.proto import types_pb2

from serving.http.messages import Limits
from serving.proto import serving_pb2

BODY = b'{"instances": ["1"]}'

LIMITS = Limits(body=100_000, headers=2_000, pipelined=8, linger_seconds=0.5)
"""What the servers of tests/serving/http take, little enough to be sent past it."""


def connected(server: Ready) -> socket.socket:
    return socket.create_connection(("127.0.0.1", server.rest_port), timeout=20)


def head(length: int, path: bytes = b"/v1/models/plain:predict") -> bytes:
    return b"POST %b HTTP/1.1\r\nContent-Length: %d\r\n\r\n" % (path, length)


def request(body=BODY, *extra, path=b"/v1/models/plain:predict", version=b"1.1"):
    head = b"POST %b HTTP/%b\r\nHost: x\r\nContent-Length: %d\r\n" % (path, version, len(body))
    return head + b"".join(line + b"\r\n" for line in extra) + b"\r\n" + body


def reply(file):
    """Read one answer: status, headers, body."""
    status = int(file.readline().split()[1])
    headers = {}
    while (line := file.readline().strip()) != b"":
        name, value = line.split(b": ", 1)
        headers[name.lower()] = value
    return status, headers, file.read(int(headers.get(b"content-length", 0)))


def columns(signature: str, **inputs: object) -> str:
    return json.dumps({"signature_name": signature, "inputs": inputs})


def recommend(rows: int, k: int, exclude: Sequence[str] = ("",)) -> str:
    return columns(
        "recommend", user_id=["1"] * rows, k=[k] * rows, exclude=[list(exclude)] * rows, unseen=[False] * rows
    )


def message(signature: str, **inputs: tuple[list[int], bytes | int]) -> bytes:
    """Write a Predict request whose tensors have one value each, whatever their shape."""
    request = serving_pb2.PredictRequest()
    request.model_spec.name, request.model_spec.signature_name = "plain", signature
    for name, (shape, value) in inputs.items():
        tensor = request.inputs[name]
        for size in shape:
            tensor.tensor_shape.dim.add(size=size)
        if isinstance(value, bytes):
            tensor.dtype = types_pb2.DT_STRING
            tensor.string_val.append(value)
        else:
            tensor.dtype = types_pb2.DT_INT32
            tensor.int_val.append(value)
    return request.SerializeToString()
