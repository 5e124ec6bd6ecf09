"""HTTP itself: keep-alive, pipelining, chunks, 100-continue, and clients that are slow, huge, cut off or too many."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
import tracemalloc
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace

import pytest
import uvloop
from live import ask, live, predict

from serving.http.messages import Limits
from serving.http.server import HttpServer

LIMITS = Limits(body=100_000, headers=2_000, pipelined=8, linger_seconds=0.5)
HURRIED = replace(LIMITS, idle_seconds=1.5, request_seconds=1.0, answer_seconds=1.0)
"""Where it is tested that a client's time is over; elsewhere a machine that stalls would end it."""

BODY = b'{"instances": ["1"]}'


@pytest.fixture(scope="module")
def server(tiny_version):
    with live(models=tiny_version.folder.parent.parent, limits=LIMITS) as where:
        yield where


@pytest.fixture(scope="module")
def hurried(tiny_version):
    with live(models=tiny_version.folder.parent.parent, limits=HURRIED) as where:
        yield where


@contextmanager
def connected(server):
    with socket.create_connection((server.host, server.rest_port), timeout=20) as client:
        yield client


def request(body=BODY, *extra, path=b"/v1/models/plain:predict", version=b"1.1"):
    head = b"POST %b HTTP/%b\r\nHost: x\r\nContent-Length: %d\r\n" % (path, version, len(body))
    return head + b"".join(line + b"\r\n" for line in extra) + b"\r\n" + body


def reply(file):
    """Read one answer: status, headers, body."""
    status = int(file.readline().split()[1])
    headers = {}
    while (line := file.readline().strip()) != b"":
        name, value = line.split(b": ", 1)
        headers[name.lower()] = value
    return status, headers, file.read(int(headers.get(b"content-length", 0)))


def test_one_connection_answers_one_request_after_the_other(server):
    with connected(server) as client, client.makefile("rb") as file:
        answers = []
        for _ in range(3):
            client.sendall(request())
            answers.append(reply(file))
    assert [status for status, _, _ in answers] == [200] * 3
    assert len({body for _, _, body in answers}) == 1
    assert all(b"connection" not in headers for _, headers, _ in answers)


def test_requests_sent_ahead_are_answered_in_order(server):
    users = [b"1", b"2", b"nobody"] * 100
    bodies = [b'{"instances": ["%b"]}' % user for user in users]
    expected = {user: predict(server, "plain", body).body for user, body in zip(users, bodies, strict=True)}
    with connected(server) as client, client.makefile("rb") as file:
        threading.Thread(target=client.sendall, args=(b"".join(map(request, bodies)),)).start()
        assert [reply(file)[2] for _ in users] == [expected[user] for user in users]


def test_answers_on_the_spot_do_not_pile_up(server):
    with connected(server) as client, client.makefile("rb") as file:
        threading.Thread(target=client.sendall, args=(b"GET /v1/models/none HTTP/1.1\r\n\r\n" * 3000,)).start()
        assert {reply(file)[0] for _ in range(3000)} == {404}


def test_a_request_may_come_byte_by_byte_or_in_chunks(server):
    expected = predict(server, "plain", BODY).body
    with connected(server) as client, client.makefile("rb") as file:
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for byte in request():
            client.sendall(bytes([byte]))
        assert reply(file)[2] == expected
        head = b"POST /v1/models/plain:predict HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"
        client.sendall(head + b"5\r\n" + BODY[:5] + b"\r\n%x\r\n" % len(BODY[5:]) + BODY[5:] + b"\r\n0\r\n\r\n")
        assert reply(file)[2] == expected


def test_a_client_that_asks_whether_to_go_on_is_told(server):
    with connected(server) as client, client.makefile("rb") as file:
        whole = request(BODY, b"Expect: 100-continue")
        client.sendall(whole[: -len(BODY)])
        assert file.readline() == b"HTTP/1.1 100 Continue\r\n"
        assert file.readline() == b"\r\n"
        client.sendall(BODY)
        assert reply(file)[0] == 200


@pytest.mark.parametrize("sent", [request(BODY, version=b"1.0"), request(BODY, b"Connection: close")])
def test_a_connection_is_closed_where_the_client_wants_it(server, sent):
    with connected(server) as client, client.makefile("rb") as file:
        client.sendall(sent)
        status, headers, _ = reply(file)
        assert (status, headers[b"connection"], file.read()) == (200, b"close", b"")


def test_a_client_that_ends_its_side_still_gets_its_answer(server):
    with connected(server) as client, client.makefile("rb") as file:
        client.sendall(request())
        client.shutdown(socket.SHUT_WR)
        assert reply(file)[0] == 200


async def exchanged(handler, sent, *, limits=LIMITS, seconds=5.0):
    """Send bytes to a server of one handler; return what comes until it closes or the time is over."""
    http = HttpServer(handler, limits)
    server = await asyncio.get_running_loop().create_server(http.protocol, "127.0.0.1", 0)
    reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
    came = b""
    with suppress(TimeoutError, ConnectionError):
        async with asyncio.timeout(seconds):
            for at in range(0, len(sent), 1 << 16):
                writer.write(sent[at : at + (1 << 16)])
                await writer.drain()
            while piece := await reader.read(1 << 16):
                came += piece
    writer.close()
    server.close()
    await http.drain(0)
    return came


HEAD = b"POST / HTTP/1.1\r\n"
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"


