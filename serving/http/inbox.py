"""What one client has sent and nobody has answered: bytes that are not parsed, a request not whole, whole ones."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from serving.http.messages import Limits, Request
from serving.http.parser import SLICE, RequestParser

AHEAD = 1 << 20
"""Bytes of requests sent ahead beyond which no more is parsed until some are answered."""


class Inbox:
    """The bytes and requests of one connection, in order.

    Attributes:
        parser: what has become of the request that is not whole yet.
        waiting: whole requests that nobody works at.
    """

    def __init__(self, limits: Limits, begun: Callable[[], None]) -> None:
        self.parser = RequestParser(limits, begun, self._whole)
        self.waiting: deque[Request] = deque()
        self._limits = limits
        self._unread: bytes | memoryview = b""
        self._ahead = 0  # bytes of the whole requests that wait or are being answered

    @property
    def size(self) -> int:
        """Count the bytes that are kept."""
        return self.parser.held + len(self._unread) + self._ahead

    @property
    def takes_more(self) -> bool:
        """Tell whether the client is to be read from: all that has come is parsed, and not too much waits."""
        return not self._unread and not self._full

    @property
    def _full(self) -> bool:
        return len(self.waiting) > self._limits.pipelined or self._ahead > AHEAD

    def add(self, data: bytes) -> None:
        """Take what has come."""
        self._unread = b"".join((self._unread, data)) if self._unread else data

    def parse(self) -> bool:
        """Parse a slice of what has come; say whether there was one to parse."""
        piece: bytes | memoryview = self._unread
        if not piece or self._full or self.parser.refused:
            return False
        self._unread = b""
        if len(piece) > SLICE:
            view = memoryview(piece)
            piece, self._unread = view[:SLICE], view[SLICE:]
        self.parser.feed(piece)
        return True

    def answered(self, request: Request) -> None:
        """Let go of a request that was taken out of those that wait."""
        self._ahead -= len(request.body)

    def clear(self) -> None:
        """Forget what is whole or not parsed: nobody will answer it."""
        for request in self.waiting:
            request.leave()
        self.waiting.clear()
        self._unread, self._ahead = b"", 0

    def _whole(self, request: Request) -> None:
        self.waiting.append(request)
        self._ahead += len(request.body)
