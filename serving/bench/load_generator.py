"""Load one server with a number of clients that each wait for their answer, and count.

The generator is one process on one core and says what it cost itself: where that nears the whole core, it is what was
measured. REST goes through uvloop and httptools, whose cost is a fraction of a server's; grpcio has no such client, so
over gRPC the generator's own cost is high and stands in the result.
"""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, cast

import httptools
import numpy as np

from serving.client.transport import public, split

WARMUP_SECONDS = 0.3
"""Asked before anything is counted: connections are made and caches filled."""

ANSWER_SECONDS = 10.0
"""How long an answer is waited for at the end before it counts as an error."""


@dataclass(frozen=True, kw_only=True)
class Load:
    """What one run gave.

    Attributes:
        server: Its address.
        clients: How many asked at once.
        rate: Answers per second.
        p50: Median latency in milliseconds.
        p99: 99th percentile of the latency in milliseconds.
        errors: Answers other than OK, and connections lost.
        generator: Share of one core that the generator itself took.
    """

    server: str
    clients: int
    rate: float
    p50: float
    p99: float
    errors: int
    generator: float


@dataclass(kw_only=True)
class _Tally:
    """Counts from the end of the warm-up on."""

    requests: Iterator[bytes]
    counting: bool = False
    running: bool = True
    errors: int = 0
    latencies: list[float] = field(default_factory=list)

    def answered(self, seconds: float, *, ok: bool) -> None:
        if self.counting:
            if ok:
                self.latencies.append(seconds)
            else:
                self.errors += 1

    def failed(self) -> None:
        self.errors += self.counting


Client = Callable[[_Tally], Awaitable[None]]


def load_rest(url: str, path: str, bodies: Sequence[bytes], *, clients: int, seconds: float) -> Load:
    """Load a REST server with these bodies, round and round, each client on a connection of its own."""
    import uvloop

    url = public(url)
    parts = split(url)
    head = f"POST {path} HTTP/1.1\r\nHost: {parts.netloc}\r\nContent-Type: application/json\r\nContent-Length: "
    requests = [f"{head}{len(body)}\r\n\r\n".encode() + body for body in bodies]
    host, port = parts.hostname or "", parts.port or 80

    async def client(tally: _Tally) -> None:
        loop = asyncio.get_running_loop()
        while tally.running:
            try:
                _, connection = await loop.create_connection(partial(_Connection, tally), host, port)
            except OSError:
                tally.failed()
                await asyncio.sleep(0.05)
                continue
            try:
                await asyncio.shield(connection.closed)
            finally:  # also where it is given up, or the loop would end with a connection in it
                connection.abort()
                await connection.closed

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(_measure(url, client, requests, clients=clients, seconds=seconds))


def load_grpc(server: str, requests: Sequence[bytes], *, clients: int, seconds: float) -> Load:
    """Load a gRPC server with these Predict requests, round and round, each client on a connection of its own."""
    import grpc

    options = [("grpc.use_local_subchannel_pool", 1), ("grpc.enable_http_proxy", 0)]

    async def client(tally: _Tally) -> None:
        async with grpc.aio.insecure_channel(server.removeprefix("grpc://"), options=options) as channel:
            predict: Any = channel.unary_unary("/tensorflow.serving.PredictionService/Predict")
            while tally.running:
                start = time.perf_counter()
                try:
                    await predict(next(tally.requests), timeout=ANSWER_SECONDS)
                except grpc.aio.AioRpcError:
                    tally.failed()
                    await asyncio.sleep(0.001)  # a server that refuses at once is not to keep the loop from ending
                else:
                    tally.answered(time.perf_counter() - start, ok=True)

    return asyncio.run(_measure(server, client, requests, clients=clients, seconds=seconds))


async def _measure(server: str, client: Client, requests: Sequence[bytes], *, clients: int, seconds: float) -> Load:
    tally = _Tally(requests=itertools.cycle(requests))
    tasks = [asyncio.ensure_future(client(tally)) for _ in range(clients)]
    await asyncio.sleep(WARMUP_SECONDS)
    tally.counting = True
    start, cpu = time.perf_counter(), time.process_time()
    await asyncio.sleep(seconds)
    tally.counting = tally.running = False
    elapsed, cpu = time.perf_counter() - start, time.process_time() - cpu
    _, late = await asyncio.wait(tasks, timeout=ANSWER_SECONDS)
    for task in late:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    p50, p99 = np.percentile(tally.latencies or [float("nan")], [50, 99]) * 1000
    return Load(
        server=server,
        clients=clients,
        rate=len(tally.latencies) / elapsed,
        p50=float(p50),
        p99=float(p99),
        errors=tally.errors + len(late),
        generator=cpu / elapsed,
    )


class _Connection(asyncio.Protocol):
    """One client: sends, waits for the whole answer, sends the next."""

    def __init__(self, tally: _Tally) -> None:
        self._tally = tally
        self.closed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._parser = httptools.HttpResponseParser(self)
        self._start = 0.0
        self._asking = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Send the first request."""
        self._transport = cast(asyncio.Transport, transport)
        self._send()

    def data_received(self, data: bytes) -> None:
        """Hand over to the parser."""
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError:
            self._transport.abort()

    def on_message_complete(self) -> None:
        """Count the answer and send the next request; the parser calls it."""
        self._asking = False
        seconds = time.perf_counter() - self._start
        self._tally.answered(seconds, ok=self._parser.get_status_code() == 200)
        if self._tally.running and self._parser.should_keep_alive():
            self._send()
        else:
            self._transport.close()

    def abort(self) -> None:
        """Close at once, whatever is still to come; nothing where it is closed."""
        self._transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        """Count a connection that ended in the middle of a request, and let the client make another."""
        if self._asking:
            self._tally.failed()
        self.closed.set_result(None)

    def _send(self) -> None:
        self._asking = True
        self._start = time.perf_counter()
        self._transport.write(next(self._tally.requests))
