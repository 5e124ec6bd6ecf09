"""gRPC's health service, parsing for itself: what is no message is the caller's mistake, no traceback in the log."""

from __future__ import annotations

from typing import Any

import grpc
from google.protobuf.message import DecodeError
from grpc_health.v1 import health, health_pb2

Context = grpc.aio.ServicerContext[bytes, Any]


def health_handlers(healthy: health.aio.HealthServicer) -> grpc.GenericRpcHandler:
    """Return the handlers of the health service, to register with a server."""

    async def check(data: bytes, context: Context) -> Any:
        return await healthy.Check(await _request(data, context), context)

    async def watch(data: bytes, context: Context) -> None:
        await healthy.Watch(await _request(data, context), context)

    write = health_pb2.HealthCheckResponse.SerializeToString
    return grpc.method_handlers_generic_handler(
        health.SERVICE_NAME,
        {
            "Check": grpc.unary_unary_rpc_method_handler(check, response_serializer=write),
            "Watch": grpc.unary_stream_rpc_method_handler(watch, response_serializer=write),
        },
    )


async def _request(data: bytes, context: Context) -> health_pb2.HealthCheckRequest:
    try:
        return health_pb2.HealthCheckRequest.FromString(data)
    except DecodeError as error:
        await context.abort(grpc.StatusCode.INVALID_ARGUMENT, f"the message is no HealthCheckRequest: {error}")
