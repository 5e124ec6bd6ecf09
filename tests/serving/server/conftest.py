"""A server with little of everything."""

from __future__ import annotations

import pytest
from live import live

from serving.engines.budget import Budget
from serving.http.messages import Limits
from serving.server.rpc_server import RpcLimits

BUDGET = Budget(request=20_000, in_flight=40_000)
LIMITS = Limits(body=2 << 20, buffered=8 << 20, request_seconds=2, answer_seconds=2, linger_seconds=0.5, connections=60)
RPC = RpcLimits(calls=4, age_seconds=1, grace_seconds=1)


@pytest.fixture(scope="module")
def server(tiny_version):
    with live(models=tiny_version.folder.parent.parent, budget=BUDGET, limits=LIMITS, rpc=RPC) as where:
        yield where
