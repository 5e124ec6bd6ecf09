"""Where the client connects: again where a connection breaks, never through a proxy to this machine, or it says so."""

from __future__ import annotations

import socket
import time
from concurrent import futures

import grpc
import pytest
from standin import ITEMS, StandIn, grpc_handler

from serving.client.client import Client, Ranked
from serving.client.transport import is_loopback
from serving.errors import Failure


def test_a_connection_that_breaks_before_the_answer_is_made_again(server):
    def hang_up_twice(handler):
        if len(server.seen) <= 2:
            handler.close_connection = True
        else:
            handler.reply(200, {"outputs": {"item": [["a"]], "score": [[1.0]]}})

    server.raw = hang_up_twice
    with Client(server.rest, model="two_tower") as client:
        assert client.top(["42"]) == [Ranked(items=("a",), scores=(1.0,))]
    assert len(server.seen) == 3


def test_a_connection_that_always_breaks_is_given_up_after_four_attempts(server):
    server.raw = lambda handler: setattr(handler, "close_connection", True)
    with Client(server.rest, model="two_tower") as client, pytest.raises(Failure, match="no server at http"):
        client.top(["42"])
    assert len(server.seen) == 4


@pytest.mark.parametrize("scheme", ["http", "grpc"])
def test_no_server_is_one_sentence_soon(scheme):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        address = f"{scheme}://127.0.0.1:{unused.getsockname()[1]}"
        start = time.monotonic()
        with Client(address, model="two_tower", timeout=30) as client, pytest.raises(Failure) as caught:
            client.top(["42"])
    assert str(caught.value).startswith(f"no server at {address}: start one with `triptych serve`")
    assert time.monotonic() - start < 10


def test_a_grpc_server_that_comes_back_is_found_again():
    def start(port: int) -> tuple[grpc.Server, int]:
        server = grpc.server(futures.ThreadPoolExecutor(1))
        server.add_generic_rpc_handlers([grpc_handler(StandIn())])
        port = server.add_insecure_port(f"127.0.0.1:{port}")
        server.start()
        return server, port

    server, port = start(0)
    with Client(f"grpc://127.0.0.1:{port}", model="two_tower", timeout=20) as client:
        first = client.top(["42"])
        server.stop(None).wait(5)
        server, _ = start(port)
        assert client.top(["42"]) == first
    server.stop(None).wait(5)


@pytest.mark.parametrize("address", ["127.0.0.1:8501", "ftp://127.0.0.1", "http://", ""])
def test_an_address_that_is_none_is_refused(address):
    with pytest.raises(Failure, match="expected http://HOST:PORT, https://HOST:PORT or grpc://HOST:PORT"):
        Client(address, model="two_tower")


def test_a_proxy_in_the_environment_is_not_asked_for_a_server_on_this_machine(client, monkeypatch):
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    monkeypatch.setenv("grpc_proxy", "http://127.0.0.1:1")
    assert client.top(["42"])[0].items == ITEMS[:4]


@pytest.mark.parametrize(
    "server", ["http://127.0.0.1:8501", "https://[::1]/", "http://localhost", "grpc://127.9.9.9:1"]
)
def test_this_machine_is_known_by_its_addresses(server):
    assert is_loopback(server)
    assert not is_loopback(server.replace("127", "10").replace("::1", "::2").replace("localhost", "localhost.example"))
