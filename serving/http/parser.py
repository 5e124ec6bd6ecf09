"""Bytes to whole HTTP/1.1 requests, through httptools, within limits of size."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import httptools

from serving.http.messages import Limits, Request

HANG_UP = -1
"""Refused without a word: the client has changed to another protocol."""

SMALL = 1 << 10
"""Bytes of a piece of a body that is not kept on its own."""

SLICE = 16 << 10
"""Bytes that are parsed at once: some 900 of the smallest requests, or 7 ms."""

AROUND = 16
"""Bytes that a chunk of a body may have around it, on the average."""

FEW = 16 << 10
"""Pieces that any body may come in; of a large one they are to be of some size, as each costs a call."""


class RequestParser:
    """Parses one connection's requests.

    Attributes:
        reading: whether a request has begun and is not whole yet.
        held: bytes of it that are kept.
        refused: once it is not 0, nothing more is parsed: the status to refuse with, or HANG_UP.
    """

    def __init__(self, limits: Limits, begun: Callable[[], None], whole: Callable[[Request], None]) -> None:
        self.reading = False
        self.refused = 0
        self.expects_continue = False
        self._limits = limits
        self._pieces: list[Any] = []
        self._begun = begun
        self._whole = whole
        self._parser: Any = httptools.HttpRequestParser(self)
        self._reset()

    @property
    def held(self) -> int:
        """Count the bytes that are kept of a request that is not whole yet."""
        return self._fed if self.reading else 0

    def forget(self) -> None:
        """Let go of the request that is not whole yet; nothing more is parsed."""
        self._pieces, self._size, self._head, self._fed = [], 0, 0, 0

    def close(self) -> None:
        """Forget everything. httptools holds this object as this object holds it: only a collection would free them."""
        self._reset()
        self._parser = None
        self._begun, self._whole = _nothing, _nothing

    def feed(self, data: bytes | memoryview) -> None:
        """Parse what has come, a slice at the most; `begun` and `whole` are called on the way.

        httptools tells of a header when it is whole, and of what stands around a chunk not at all, so that what is no
        body is counted here, as it comes: else one header without end would be kept, and copied for each piece of it.
        """
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            self.refused = self.refused or HANG_UP
        except httptools.HttpParserInvalidMethodError:
            self.refused = 501
        except httptools.HttpParserError:  # a call-back that refuses ends up here too
            self.refused = self.refused or 400
        if self.reading:
            self._fed += len(data)
            if self._fed - self._size > self._limits.headers + SLICE + AROUND * self._count_pieces:
                self.refused = self.refused or 431

    def on_message_begin(self) -> None:
        """Note that a request has begun (called by httptools, as all that follow)."""
        self.reading = True
        self._begun()

    def on_url(self, url: bytes) -> None:
        """Take a piece of the request target."""
        self._target += url
        self._count(len(url))

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header."""
        size = len(name)
        self._count(size + len(value))
        if size == 14 and name.lower() == b"content-length" and value.isdigit():
            if int(value) > self._limits.body:
                self._refuse(413)
        elif size == 16 and name.lower() == b"content-encoding":
            self._encoding = value
        elif size == 6 and name.lower() == b"expect":
            self.expects_continue = value.lower() == b"100-continue"

    def on_headers_complete(self) -> None:
        """Note the method."""
        self._method = self._parser.get_method()

    def on_body(self, body: bytes) -> None:
        """Take a piece of the body, whether it came by length or in chunks."""
        if self._pieces and len(body) < SMALL:  # a list of small pieces would take twenty times as much
            if not isinstance(self._pieces[-1], bytearray):
                self._pieces.append(bytearray())
            self._pieces[-1] += body
        else:
            self._pieces.append(body)
        self._count_pieces += 1
        self._size += len(body)
        if self._size > self._limits.body or self._count_pieces > FEW + self._size // SMALL:
            self._refuse(413)

    def on_message_complete(self) -> None:
        """Hand the request over and begin anew."""
        body = self._pieces[0] if len(self._pieces) == 1 else b"".join(self._pieces)
        keep_alive = self._parser.should_keep_alive()
        modern = self._parser.get_http_version() != "1.0"
        request = Request(self._method, self._target, body, self._encoding, keep_alive, modern)
        self._reset()
        self._whole(request)

    def _refuse(self, status: int) -> None:
        self.refused = status
        raise ValueError(status)  # httptools stops parsing and reports an error

    def _count(self, size: int) -> None:
        self._head += size
        if self._head > self._limits.headers:
            self._refuse(431)

    def _reset(self) -> None:
        self.reading = False
        self.expects_continue = False
        self._method = b""
        self._target = b""
        self._encoding = b""
        self._pieces = []
        self._count_pieces = 0
        self._size = 0
        self._head = 0
        self._fed = 0


def _nothing(*_: object) -> None:
    pass
