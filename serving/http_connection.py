"""One HTTP/1.1 connection over httptools: parse, answer in order, one at a time, within limits of size and time."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from typing import TYPE_CHECKING, Any

import httptools

from serving.http_messages import HTML, JSON, Request, page, reason

if TYPE_CHECKING:
    from serving.http_server import HttpServer

log = logging.getLogger("triptych.http")


class Connection(asyncio.Protocol):
    """One client: its parser, the requests it has sent and the one that is being answered."""

    def __init__(self, server: HttpServer) -> None:
        self._server = server
        self._parser = httptools.HttpRequestParser(self)
        self._transport: Any = None
        self._queue: deque[Request] = deque()
        self._current: Request | None = None
        self._answering = False  # inside _answer's loop
        self._paused = False
        self._ended = False  # the last byte is written: whatever still comes is dropped
        self._refused = 0  # the status to end with once what came before is answered
        self._reset()
        self.deadline = server.loop.time() + server.limits.idle_seconds

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport
        if len(self._server.connections) >= self._server.limits.connections:
            self._write(503, HTML, page(503), close=True)
            return
        self._server.connections.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self._ended = True
        self._queue.clear()
        self._server.connections.discard(self)

    def data_received(self, data: bytes) -> None:
        if self._ended or self._refused:
            return
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            self._refused = self._refused or (501 if self._method == b"CONNECT" else -1)
        except httptools.HttpParserInvalidMethodError:
            self._refused = 501
        except httptools.HttpParserError:  # callbacks refuse by raising, which arrives here too
            self._refused = self._refused or 400
        self._answer()

    def eof_received(self) -> bool:
        return self._current is not None  # half-closed: answer what was asked

    def pause_writing(self) -> None:
        self._paused = True
        self.deadline = self._server.loop.time() + self._server.limits.answer_seconds
        self._transport.pause_reading()

    def resume_writing(self) -> None:
        self._paused = False
        self.deadline = self._server.loop.time() + self._server.limits.idle_seconds
        self._answer()
        self._resume_reading()

    # httptools' callbacks, in the order in which it makes them

    def on_message_begin(self) -> None:
        self._reading = True
        if self._current is None:
            self.deadline = self._server.loop.time() + self._server.limits.request_seconds

    def on_url(self, url: bytes) -> None:
        self._target += url
        self._count_header(len(url))

    def on_header(self, name: bytes, value: bytes) -> None:
        self._count_header(len(name) + len(value))
        if len(name) == 6 and name.lower() == b"expect":
            self._expects = value.lower() == b"100-continue"
        elif len(name) == 14 and name.lower() == b"content-length" and value.isdigit():
            if int(value) > self._server.limits.body:
                self._refuse(413)
        elif len(name) == 16 and name.lower() == b"content-encoding":
            self._encoding = value

    def on_headers_complete(self) -> None:
        self._method = self._parser.get_method()
        if self._expects and self._current is None and not self._queue and not self._ended:
            self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def on_body(self, body: bytes) -> None:
        self._body.append(body)
        self._size += len(body)
        if self._size > self._server.limits.body:
            self._refuse(413)

    def on_message_complete(self) -> None:
        keep_alive = self._parser.should_keep_alive()
        body = self._body[0] if len(self._body) == 1 else b"".join(self._body)
        self._queue.append(Request(self._method, self._target, body, self._encoding, keep_alive))
        self._reset()
        if len(self._queue) > self._server.limits.pipelined:
            self._transport.pause_reading()

    def respond(self, status: int, kind: bytes, body: bytes) -> None:
        """Answer the current request."""
        request, self._current = self._current, None
        if self._ended or request is None:
            return
        close = not request.keep_alive or self._server.draining or kind == HTML
        self._write(status, kind, b"" if request.method == b"HEAD" else body, close=close)
        limits = self._server.limits
        self.deadline = self._server.loop.time() + (limits.request_seconds if self._reading else limits.idle_seconds)
        if not self._answering:
            self._answer()
            self._resume_reading()

    def expire(self) -> None:
        """End a connection that is past its time, saying so where something is owed."""
        if self._ended or self._paused:
            self.abort()
        elif self._current is not None:
            self._current = None
            self._write(504, JSON, b'{\n    "error": "Timed out"\n}', close=True)
        elif self._reading:
            self._write(408, HTML, page(408), close=True)
        else:
            self._end()

    def close_if_idle(self) -> None:
        """Close the connection unless it is owed an answer."""
        if self._current is None and not self._queue and not self._reading:
            self._end()

    def abort(self) -> None:
        """End the connection at once."""
        self._ended = True
        self._transport.abort()

    def _answer(self) -> None:
        """Hand the waiting requests over, one after the other; a loop, as thousands may be answered on the spot."""
        self._answering = True
        while self._queue and self._current is None and not self._paused and not self._ended:
            self._current = self._queue.popleft()
            self.deadline = self._server.loop.time() + self._server.limits.answer_seconds
            try:
                self._server.handler(self._current, self.respond)
            except Exception:
                log.exception("%r %r failed", self._current and self._current.method, self._current)
                self.respond(500, JSON, b'{\n    "error": "Internal error"\n}')
        self._answering = False
        if self._refused and self._current is None and not self._queue and not self._ended:
            if self._refused > 0:
                self._write(self._refused, HTML, page(self._refused), close=True)
            else:
                self._end()

    def _write(self, status: int, kind: bytes, body: bytes, *, close: bool) -> None:
        ending = b"Connection: close\r\n" if close else b""
        head = b"HTTP/1.1 %d %b\r\nContent-Type: %b\r\nDate: %b\r\nContent-Length: %d\r\n%b\r\n"
        date = self._server.date
        self._transport.write(head % (status, reason(status).encode(), kind, date, len(body), ending) + body)
        if close:
            self._end()

    def _end(self) -> None:
        """Say nothing more. A client still sending would lose the answer to a reset, so it is heard out for a while."""
        self._ended = True
        self._queue.clear()
        self.deadline = self._server.loop.time() + self._server.limits.linger_seconds
        if (self._reading or self._refused) and self._transport.can_write_eof():
            self._transport.write_eof()
            self._transport.resume_reading()
        else:
            self._transport.close()

    def _resume_reading(self) -> None:
        if not self._ended and not self._paused:
            self._transport.resume_reading()

    def _refuse(self, status: int) -> None:
        self._refused = status
        raise ValueError(status)  # httptools stops parsing and reports an error

    def _count_header(self, size: int) -> None:
        self._headers += size
        if self._headers > self._server.limits.headers:
            self._refuse(431)

    def _reset(self) -> None:
        self._method = b""
        self._target = b""
        self._encoding = b""
        self._body: list[bytes] = []
        self._size = 0
        self._headers = 0
        self._expects = False
        self._reading = False
