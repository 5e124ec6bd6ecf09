"""A stranger's connection has its time and its bytes, and what it or a request held goes with it."""

from __future__ import annotations

import gc
import json
import threading
import time
import weakref
from contextlib import ExitStack
from dataclasses import replace

import psutil
import pytest
from live import live, predict, process
from predict_requests import connected, head

from serving.http.messages import Limits, Request

LIMITS = Limits(body=2 << 20, buffered=8 << 20, request_seconds=2, answer_seconds=2, linger_seconds=0.5, connections=60)
BODY = b'{"instances": ["1"]}'


def models(tiny_version):
    return tiny_version.folder.parent.parent


def test_a_request_has_its_time_from_the_first_byte_however_steadily_it_comes(server):
    with connected(server) as client:
        client.settimeout(0.2)
        answer, sent = b"", 0
        for byte in head(10_000) + b"x" * 10_000:
            client.sendall(bytes([byte]))
            sent += 1
            try:
                answer = client.recv(100)
                break
            except TimeoutError:
                pass
        assert answer.startswith(b"HTTP/1.1 408 ")
        assert sent < 100  # one each 0.2 s, and the time is over after 2


def test_line_ends_between_requests_do_not_keep_a_connection(tiny_version):
    limits = Limits(idle_seconds=1)
    with live(models=models(tiny_version), limits=limits) as where, connected(where) as client:
        end = time.monotonic() + 8
        client.settimeout(0.2)
        with pytest.raises((ConnectionError, EOFError)):  # noqa: PT012
            while time.monotonic() < end:
                client.sendall(b"\r\n")
                try:
                    if client.recv(1) == b"":
                        raise EOFError
                except TimeoutError:
                    pass


def test_unfinished_bodies_of_all_connections_have_one_budget_and_the_oldest_give_way(tiny_version):
    limits = replace(LIMITS, request_seconds=60)
    with live(models=models(tiny_version), limits=limits) as where, ExitStack() as stack:
        clients = [stack.enter_context(connected(where)) for _ in range(12)]
        for client in clients:
            client.sendall(head(1_500_000) + b"x" * 1_000_000)
            time.sleep(0.05)
        assert predict(where, "plain", BODY).status == 200
        assert [client.recv(100)[9:12] for client in clients[:4]] == [b"503"] * 4
        for client in clients[4:]:  # the others may go on
            client.setblocking(False)
            with pytest.raises(BlockingIOError):
                client.recv(100)


def test_a_body_in_tiny_chunks_is_refused_once_it_is_many(server):
    with connected(server) as client:
        chunks = (
            b"POST /v1/models/plain:predict HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n" + b"1\r\nx\r\n" * 30_000
        )
        threading.Thread(target=lambda: client.sendall(chunks)).start()
        assert client.recv(100).startswith(b"HTTP/1.1 413 ")


def test_a_connections_memory_goes_with_it_and_not_with_the_next_collection(tiny_version):
    from serving.http.connection import Connection

    made = []
    original = Connection.connection_made

    def note(self, transport):
        made.append(weakref.ref(self))
        original(self, transport)

    Connection.connection_made = note
    gc.disable()
    try:
        with live(models=models(tiny_version), limits=LIMITS) as where:
            with connected(where) as client:
                client.sendall(head(10_000) + b"x" * 9000)
                time.sleep(0.3)
            assert predict(where, "plain", BODY).status == 200
            end = time.monotonic() + 5
            while any(one() for one in made) and time.monotonic() < end:
                time.sleep(0.05)
            assert [one() for one in made] == [None, None]
    finally:
        gc.enable()
        Connection.connection_made = original


@pytest.mark.parametrize("value", ['"1"', "1"], ids=["read quickly", "read exactly"])
def test_a_large_request_goes_with_its_answer_and_not_with_the_next_collection(server, value):
    body = '{"instances": [' + ",".join([value] * 1500) + "]}" + " " * (64 << 10)
    gc.collect()
    gc.disable()
    try:
        assert predict(server, "plain", body).status == (200 if value == '"1"' else 400)
        end = time.monotonic() + 5
        while (left := [one for one in gc.get_objects() if type(one) is Request]) and time.monotonic() < end:
            del left
            time.sleep(0.05)
        assert not left
    finally:
        gc.enable()


def test_memory_of_a_large_answer_is_given_back(tiny_version):
    large = json.dumps({"instances": ["1"] * 80_000})
    with process("--models", str(models(tiny_version))) as (running, where):
        watched = psutil.Process(running.pid)
        assert predict(where, "plain", BODY).status == 200
        before = watched.memory_info().rss
        assert predict(where, "plain", large).status == 200
        end = time.monotonic() + 60  # a try that was missed comes 25 s later
        while watched.memory_info().rss - before > 100 << 20:
            assert time.monotonic() < end
            time.sleep(0.2)
