"""Clients that are slow, silent or too many: each has its time, and holds nobody else up."""

from __future__ import annotations

import socket
import time
from contextlib import ExitStack
from dataclasses import replace

import pytest
from live import ask, live, predict
from predict_requests import BODY, LIMITS, connected, reply, request

from serving.http.messages import Limits

HURRIED = replace(LIMITS, idle_seconds=1.5, request_seconds=1.0, answer_seconds=1.0)
"""Where it is tested that a client's time is over; elsewhere a machine that stalls would end it."""


@pytest.fixture(scope="module")
def hurried(tiny_version):
    with live(models=tiny_version.folder.parent.parent, limits=HURRIED) as where:
        yield where


def test_a_request_that_never_ends_is_given_up(hurried):
    with connected(hurried) as client, client.makefile("rb") as file:
        client.sendall(request()[:-3])
        status, _, _ = reply(file)
        assert (status, file.read()) == (408, b"")


def test_a_connection_that_asks_nothing_is_closed(hurried):
    with connected(hurried) as client:
        assert client.recv(10) == b""


def test_a_client_that_does_not_read_is_dropped_and_holds_nobody_up(hurried):
    big = request(b'{"instances": [%b]}' % b", ".join([b'"1"'] * 5000))
    with connected(hurried) as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.settimeout(20)
        with pytest.raises(OSError, match=r"reset|[Bb]roken"):  # noqa: PT012
            for _ in range(100_000):
                client.sendall(big)
                start = time.monotonic()
                assert predict(hurried, "plain", BODY).status == 200
                assert time.monotonic() - start < 20


def test_clients_that_send_a_byte_now_and_then_give_way_to_who_asks_however_many_they_are(tiny_version):
    limits = Limits(connections=30, patience_seconds=0.1)
    with live(models=tiny_version.folder.parent.parent, limits=limits) as where, ExitStack() as stack:
        clients = [stack.enter_context(connected(where)) for _ in range(limits.connections)]
        for client in clients:
            client.sendall(b"POST ")
        time.sleep(0.2)
        for client in clients[1:]:
            client.sendall(b"/")
        end = time.monotonic() + 10  # their requests' time is over after 30
        for _ in range(5):
            while predict(where, "plain", BODY).status != 200:
                assert time.monotonic() < end


def test_more_clients_than_there_may_be_are_turned_away_and_the_others_served(tiny_version):
    limits = Limits(connections=40, patience_seconds=60, idle_seconds=60)
    with live(models=tiny_version.folder.parent.parent, limits=limits) as where:
        with ExitStack() as stack:
            clients = [stack.enter_context(connected(where)) for _ in range(limits.connections)]
            with connected(where) as one_more, one_more.makefile("rb") as file:
                assert reply(file)[0] == 503
            for client in clients[:3]:
                client.sendall(request(BODY, b"Connection: close"))
                with client.makefile("rb") as file:
                    assert reply(file)[0] == 200
        end = time.monotonic() + 10
        while ask(where, "GET", "/v1/models/plain").status != 200:
            assert time.monotonic() < end
