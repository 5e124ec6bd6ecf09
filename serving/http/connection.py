"""One HTTP/1.1 connection: requests answered in order, one at a time, none of them for ever."""

from __future__ import annotations

import asyncio
import logging
from collections import deque

from serving.http.line import UNSEEN, Host, Line
from serving.http.messages import HTML, JSON, Request, page
from serving.http.parser import HANG_UP, RequestParser

log = logging.getLogger("triptych.http")

AHEAD = 1 << 20
"""Bytes of requests sent ahead beyond which no more is read until some are answered."""


class Connection(Line):
    """One client: the requests it has sent ahead and the one that is being answered."""

    def __init__(self, server: Host) -> None:
        super().__init__(server)
        self._parser = RequestParser(server.limits, self._begun, self._whole)
        self._queue: deque[Request] = deque()
        self._current: Request | None = None
        self._answering = False  # inside _answer's loop
        self._blocked = False  # the client does not read what it is sent
        self._ended = False  # the last byte is written: whatever still comes is dropped
        self._aborted = False
        self._left = False  # the client has closed its side, and perhaps is gone
        self._ahead = 0  # bytes of the whole requests that wait or are being answered

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin, unless there are too many connections already."""
        self._transport = transport
        self._server.connections.add(self)
        if len(self._server.connections) > self._limits.connections:
            self._write(503, HTML, page(503), close=True)

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget what is still owed."""
        self._ended = True
        self._give_up()
        self._parser.close()
        self._server.hold(self, 0)
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
        """Keep a half-closed connection for a while if an answer is owed: that it is closed in full cannot be seen."""
        self._left = True
        self.deadline = min(self.deadline, self._server.loop.time() + self._limits.linger_seconds)
        return self._current is not None and not self._ended

    def pause_writing(self) -> None:
        """Stop reading from a client that does not read."""
        self._blocked = True
        self._wait(self._limits.answer_seconds)
        self._read(False)

    def resume_writing(self) -> None:
        """Go on where `pause_writing` stopped."""
        self._blocked = False
        if self._ended:
            self._wait(self._limits.linger_seconds)
        else:
            self._answer(moved=True)

    def respond(self, status: int, kind: bytes, body: bytes) -> None:
        """Answer the current request."""
        request, self._current = self._current, None
        if self._ended or request is None:
            return
        self._ahead -= len(request.body)
        close = not request.keep_alive or self._server.draining or kind == HTML
        self._write(status, kind, None if request.method == b"HEAD" else body, close=close)
        if not self._answering:
            self._answer(moved=True)

    def expire(self) -> None:
        """End a connection that is past its time, saying so where something is owed."""
        if self._ended or self._blocked:
            self.abort()
        elif self._current is not None:
            self._give_up()
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
        self._ended = self._aborted = True
        self._give_up()
        self._transport.abort()

    def drop(self) -> None:
        """Free what this client takes: all together take too much, and it the most."""
        if self._blocked or self._ended or self._current is not None:
            self.abort()
        else:
            self._parser.refused = 503
            self._write(503, HTML, page(503), close=True)
        self._server.hold(self, 0)

    def _begun(self) -> None:
        if self._current is None:
            self._wait(self._limits.request_seconds)

    def _whole(self, request: Request) -> None:
        self._queue.append(request)
        self._ahead += len(request.body)

    def _answer(self, *, moved: bool = False) -> None:
        """Hand the waiting requests over, one after the other; a loop, as thousands may be answered on the spot.

        Args:
            moved: Whether the client is one step further, so that a new time begins for it.
        """
        self._answering = True
        while self._queue and self._current is None and not self._blocked and not self._ended:
            self._current = request = self._queue.popleft()
            self._wait(self._limits.linger_seconds if self._left else self._limits.answer_seconds)
            moved = True
            try:
                self._server.handler(request, self.respond)
            except Exception:
                log.exception("%r %r failed", request.method, request.target)
                self.respond(500, JSON, b'{\n    "error": "Internal error"\n}')
        self._answering = False
        if self._ended or self._current is not None or self._blocked:
            self._read(len(self._queue) <= self._limits.pipelined and self._ahead <= AHEAD and not self._blocked)
        elif self._parser.refused and not self._queue:
            self._refuse()
        elif self._left:
            self._end()
        else:
            if moved:
                self._wait(self._limits.request_seconds if self._parser.reading else self._limits.idle_seconds)
            self._read(True)
        self._count()

    def _count(self) -> None:
        unread = self._transport.get_write_buffer_size() if self._blocked else 0
        size = 0 if self._aborted else self._parser.held + self._ahead + unread
        if size > UNSEEN or self.held:
            self._server.hold(self, size if size > UNSEEN else 0)

    def _give_up(self) -> None:
        """Tell those at work that nobody waits for it."""
        for request in (self._current, *self._queue):
            if request is not None:
                request.gone = True
        self._current, self._ahead = None, 0
        self._queue.clear()

    def _write(self, status: int, kind: bytes, body: bytes | None, *, close: bool) -> None:
        self._send(status, kind, body, close=close)
        if close:
            self._end()
            self._count()

    def _refuse(self) -> None:
        if self._parser.refused == HANG_UP:
            self._end()
        else:
            self._write(self._parser.refused, HTML, page(self._parser.refused), close=True)

    def _end(self) -> None:
        """Say nothing more. A client still sending would lose the answer to a reset, so it is heard out for a while."""
        self._ended = True
        self._give_up()
        self._parser.forget()
        self._wait(self._limits.answer_seconds if self._blocked else self._limits.linger_seconds)
        if (self._parser.reading or self._parser.refused) and self._transport.can_write_eof():
            self._transport.write_eof()
            self._read(True)
        else:
            self._transport.close()
