"""The line to one client: what is written, whether it is read from, and until when something must have happened."""

from __future__ import annotations

import asyncio
import socket
from typing import Any, Protocol

from serving.http.messages import Handler, Limits, Request, opening

LARGE = 64 << 10
"""Bytes of a body that are not copied once more to be sent together with the head."""


MUCH = 64 << 10
"""Bytes that come at once from who sends as fast as it can."""

CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"

PROBE_SECONDS = 0.05
"""How long the system of a client that is gone may take to say so to whoever wrote to it."""

UNSEEN = 16 << 10
"""Bytes up to which what is kept for a connection is not counted: the honest are never asked to give way."""


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

    def hold(self, connection: Line, size: int) -> None:
        """Take note of how many bytes are kept for a connection."""

    def make_room(self) -> bool:
        """End clients that have been waited for too long where there are too many; say whether one more has room."""

    limits: Limits
    handler: Handler
    loop: asyncio.AbstractEventLoop
    date: bytes
    draining: bool
    connections: set[Line]


class Line(asyncio.Protocol):
    """One client's socket, as far as it does not matter what is said.

    Attributes:
        deadline: when, on the event loop's clock, `expire` is to be called. It moves when a request has begun, is whole
            or is answered, never because one more byte has come.
        since: when it was last moved.
        held: bytes kept for this client: its requests, and answers that it does not read.
    """

    def __init__(self, server: Host) -> None:
        self._server = server
        self._limits = server.limits
        self._transport: Any = None
        self._stopped_reading = False
        self._current: Request | None = None  # the one that is being answered
        self._blocked = False  # the client does not read what it is sent
        self._ended = False  # the last byte is written: whatever still comes is dropped
        self._aborted = False
        self.held = 0
        self.deadline = self.since = 0.0
        self._wait(self._limits.idle_seconds)

    def pause_writing(self) -> None:
        """Stop reading from a client that does not read."""
        self._blocked = True
        self._wait(self._limits.answer_seconds)
        self._read(False)

    def waited(self, now: float) -> float:
        """Return for how long the client has been waited for, to ask or to send the rest; 0: it waits itself."""
        return 0.0 if self._current is not None or self._blocked else now - self.since

    @property
    def busy(self) -> bool:
        """Tell whether an answer is on its way to a client that would take it."""
        return self._current is not None and not self._blocked

    def expire(self) -> None:
        """End what is past its time."""
        raise NotImplementedError

    def drop(self) -> None:
        """Free what this client takes."""
        raise NotImplementedError

    def abort(self) -> None:
        """End the connection at once."""
        raise NotImplementedError

    def close_if_idle(self) -> None:
        """Close the connection unless it is owed an answer."""
        raise NotImplementedError

    def _send(self, status: int, kind: bytes, body: bytes | None, *, close: bool) -> None:
        ending = b"Connection: close\r\n" if close else b""
        length = b"" if body is None else b"Content-Length: %d\r\n" % len(body)  # libevent's HEAD has none
        head = b"%bDate: %b\r\n%b%b\r\n" % (opening(status, kind), self._server.date, length, ending)
        if body is not None and len(body) >= LARGE:
            self._transport.writelines((head, body))
        else:
            self._transport.write(head + (body or b""))

    def _hold(self, size: int) -> None:
        """Tell the server how much is kept: so many bytes of requests, and what is not read of the answers."""
        size += self._transport.get_write_buffer_size() if self._blocked else 0
        size = 0 if self._aborted or size <= UNSEEN else size
        if size or self.held:
            self._server.hold(self, size)

    def _probe(self) -> None:
        """Write to a client that has ended its side, which HTTP/1.1 allows at any time before the answer.

        One that is there reads on; of one that is gone the system answers with a reset.
        """
        self._transport.write(CONTINUE)
        self._server.loop.call_later(PROBE_SECONDS, self._look_again)

    def _look_again(self) -> None:
        if self._transport.is_closing():  # answered meanwhile, and perhaps gone
            return
        if self._transport.get_extra_info("socket").getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
            self.abort()

    def _read(self, on: bool) -> None:
        if on == self._stopped_reading and not self._transport.is_closing():
            self._stopped_reading = not on
            if on:
                self._transport.resume_reading()
            else:
                self._transport.pause_reading()

    def _wait(self, seconds: float) -> None:
        self.since = self._server.loop.time()
        self.deadline = self.since + seconds
