"""Predict requests to the tiny version `plain`, written out by hand, and a connection to write them on."""

from __future__ import annotations

import json
import socket
from collections.abc import Sequence

from live import Ready
from tensorboard.compat.proto import types_pb2

from serving.proto import serving_pb2


def connected(server: Ready) -> socket.socket:
    return socket.create_connection(("127.0.0.1", server.rest_port), timeout=20)


def head(length: int, path: bytes = b"/v1/models/plain:predict") -> bytes:
    return b"POST %b HTTP/1.1\r\nContent-Length: %d\r\n\r\n" % (path, length)


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
