"""The line to one client: what is written, whether it is read from, and until when something must have happened."""

from __future__ import annotations

import asyncio
from typing import Any, Protocol

from serving.http.messages import Handler, Limits, reason

LARGE = 64 << 10
"""Bytes of a body that are not copied once more to be sent together with the head."""


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
        held: bytes kept for this client: its requests, and answers that it does not read.
    """

    def __init__(self, server: Host) -> None:
        self._server = server
        self._limits = server.limits
        self._transport: Any = None
        self._stopped_reading = False
        self.held = 0
        self.deadline = 0.0
        self._wait(self._limits.idle_seconds)

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
        head = b"HTTP/1.1 %d %b\r\nContent-Type: %b\r\nDate: %b\r\n%b%b\r\n"
        values = (status, reason(status).encode(), kind, self._server.date, length, ending)
        if body is not None and len(body) >= LARGE:
            self._transport.writelines((head % values, body))
        else:
            self._transport.write(head % values + (body or b""))

    def _read(self, on: bool) -> None:
        if on == self._stopped_reading and not self._transport.is_closing():
            self._stopped_reading = not on
            if on:
                self._transport.resume_reading()
            else:
                self._transport.pause_reading()

    def _wait(self, seconds: float) -> None:
        self.deadline = self._server.loop.time() + seconds