@pytest.mark.parametrize(
    "start",
    [
        HEAD + b"A: ",
        HEAD,
        HEAD + b"A: " + b"x\r\n\t" * 10_000,
        CHUNKED + b"1;a=",
        CHUNKED + b"1\r\nx\r\n0\r\nA: ",
        CHUNKED + b"1\r\nx\r\n" + b"0" * 1000,
    ],
    ids=["header", "name of a header", "folded header", "extension of a chunk", "header behind the body", "size"],
)
def test_what_has_no_end_around_a_body_is_refused_and_not_kept(start):
    sent = start + b"x" * (30 << 20)
    tracemalloc.start()
    try:
        came = uvloop.run(exchanged(lambda request, respond: None, sent))
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert came.split(b"\r\n")[0] in (b"HTTP/1.1 431 Request Header Fields Too Large", b"HTTP/1.1 400 Bad Request")
    assert most < 5 << 20


def test_requests_sent_ahead_hold_up_nobody_else_for_longer_than_a_turn():
    async def longest():
        waits, loop = [], asyncio.get_running_loop()

        def slow(request, respond):
            end = time.thread_time() + 0.0005
            while time.thread_time() < end:
                pass
            respond(200, b"text/plain", b"")

        async def tick():
            while True:
                start = time.thread_time()
                await asyncio.sleep(0)
                waits.append(time.thread_time() - start)

        ticking = loop.create_task(tick())
        last = b"GET / HTTP/1.1\r\nConnection: close\r\n\r\n"
        came = await exchanged(slow, b"GET / HTTP/1.1\r\n\r\n" * 499 + last, limits=Limits())
        ticking.cancel()
        return max(waits), came.count(b"HTTP/1.1 200 OK")

    wait, answered = uvloop.run(longest())
    assert answered == 500
    assert wait < 0.1  # all of them take 0.25 s


async def told_of_one_that_is_answered_meanwhile():
    told, loop = [], asyncio.get_running_loop()
    loop.set_exception_handler(lambda loop, context: told.append(context))

    def soon(request, respond):
        loop.call_later(0.01, respond, 200, b"text/plain", b"")

    http = HttpServer(soon, Limits())
    server = await loop.create_server(http.protocol, "127.0.0.1", 0)
    _, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
    writer.write(request())
    await asyncio.sleep(0)
    writer.close()
    await asyncio.sleep(0.2)
    server.close()
    await http.drain(0)
    return told


def test_a_client_that_is_gone_and_answered_before_that_is_noticed_is_no_fault():
    assert uvloop.run(told_of_one_that_is_answered_meanwhile()) == []


def test_a_client_that_is_gone_is_noticed_at_once_and_one_that_only_ends_its_side_is_not_taken_for_it():
    async def gone(sent, leave, seconds=2.0):
        came = []
        http = HttpServer(lambda request, respond: came.append((request, respond)), Limits(linger_seconds=60))
        server = await asyncio.get_running_loop().create_server(http.protocol, "127.0.0.1", 0)
        reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
        writer.write(sent)
        while not came:
            await asyncio.sleep(0.01)
        leave(writer)
        end = time.monotonic() + seconds
        while not came[0][0].gone and time.monotonic() < end:
            await asyncio.sleep(0.05)
        seen, left = b"", came[0][0].gone
        if not left:
            came[0][1](200, b"text/plain", b"late")
            while b"late" not in seen:
                seen += await reader.read(200)
        writer.close()
        server.close()
        await http.drain(0)
        return left, [line for line in seen.split(b"\r\n") if line.startswith((b"HTTP", b"late"))]

    def close(writer):
        writer.close()

    def end(writer):
        writer.write_eof()

    answer = [b"HTTP/1.1 200 OK", b"late"]
    assert uvloop.run(gone(request(), close, seconds=20)) == (True, [])
    assert uvloop.run(gone(request(), end)) == (False, [b"HTTP/1.1 100 Continue", *answer])
    assert uvloop.run(gone(request(version=b"1.0"), end)) == (False, answer)


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"hello\r\n\r\n", 501),
        (b"GET /v1/models/x HTTP/1.1\r\nContent-Length: x\r\n\r\n", 400),
        (
            b"POST /v1/models/x:predict HTTP/1.1\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            400,
        ),
        (b"GET /v1/models/\xc3\xa9 HTTP/1.1\r\n\r\n", 400),
        (b"CONNECT x:1 HTTP/1.1\r\n\r\n", 501),
        (b"GET / HTTP/1.1\r\nX: " + b"x" * 5000 + b"\r\n\r\n", 431),
        (b"GET /" + b"x" * 5000 + b" HTTP/1.1\r\n\r\n", 431),
        (request(b"x" * 100_001), 413),
        (b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n" + (b"2710\r\n" + b"x" * 10_000 + b"\r\n") * 11, 413),
    ],
)
def test_what_is_no_request_gets_one_page_and_no_more(server, sent, status):
    with connected(server) as client, client.makefile("rb") as file:
        threading.Thread(target=ignore_reset, args=(client, sent)).start()
        found, headers, body = reply(file)
        assert (found, headers[b"content-type"], headers[b"connection"]) == (status, b"text/html", b"close")
        assert body.startswith(b"<HTML><HEAD>\n<TITLE>%d " % status)
        assert file.read() == b""


def ignore_reset(client, sent):
    with suppress(OSError):
        client.sendall(sent)


def test_an_upgrade_is_not_taken_up(server):
    with connected(server) as client, client.makefile("rb") as file:
        client.sendall(b"GET /v1/models/plain HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n")
        assert reply(file)[0] == 200
        assert file.read() == b""


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


def test_clients_cut_off_anywhere_leave_the_server_answering(server):
    whole = request()
    for size in range(0, len(whole), 3):
        with connected(server) as client:
            client.sendall(whole[:size])
    assert predict(server, "plain", BODY).status == 200


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
