"""HTTP/1.1 over httptools: connections with limits on size, time and number.

Not uvicorn: it has no time limit on a request that trickles in and none on a reader that stops, and ASGI is one layer
more between a request and its answer. Answers that are not the API's (no such page, no such method, too large) are
libevent's pages, as in TensorFlow Serving.
"""

from __future__ import annotations

import asyncio
from email.utils import formatdate
from heapq import nsmallest
from operator import attrgetter

from serving.http.connection import Connection
from serving.http.line import Line
from serving.http.messages import Handler, Limits

ROOM = 64
"""Clients that are ended at once where there are too many: to find them, all are looked at."""


class HttpServer:
    """The connections of one listening socket."""

    def __init__(self, handler: Handler, limits: Limits) -> None:
        self.handler = handler
        self.limits = limits
        self.connections: set[Line] = set()
        self.buffered = 0
        self.draining = False
        self.date = formatdate(usegmt=True).encode()
        self.loop = asyncio.get_running_loop()
        self._sweeper = self.loop.call_later(1.0, self._sweep)

    def protocol(self) -> asyncio.Protocol:
        """Make the protocol of a new connection."""
        return Connection(self)

    def hold(self, connection: Line, size: int) -> None:
        """Take note of the bytes that are kept for a connection; where all together are too many, drop some."""
        self.buffered += size - connection.held
        connection.held = size
        if size and self.buffered > self.limits.buffered:
            self._relieve()

    def make_room(self) -> bool:
        """End clients that have been waited for too long where there are too many; say whether one more has room.

        Else as many as there may be, with a byte now and then, would keep everybody out for as long as they like.
        """
        if len(self.connections) <= self.limits.connections:
            return True
        now = self.loop.time()
        slow = [line for line in self.connections if line.waited(now) > self.limits.patience_seconds]
        for line in nsmallest(ROOM, slow, key=attrgetter("deadline")):
            line.abort()
        return bool(slow)

    def _relieve(self) -> None:
        """Drop clients until a sixteenth is free: who has kept something for longest first, who waits himself last.

        Not the largest: thousands that keep a little each would have every large request of others dropped.
        """
        enough = self.limits.buffered - self.limits.buffered // 16
        for line in sorted((line for line in self.connections if line.held), key=attrgetter("busy", "since")):
            if self.buffered <= enough:
                return
            line.drop()

    async def drain(self, seconds: float) -> None:
        """Close idle connections, let the others finish, give up after ``seconds``."""
        self.draining = True
        for connection in list(self.connections):
            connection.close_if_idle()
        end = self.loop.time() + seconds
        while self.connections and self.loop.time() < end:
            await asyncio.sleep(0.01)
        for connection in list(self.connections):
            connection.abort()
        self._sweeper.cancel()

    def _sweep(self) -> None:
        """Once a second, end the connections that are past their time: one timer instead of one for each request."""
        self.date = formatdate(usegmt=True).encode()
        now = self.loop.time()
        for connection in list(self.connections):
            if now > connection.deadline:
                connection.expire()
        self._sweeper = self.loop.call_later(1.0, self._sweep)
