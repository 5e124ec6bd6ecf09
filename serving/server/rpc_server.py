"""The gRPC server and its limits; what a call may stand for is the budget's affair, see serving.engines.budget."""

from __future__ import annotations

from dataclasses import dataclass

import grpc
from grpc_health.v1 import health, health_pb2

from serving.api.health import health_handlers
from serving.api.rpc import MODEL, PREDICTION, RpcApi
from serving.errors import Failure


@dataclass(frozen=True, kw_only=True)
class RpcLimits:
    """What one gRPC client may take, and all together.

    A message is whole before anyone is told of it, so calls x message is what unfinished ones can take: 512 MB.

    Attributes:
        message: bytes of a request; gRPC's own default, which most clients have for answers too.
        calls: calls at a time, the others are refused at once.
        streams: calls at a time on one connection; a client keeps more back until these are answered.
        age_seconds: how long a connection is used before its client is asked to make another, which costs no call.
        grace_seconds: how long the calls that are on it by then have. One that was begun and never sent takes its place
            from others for no longer than both together, the time that a REST request has.
    """

    message: int = 4 << 20
    calls: int = 128
    streams: int = 100
    connections: int = 1024
    handshake_seconds: float = 10.0
    idle_seconds: float = 60.0
    age_seconds: float = 5.0
    grace_seconds: float = 25.0

    def options(self) -> list[tuple[str, int]]:
        """Return them as gRPC has them."""
        return [
            ("grpc.max_receive_message_length", self.message),
            ("grpc.max_send_message_length", -1),
            ("grpc.max_concurrent_streams", self.streams),
            ("grpc.max_allowed_incoming_connections", self.connections),
            ("grpc.server_handshake_timeout_ms", int(1000 * self.handshake_seconds)),
            ("grpc.max_connection_idle_ms", int(1000 * self.idle_seconds)),
            ("grpc.max_connection_age_ms", int(1000 * self.age_seconds)),
            ("grpc.max_connection_age_grace_ms", int(1000 * self.grace_seconds)),
        ]


async def start(
    address: str, api: RpcApi, limits: RpcLimits, *, share: bool
) -> tuple[grpc.aio.Server, health.aio.HealthServicer, int]:
    """Serve on an address; return the server, its health service and its port.

    Raises:
        Failure: the port is taken.
    """
    healthy = health.aio.HealthServicer()
    options = [("grpc.so_reuseport", int(share)), *limits.options()]
    server = grpc.aio.server(options=options, maximum_concurrent_rpcs=limits.calls)
    server.add_generic_rpc_handlers((*api.handlers(), health_handlers(healthy)))
    for service in ("", PREDICTION, MODEL):
        await healthy.set(service, health_pb2.HealthCheckResponse.SERVING)
    try:
        port = server.add_insecure_port(address)
    except RuntimeError as error:
        raise Failure(f"cannot listen on {address}: another port is --grpc-port 0") from error
    await server.start()
    return server, healthy, port
