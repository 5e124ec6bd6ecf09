"""gRPC with the official client's messages: dtypes, shapes, filters, refusals and health."""

from __future__ import annotations

import numpy as np
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from live import refusal
from tensorboard.compat.proto import meta_graph_pb2
from tensorboard.compat.proto import tensor_pb2 as tensorboard_pb2

from serving.api.predict import read_inputs
from serving.engines.engine import Signature
from serving.wire.error_codes import Refusal

import export  # noqa: F401  isort: skip - before TensorFlow, which the official modules import

import tensorflow as tf
from tensorflow.core.framework import tensor_pb2
from tensorflow_serving.apis import get_model_metadata_pb2, get_model_status_pb2, predict_pb2


def request(signature="", filtered=(), **inputs):
    made = predict_pb2.PredictRequest(output_filter=filtered)
    made.model_spec.name, made.model_spec.signature_name = "conformance", signature
    for name, value in inputs.items():
        made.inputs[name].CopyFrom(value if isinstance(value, tensor_pb2.TensorProto) else tf.make_tensor_proto(value))
    return made


def typed(**changed):
    columns = {"f": np.ones((1, 2), np.float32), "i": [np.int64(1)], "b": [True], "d": [1.0]} | changed
    return request("typed", **{name: np.asarray(value) for name, value in columns.items()})


def proto(**fields):
    return tensor_pb2.TensorProto(**fields)


def shape(*sizes):
    return tf.TensorShape(sizes).as_proto()


STRING, FLOAT, BOOL = (dtype.as_datatype_enum for dtype in (tf.string, tf.float32, tf.bool))


@pytest.mark.parametrize(
    ("tensor", "values"),
    [
        (proto(dtype=FLOAT, tensor_shape=shape(3), float_val=[2.0]), [3.0, 3.0, 3.0]),
        (proto(dtype=FLOAT, tensor_shape=shape(2)), [2.0, 2.0]),
        (proto(dtype=FLOAT, tensor_shape=shape(1), float_val=[2.0, 4.0]), [3.0]),
        (proto(dtype=FLOAT, tensor_shape=shape(2), tensor_content=np.float32([2, 4]).tobytes()), [3.0, 4.0]),
        (proto(dtype=FLOAT, tensor_shape=shape(0)), []),
        (proto(dtype=FLOAT, tensor_shape=shape(1, 1, 1), float_val=[2.0]), [[[3.0]]]),
        (proto(dtype=FLOAT, tensor_shape=shape(0), tensor_content=b"ignored"), []),
        (proto(dtype=FLOAT, tensor_shape=tf.TensorShape(None).as_proto(), float_val=[2.0]), 3.0),
        (proto(dtype=FLOAT, tensor_shape={"dim": [{"size": 2}], "unknown_rank": True}, float_val=[2.0]), [3.0, 3.0]),
    ],
)
def test_a_tensor_is_read_as_tensorflow_reads_it(server, tensor, values):
    answer = server.prediction.Predict(request("single", x=tensor), timeout=20)
    assert tf.make_ndarray(answer.outputs["y"]).tolist() == values


def test_strings_packed_into_the_content_are_read(server):
    packed = proto(dtype=STRING, tensor_shape=shape(2), tensor_content=b"\x02\x0142\x31")
    answer = server.prediction.Predict(request(user_id=packed), timeout=20)
    assert answer == server.prediction.Predict(request(user_id=["42", "1"]), timeout=20)
    assert list(answer.outputs["items"].string_val[:1]) == [b"Alien (1979)"]


@pytest.mark.parametrize(
    "tensor",
    [
        proto(dtype=FLOAT, tensor_shape=shape(2), tensor_content=b"123"),
        proto(tensor_shape=shape(1), float_val=[1.0]),
        proto(dtype=FLOAT, tensor_shape={"dim": [{"size": -1}]}),
        proto(dtype=FLOAT, tensor_shape={"dim": [{"size": -1}], "unknown_rank": True}),
        proto(dtype=BOOL, tensor_shape=shape(1), tensor_content=b"\x02"),
        proto(dtype=FLOAT, tensor_shape=shape(1 << 40), float_val=[1.0]),
        proto(dtype=FLOAT, tensor_shape=shape(*[1] * 255), float_val=[1.0]),
        proto(dtype=STRING, tensor_shape=shape(1), tensor_content=b"\xff\xff\xff\xff\xff\xff"),
        proto(dtype=999, tensor_shape=shape(1)),
    ],
)
def test_what_is_no_tensor_is_a_parsing_error(server, tensor):
    assert refusal(server.prediction.Predict, request("single", x=tensor)) == (
        "INVALID_ARGUMENT",
        "tensor parsing error: x",
    )


