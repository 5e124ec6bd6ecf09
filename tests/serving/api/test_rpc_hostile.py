"""Whatever is sent by gRPC is never the server's fault: drawn messages and tensors, and ones of very many parts."""

from __future__ import annotations

import time

import grpc
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from live import refusal
from tensorboard.compat.proto import tensor_pb2 as tensorboard_pb2

from serving.api.rpc_predict import parse
from serving.proto import serving_pb2
from serving.wire.error_codes import Code, Refusal
from serving.wire.tensors import elements, from_proto

import export  # noqa: F401  isort: skip - before TensorFlow, which the official modules import

import tensorflow as tf
from tensorflow_serving.apis import predict_pb2

FLOAT = tf.float32.as_datatype_enum


def request(signature):
    return predict_pb2.PredictRequest(model_spec={"name": "conformance", "signature_name": signature})


@settings(derandomize=True, deadline=None, max_examples=200)
@given(st.binary(max_size=80))
def test_no_message_is_the_servers_fault(server, data):
    assert refusal(server.raw, data)[0] in ("INVALID_ARGUMENT", "NOT_FOUND")


def test_a_message_of_very_many_fields_is_refused_before_it_is_parsed(server):
    entry = serving_pb2.PredictRequest()
    entry.inputs["x"].SetInParent()
    many = request("single").SerializeToString() + entry.SerializeToString() * 300_000
    start = time.thread_time()
    with pytest.raises(Refusal, match="the PredictRequest has more than 1024 fields") as caught:
        parse(serving_pb2.PredictRequest, many)
    assert caught.value.code == Code.RESOURCE_EXHAUSTED
    assert time.thread_time() - start < 0.1
    assert refusal(server.raw, many)[0] == "RESOURCE_EXHAUSTED"
    assert refusal(server.raw, b"\x0a\x00" * 3000)[0] == "RESOURCE_EXHAUSTED"


def test_a_shape_of_very_many_dimensions_is_no_tensor_and_none_of_them_is_looked_at():
    tensor = tensorboard_pb2.TensorProto(dtype=FLOAT)
    tensor.tensor_shape.MergeFromString(b"\x12\x00" * 1_000_000)
    start = time.thread_time()
    assert from_proto(tensor) is None
    assert elements(tensor) == 0
    assert time.thread_time() - start < 0.1


SIZES = st.lists(st.integers(-2, 3) | st.just(1 << 33), max_size=4)
FIELDS = st.fixed_dictionaries(
    {"dtype": st.integers(-1, 30), "sizes": SIZES},
    optional={
        "float_val": st.lists(st.floats(width=32), max_size=3),
        "int_val": st.lists(st.integers(-(1 << 31), (1 << 31) - 1), max_size=3),
        "string_val": st.lists(st.binary(max_size=3), max_size=3),
        "bool_val": st.lists(st.booleans(), max_size=3),
        "tensor_content": st.binary(max_size=9),
    },
)


@settings(derandomize=True, deadline=None, max_examples=200)
@given(
    st.sampled_from(["single", "binary", "recommend"]),
    st.dictionaries(st.sampled_from(["x", "image_bytes", "k"]), FIELDS),
)
def test_no_tensor_is_the_servers_fault(server, signature, inputs):
    message = request(signature)
    for name, fields in inputs.items():
        tensor = message.inputs[name]
        for field, value in fields.items():
            if field == "sizes":
                for size in value:
                    tensor.tensor_shape.dim.add(size=size)
            elif field == "dtype":
                tensor.dtype = value
            elif field == "tensor_content":
                tensor.tensor_content = value
            else:
                getattr(tensor, field).extend(value)
    try:
        server.prediction.Predict(message, timeout=20)
    except grpc.RpcError as error:
        assert error.code().name in ("INVALID_ARGUMENT", "NOT_FOUND")  # noqa: PT017
