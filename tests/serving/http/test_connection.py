"""A connection within its loop: it keeps nothing without end, takes turns with others, and notices who is gone."""

from __future__ import annotations

import asyncio
import time
import tracemalloc
from contextlib import suppress

import pytest
import uvloop
from predict_requests import LIMITS, request

from serving.http.messages import Limits
from serving.http.server import HttpServer


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

    close, end = asyncio.StreamWriter.close, asyncio.StreamWriter.write_eof

    async def all_at_once():
        return await asyncio.gather(
            gone(request(), close, seconds=20), gone(request(), end), gone(request(version=b"1.0"), end)
        )

    answer = [b"HTTP/1.1 200 OK", b"late"]
    first, second, third = uvloop.run(all_at_once())
    assert first == (True, [])
    assert second == (False, [b"HTTP/1.1 100 Continue", *answer])
    assert third == (False, answer)
