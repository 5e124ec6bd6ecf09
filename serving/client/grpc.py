"""Carry Predict requests over TensorFlow Serving's gRPC API, through messages that need no TensorFlow."""

from __future__ import annotations

import threading
import time

import grpc
from tensorboard.util.tensor_util import make_ndarray, make_tensor_proto

from serving import contract
from serving.client.transport import (
    Arrays,
    ServerError,
    Target,
    array,
    checked,
    is_loopback,
    no_answer,
    no_contract,
    no_server,
    text,
)
from serving.proto import serving_pb2
from serving.wire.error_codes import HTTP, Code

CONNECT_SECONDS = 1.0
"""How long the first connection is tried again when it is refused; one that is only slow has the request's time."""


class Grpc:
    """TensorFlow Serving's gRPC API: `server` is grpc://HOST:PORT."""

    def __init__(self, server: str, *, timeout: float) -> None:
        self._server = server
        self._timeout = timeout
        self._connected = False
        self._channel = grpc.insecure_channel(
            server.removeprefix("grpc://"),
            options=[
                ("grpc.max_receive_message_length", -1),  # a whole catalogue for many users is more than the usual 4 MB
                ("grpc.enable_http_proxy", int(not is_loopback(server))),
                ("grpc.initial_reconnect_backoff_ms", 100),
            ],
        )
        self._predict = self._channel.unary_unary(
            # The service's real name; generated stubs would carry our messages' package instead.
            "/tensorflow.serving.PredictionService/Predict",
            request_serializer=serving_pb2.PredictRequest.SerializeToString,
            response_deserializer=serving_pb2.PredictResponse.FromString,
        )

    def predict(self, target: Target, signature: str, inputs: Arrays) -> Arrays:
        """See serving.client.transport.Transport."""
        self._connect()
        try:
            # Retries by a service config would repeat UNAVAILABLE answers as well. Waiting for the channel to be ready
            # repairs a broken connection, and gRPC itself repeats what no server has seen.
            reply = self._predict(
                predict_request(target, signature, inputs), timeout=self._timeout, wait_for_ready=True
            )
        except grpc.RpcError as error:
            if error.code() is grpc.StatusCode.DEADLINE_EXCEEDED:
                raise no_answer(self._server, self._timeout) from error
            raise ServerError(self._server, HTTP[Code[error.code().name]], error.details() or "") from error
        try:
            return checked(_outputs(reply, signature), signature, inputs)
        except (ValueError, TypeError, KeyError) as error:
            raise no_contract(self._server, target, signature) from error

    def close(self) -> None:
        """See serving.client.transport.Transport."""
        self._channel.close()

    def _connect(self) -> None:
        if self._connected:
            return
        refused = threading.Event()

        def watch(state: grpc.ChannelConnectivity) -> None:
            if state is grpc.ChannelConnectivity.TRANSIENT_FAILURE:
                refused.set()

        self._channel.subscribe(watch)
        ready, end = grpc.channel_ready_future(self._channel), time.monotonic() + max(self._timeout, CONNECT_SECONDS)
        try:
            while not self._connected:
                try:
                    ready.result(timeout=CONNECT_SECONDS)
                    self._connected = True
                except grpc.FutureTimeoutError as error:
                    if refused.is_set() or time.monotonic() > end:
                        raise no_server(self._server) from error
        finally:
            self._channel.unsubscribe(watch)


def predict_request(target: Target, signature: str, inputs: Arrays) -> serving_pb2.PredictRequest:
    """Write a request; strings may be text or bytes.

    >>> predict_request(Target(model="als"), "recommend", {}).model_spec.signature_name
    'recommend'
    """
    request = serving_pb2.PredictRequest()
    request.model_spec.name = target.model
    request.model_spec.signature_name = signature
    if target.version is not None:
        request.model_spec.version.value = target.version
    if target.label is not None:
        request.model_spec.version_label = target.label
    for name, column in inputs.items():
        request.inputs[name].CopyFrom(make_tensor_proto(column))
    return request


def _outputs(reply: serving_pb2.PredictResponse, signature: str) -> Arrays:
    # To ask a map field for a name it has not adds that name; dict() makes it a KeyError.
    tensors = {name: make_ndarray(tensor) for name, tensor in dict(reply.outputs).items()}
    return {
        name: text(tensors[name]) if tensor.dtype == "string" else array(tensors[name], tensor.dtype)
        for name, tensor in contract.SIGNATURES[signature].outputs.items()
    }
