"""TensorFlow Serving's gRPC API over a repository: Predict, GetModelMetadata, GetModelStatus, and the health service.

Generic handlers under the services' real names, over messages of our own with the same bytes. Each handler parses for
itself: gRPC would answer a broken message with INTERNAL, as if the server were at fault.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

import grpc
from google.protobuf.message import DecodeError, Message

from serving.api.observer import Observer
from serving.api.predict import (
    SIGNATURE_DEF,
    Predictor,
    find_signature,
    finish,
    model_spec,
    read_inputs,
    signature_map,
    status_response,
    verify_filter,
)
from serving.engines.batching import Outputs
from serving.engines.engine import Servable, Signature, check_dtypes
from serving.proto import serving_pb2
from serving.wire.error_codes import Code, Refusal, invalid
from serving.wire.tensors import Array, to_proto

PREDICTION = "tensorflow.serving.PredictionService"
MODEL = "tensorflow.serving.ModelService"

MAX_DETAILS = 1024
"""Bytes of an error's text that TensorFlow Serving sends over gRPC; over REST it sends all."""

log = logging.getLogger("triptych.rpc")

M = TypeVar("M", bound=Message)
Method = Callable[[bytes, "_Notes"], Awaitable[Message]]


class _Notes:
    """What the observer is told about a call: filled in as it becomes known."""

    model = ""
    version: int | None = None
    signature = ""


class RpcApi:
    """The methods of both services."""

    def __init__(self, predictor: Predictor, observer: Observer) -> None:
        self._predictor = predictor
        self._repository = predictor.repository
        self._observer = observer

    def handlers(self) -> tuple[grpc.GenericRpcHandler, ...]:
        """Return the handlers to register with a server."""
        services: dict[str, dict[str, Method]] = {
            PREDICTION: {"Predict": self._predict, "GetModelMetadata": self._metadata},
            MODEL: {"GetModelStatus": self._status},
        }
        return tuple(
            grpc.method_handlers_generic_handler(
                service,
                {
                    name: grpc.unary_unary_rpc_method_handler(self._call(name, method))
                    for name, method in methods.items()
                },
            )
            for service, methods in services.items()
        )

    def _call(
        self, name: str, method: Method
    ) -> Callable[[bytes, grpc.aio.ServicerContext[bytes, bytes]], Awaitable[bytes]]:
        async def call(data: bytes, context: grpc.aio.ServicerContext[bytes, bytes]) -> bytes:
            notes, start = _Notes(), time.perf_counter()
            code, answer = Code.OK, b""
            try:
                answer = (await method(data, notes)).SerializeToString()
            except Refusal as refusal:
                code, text = refusal.code, refusal.message
            except Exception:
                log.exception("%s failed", name)
                code, text = Code.INTERNAL, "Internal error"
            if self._observer.active:
                self._observe(name, notes, code, time.perf_counter() - start)
            if code != Code.OK:
                await context.abort(_STATUS[code], _details(text))
            return answer

        return call

    def _observe(self, name: str, notes: _Notes, code: Code, seconds: float) -> None:
        self._observer.request(
            entrypoint="GRPC",
            api=name.lower(),
            model=notes.model,
            version=notes.version,
            signature=notes.signature,
            code=code,
            seconds=seconds,
        )

    async def _predict(self, data: bytes, notes: _Notes) -> Message:
        request = _parse(serving_pb2.PredictRequest, data)
        servable = self._find(request, notes)
        signature = find_signature(servable, request.model_spec.signature_name)
        notes.signature = signature.name
        inputs = read_inputs(signature, request.inputs)
        names = verify_filter(signature, request.output_filter)
        check_dtypes(signature, inputs)
        outputs = finish(await self._run(servable, signature, inputs), names)
        response = serving_pb2.PredictResponse(model_spec=model_spec(servable, signature.name))
        for name, array in outputs.items():
            response.outputs[name].CopyFrom(to_proto(array))
        return response

    async def _run(self, servable: Servable, signature: Signature, inputs: dict[str, Array]) -> Outputs | Refusal:
        future: asyncio.Future[Outputs | Refusal] = asyncio.get_running_loop().create_future()

        def done(outcome: Outputs | Refusal) -> None:
            if not future.done():  # the caller may have gone
                future.set_result(outcome)

        self._predictor.submit(servable, signature, inputs, done)
        return await future

    async def _metadata(self, data: bytes, notes: _Notes) -> Message:
        request = _parse(serving_pb2.GetModelMetadataRequest, data)
        if not request.HasField("model_spec"):
            raise invalid("Missing ModelSpec")
        if not request.metadata_field:
            raise invalid("GetModelMetadataRequest must specify at least one metadata_field")
        for field in request.metadata_field:
            if field != SIGNATURE_DEF:
                raise invalid(f"Metadata field {field} is not supported")
        servable = self._find(request, notes)
        response = serving_pb2.GetModelMetadataResponse(model_spec=model_spec(servable))
        packed = response.metadata[SIGNATURE_DEF]
        packed.type_url = "type.googleapis.com/tensorflow.serving.SignatureDefMap"
        packed.value = signature_map(servable).SerializeToString()
        return response

    async def _status(self, data: bytes, notes: _Notes) -> Message:
        request = _parse(serving_pb2.GetModelStatusRequest, data)
        if not request.HasField("model_spec"):
            raise invalid("Missing ModelSpec")
        spec = request.model_spec
        notes.model = spec.name
        return status_response(self._repository, spec.name, spec.version.value if spec.HasField("version") else None)

    def _find(
        self, request: serving_pb2.PredictRequest | serving_pb2.GetModelMetadataRequest, notes: _Notes
    ) -> Servable:
        if not request.HasField("model_spec"):
            raise invalid("Missing ModelSpec")
        spec = request.model_spec
        notes.model = spec.name
        servable = self._repository.now.find(
            spec.name,
            version=spec.version.value if spec.HasField("version") else None,
            label=spec.version_label if spec.HasField("version_label") else None,
        )
        notes.version = servable.version
        return servable


_STATUS = {code: next(one for one in grpc.StatusCode if one.value[0] == code) for code in Code}


def _parse(kind: type[M], data: bytes) -> M:
    message = kind()
    try:
        message.ParseFromString(data)
    except DecodeError as error:
        raise invalid(f"the message is no {kind.__name__}: {error}") from None
    return message


def _details(text: str) -> str:
    """Cut a text as TensorFlow Serving does; details travel as UTF-8, what is none is shown as U+FFFD."""
    raw = text.encode("utf-8", "surrogateescape")
    cut = raw if len(raw) <= MAX_DETAILS else raw[:MAX_DETAILS] + b"...TRUNCATED"
    return cut.decode("utf-8", "replace")
