"""gRPC's health service over a real socket: what it says, and what it says to nonsense."""

from __future__ import annotations

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from live import process


def test_nonsense_is_the_callers_mistake_and_leaves_no_line_in_the_log(tiny_version):
    with process("--models", str(tiny_version.folder.parents[1])) as (running, where):
        with grpc.insecure_channel(f"127.0.0.1:{where.grpc_port}") as channel:
            for ask in (channel.unary_unary("/grpc.health.v1.Health/Check"), watch(channel)):
                with pytest.raises(grpc.RpcError) as caught:
                    ask(b"\xff\xff\xff", timeout=20)
                assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
                assert caught.value.details().startswith("the message is no HealthCheckRequest: ")
            stub = health_pb2_grpc.HealthStub(channel)
            watched = stub.Watch(health_pb2.HealthCheckRequest(), timeout=20)
            assert next(watched).status == health_pb2.HealthCheckResponse.SERVING
            watched.cancel()
        running.terminate()
        log = running.communicate(timeout=30)[1]
    assert "loaded in" in log
    assert "Traceback" not in log
    assert "ERROR" not in log


def watch(channel):
    call = channel.unary_stream("/grpc.health.v1.Health/Watch")
    return lambda data, timeout: next(call(data, timeout=timeout))
