"""A server whose every answer is known, and a client that asks it over either protocol."""

from __future__ import annotations

import pytest
from standin import stand_in

from serving.client.client import Client


@pytest.fixture
def server():
    with stand_in() as server:
        yield server


@pytest.fixture(params=["rest", "grpc"])
def client(request, server):
    with Client(getattr(server, request.param), model="two_tower", timeout=5) as client:
        yield client
