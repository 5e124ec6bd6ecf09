"""One HTTP/1.1 connection: requests answered in order, one at a time, none of them for ever."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from typing import Any, Protocol

from serving.http.messages import HTML, JSON, Handler, Limits, Request, page, reason
from serving.http.parser import HANG_UP, RequestParser

log = logging.getLogger("triptych.http")


class Host(Protocol):
    """What a connection needs of the server that it belongs to.

    Attributes:
        limits: what it may take up.
        handler: answers a request.
        loop: its clock.
        date: the Date header's value.
        draining: whether connections are to be closed after their answer.
        connections: those there are; a connection puts itself in and takes itself out.
    """

    limits: Limits
    handler: Handler
    loop: asyncio.AbstractEventLoop
    date: bytes
    draining: bool
    connections: set[Connection]


class Connection(asyncio.Protocol):
    """One client: the requests it has sent ahead and the one that is being answered.

    Attributes:
        deadline: when, on the event loop's clock, `expire` is to be called.
    """

    def __init__(self, server: Host) -> None:
        self._server = server
        self._limits = server.limits
        self._parser = RequestParser(server.limits, self._begun, self._whole)
        self._transport: Any = None
        self._queue: deque[Request] = deque()
        self._current: Request | None = None
        self._answering = False  # inside _answer's loop
        self._stopped_reading = False
        self._blocked = False  # the client does not read what it is sent
        self._ended = False  # the last byte is written: whatever still comes is dropped
        self.deadline = 0.0
        self._wait(self._limits.idle_seconds)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin, unless there are too many connections already."""
        self._transport = transport
        self._server.connections.add(self)
        if len(self._server.connections) > self._limits.connections:
            self._write(503, HTML, page(503), close=True)

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget what is still owed."""
        self._ended = True
        self._queue.clear()
        self._server.connections.discard(self)

    def data_received(self, data: bytes) -> None:
        """Parse, and answer what is whole."""
        if self._ended or self._parser.refused:
            return
        self._parser.feed(data)
        if self._parser.expects_continue and self._current is None and not self._queue:
            self._parser.expects_continue = False
            self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        self._answer()

    def eof_received(self) -> bool:
        """Keep a half-closed connection as long as an answer is owed."""
        return self._current is not None and not self._ended

    def pause_writing(self) -> None:
        """Stop reading from a client that does not read."""
        self._blocked = True
        self._wait(self._limits.answer_seconds)
        self._read(False)

    def resume_writing(self) -> None:
        """Go on where `pause_writing` stopped."""
        self._blocked = False
        self._wait(self._limits.idle_seconds)
        self._answer()

    def respond(self, status: int, kind: bytes, body: bytes) -> None:
        """Answer the current request."""
        request, self._current = self._current, None
        if self._ended or request is None:
            return
        close = not request.keep_alive or self._server.draining or kind == HTML
        self._write(status, kind, None if request.method == b"HEAD" else body, close=close)
        if not self._answering:
            self._answer()

    def expire(self) -> None:
        """End a connection that is past its time, saying so where something is owed."""
        if self._ended or self._blocked:
            self.abort()
        elif self._current is not None:
            self._current = None
            self._write(504, JSON, b'{\n    "error": "Timed out"\n}', close=True)
        elif self._parser.reading:
            self._write(408, HTML, page(408), close=True)
        else:
            self._end()

    def close_if_idle(self) -> None:
        """Close the connection unless it is owed an answer."""
        if self._current is None and not self._queue and not self._parser.reading and not self._ended:
            self._end()

    def abort(self) -> None:
        """End the connection at once."""
        self._ended = True
        self._transport.abort()

    def _begun(self) -> None:
        if self._current is None:
            self._wait(self._limits.request_seconds)

    def _whole(self, request: Request) -> None:
        self._queue.append(request)

    def _answer(self) -> None:
        """Hand the waiting requests over, one after the other; a loop, as thousands may be answered on the spot."""
        self._answering = True
        while self._queue and self._current is None and not self._blocked and not self._ended:
            self._current = request = self._queue.popleft()
            self._wait(self._limits.answer_seconds)
            try:
                self._server.handler(request, self.respond)
            except Exception:
                log.exception("%r %r failed", request.method, request.target)
                self.respond(500, JSON, b'{\n    "error": "Internal error"\n}')
        self._answering = False
        if self._ended or self._current is not None:
            self._read(len(self._queue) <= self._limits.pipelined and not self._blocked)
        elif self._parser.refused and not self._queue:
            self._refuse()
        else:
            self._wait(self._limits.request_seconds if self._parser.reading else self._limits.idle_seconds)
            self._read(not self._blocked)

    def _refuse(self) -> None:
        if self._parser.refused == HANG_UP:
            self._end()
        else:
            self._write(self._parser.refused, HTML, page(self._parser.refused), close=True)

    def _write(self, status: int, kind: bytes, body: bytes | None, *, close: bool) -> None:
        ending = b"Connection: close\r\n" if close else b""
        length = b"" if body is None else b"Content-Length: %d\r\n" % len(body)  # libevent's HEAD has none
        head = b"HTTP/1.1 %d %b\r\nContent-Type: %b\r\nDate: %b\r\n%b%b\r\n"
        values = (status, reason(status).encode(), kind, self._server.date, length, ending)
        self._transport.write(head % values + (body or b""))
        if close:
            self._end()

    def _end(self) -> None:
        """Say nothing more. A client still sending would lose the answer to a reset, so it is heard out for a while."""
        self._ended = True
        self._queue.clear()
        self._wait(self._limits.linger_seconds)
        if (self._parser.reading or self._parser.refused) and self._transport.can_write_eof():
            self._transport.write_eof()
            self._read(True)
        else:
            self._transport.close()

    def _read(self, on: bool) -> None:
        if on == self._stopped_reading and not self._transport.is_closing():
            self._stopped_reading = not on
            if on:
                self._transport.resume_reading()
            else:
                self._transport.pause_reading()

    def _wait(self, seconds: float) -> None:
        self.deadline = self._server.loop.time() + seconds
