"""TensorFlow Serving's gRPC API over a repository: Predict, GetModelMetadata, GetModelStatus, and the health service.

Generic handlers under the services' real names, over messages of our own with the same bytes. Each handler parses for
itself: gRPC would answer a broken message with INTERNAL, as if the server were at fault.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from functools import partial
from typing import TypeVar

import grpc

from serving.api.observer import Observer
from serving.api.predict import SIGNATURE_DEF, finish, model_spec, signature_map, status_response
from serving.api.predictor import Asked, Predictor
from serving.api.rpc_predict import Notes, answer, find, parse, prepare
from serving.engines.budget import Share
from serving.engines.waiting import Outputs
from serving.proto import serving_pb2
from serving.wire.error_codes import Code, Refusal, invalid

PREDICTION = "tensorflow.serving.PredictionService"
MODEL = "tensorflow.serving.ModelService"

MAX_DETAILS = 1024
"""Bytes of an error's text that TensorFlow Serving sends over gRPC; over REST it sends all."""

log = logging.getLogger("triptych.rpc")

LARGE = 64 << 10
"""A larger message is read in a thread: a million values in it would hold the event loop up."""

MANY = 8 << 10
"""An answer of more values is written in a thread."""

T = TypeVar("T")
Method = Callable[[bytes, Notes], Awaitable[bytes]]


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
            notes, start = Notes(), time.perf_counter()
            code, reply = Code.OK, b""
            try:
                reply = await method(data, notes)
            except Refusal as refusal:
                code, text = refusal.code, refusal.message
            except MemoryError:
                code, text = Code.RESOURCE_EXHAUSTED, "there is no memory left for this request: try again"
            except Exception:
                log.exception("%s failed", name)
                code, text = Code.INTERNAL, "Internal error"
            if self._observer.active:
                self._observe(name, notes, code, time.perf_counter() - start)
            if code != Code.OK:
                await context.abort(_STATUS[code], _details(text))
            return reply

        return call

    def _observe(self, name: str, notes: Notes, code: Code, seconds: float) -> None:
        self._observer.request(
            entrypoint="GRPC",
            api=name.lower(),
            model=notes.model,
            version=notes.version,
            signature=notes.signature,
            code=code,
            seconds=seconds,
        )

    async def _predict(self, data: bytes, notes: Notes) -> bytes:
        share = Share(self._predictor.account)
        try:
            read = partial(prepare, self._repository, data, notes, share)
            asked, names = read() if len(data) <= LARGE else await self._in_thread(read)
            outputs = finish(await self._run(asked, notes, share), names)
            write = partial(answer, asked, outputs)
            few = sum(array.size for array in outputs.values()) <= MANY
            return write() if few else await self._in_thread(write)
        finally:  # the caller may have gone: gRPC ends the task then
            notes.leave()
            if not notes.runs:
                share.release()

    async def _run(self, asked: Asked, notes: Notes, share: Share) -> Outputs | Refusal:
        future: asyncio.Future[Outputs | Refusal] = asyncio.get_running_loop().create_future()

        def done(outcome: Outputs | Refusal) -> None:
            notes.runs = False
            if future.done():  # the caller has gone, and what it held was needed until now
                share.release()
            else:
                future.set_result(outcome)

        notes.runs = True
        self._predictor.submit(asked, notes, done)
        return await future

    async def _in_thread(self, work: Callable[[], T]) -> T:
        held = [work]

        def run() -> T:
            return held.pop()()

        try:
            return await asyncio.get_running_loop().run_in_executor(self._predictor.pools.bodies, run)
        finally:
            held.clear()  # the pool keeps what is cancelled until its turn would have come, and with it the message

    async def _metadata(self, data: bytes, notes: Notes) -> bytes:
        request = parse(serving_pb2.GetModelMetadataRequest, data)
        if not request.HasField("model_spec"):
            raise invalid("Missing ModelSpec")
        if not request.metadata_field:
            raise invalid("GetModelMetadataRequest must specify at least one metadata_field")
        for field in request.metadata_field:
            if field != SIGNATURE_DEF:
                raise invalid(f"Metadata field {field} is not supported")
        servable = find(self._repository, request, notes)
        response = serving_pb2.GetModelMetadataResponse(model_spec=model_spec(servable))
        packed = response.metadata[SIGNATURE_DEF]
        packed.type_url = "type.googleapis.com/tensorflow.serving.SignatureDefMap"
        packed.value = signature_map(servable).SerializeToString()
        return response.SerializeToString()

    async def _status(self, data: bytes, notes: Notes) -> bytes:
        request = parse(serving_pb2.GetModelStatusRequest, data)
        if not request.HasField("model_spec"):
            raise invalid("Missing ModelSpec")
        spec = request.model_spec
        notes.model = spec.name
        version = spec.version.value if spec.HasField("version") else None
        return status_response(self._repository, spec.name, version).SerializeToString()


_STATUS = {code: next(one for one in grpc.StatusCode if one.value[0] == code) for code in Code}


def _details(text: str) -> str:
    """Cut a text as TensorFlow Serving does; details travel as UTF-8, what is none is shown as U+FFFD."""
    raw = text.encode("utf-8", "surrogateescape")
    cut = raw if len(raw) <= MAX_DETAILS else raw[:MAX_DETAILS] + b"...TRUNCATED"
    return cut.decode("utf-8", "replace")