def test_another_dtype_is_refused_for_every_input(server):
    code, details = refusal(server.prediction.Predict, typed(i=[np.int32(1)]))
    assert (code, details) == ("INVALID_ARGUMENT", "Expects arg[3] to be int64 but int32 is provided")


@pytest.mark.parametrize(
    ("message", "code", "details"),
    [
        (
            request(zzz=["1"]),
            "INVALID_ARGUMENT",
            "Signature input alias: user_id(feed name: serving_default_user_id:0) not found in request and no default "
            "value provided. Inputs expected to be in the request {zzz}, or default input alias set: ",
        ),
        (
            request(user_id=["1"], filtered=["items", "items"]),
            "INVALID_ARGUMENT",
            "duplicate output tensor alias: items",
        ),
        (
            request("__saved_model_init_op"),
            "OUT_OF_RANGE",
            "Node 'NoOp' (type: 'NoOp', num of outputs: 0) does not have output 0",
        ),
        (predict_pb2.PredictRequest(), "INVALID_ARGUMENT", "Missing ModelSpec"),
    ],
)
def test_a_refusal_is_tensorflow_servings(server, message, code, details):
    assert refusal(server.prediction.Predict, message) == (code, details)


@pytest.mark.parametrize(
    ("name", "details"),
    [
        ("x" * 989, f'Serving signature key "{"x" * 989}" not found.'),
        ("x" * 990, f'Serving signature key "{"x" * 990}" not found...TRUNCATED'),
        ("é" * 600, f'Serving signature key "{"é" * 500}\ufffd...TRUNCATED'),
    ],
)
def test_an_error_of_more_than_1024_bytes_is_cut(server, name, details):
    assert refusal(server.prediction.Predict, request(name, user_id=["1"])) == ("FAILED_PRECONDITION", details)


def test_an_input_that_is_left_out_is_the_signatures_default():
    definition = meta_graph_pb2.SignatureDef()
    for name in ("a", "b"):
        definition.inputs[name].name, definition.inputs[name].dtype = f"{name}:0", FLOAT
    definition.defaults["b"].CopyFrom(tensorboard_pb2.TensorProto(dtype=FLOAT, float_val=[3.0]))
    signature = Signature(name="s", definition=definition, inputs={"a": FLOAT, "b": FLOAT}, outputs=(), run=dict)
    two = tensorboard_pb2.TensorProto(dtype=FLOAT, float_val=[2.0])
    assert read_inputs(signature, {"a": two}) == {"a": 2.0, "b": 3.0}
    with pytest.raises(Refusal, match=r"^Inputs contains invalid name. Used request inputs: a, request input: a,z$"):
        read_inputs(signature, {"a": two, "z": two})
    with pytest.raises(Refusal, match=r"^Signature input alias: a\(feed name: a:0\) not found .* alias set: b$"):
        read_inputs(signature, {"b": two})
    with pytest.raises(Refusal, match=r"^input size does not match signature: 3!=2 "):
        read_inputs(signature, {"a": two, "b": two, "z": two})


def test_metadata_and_status_without_a_model_are_refused(server):
    missing = ("INVALID_ARGUMENT", "Missing ModelSpec")
    assert refusal(server.prediction.GetModelMetadata, get_model_metadata_pb2.GetModelMetadataRequest()) == missing
    assert refusal(server.model.GetModelStatus, get_model_status_pb2.GetModelStatusRequest()) == missing


def test_a_call_that_is_not_served_is_unimplemented(server):
    call = server.channel.unary_unary("/tensorflow.serving.PredictionService/MultiInference")
    assert refusal(call, b"")[0] == "UNIMPLEMENTED"


@pytest.mark.parametrize("service", ["", "tensorflow.serving.PredictionService", "tensorflow.serving.ModelService"])
def test_the_health_service_says_serving(server, service):
    answer = health_pb2_grpc.HealthStub(server.channel).Check(
        health_pb2.HealthCheckRequest(service=service), timeout=20
    )
    assert answer.status == health_pb2.HealthCheckResponse.SERVING
