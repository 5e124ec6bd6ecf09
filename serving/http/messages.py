"""What the HTTP server and its handler pass to each other, whole requests and whole replies; libevent's pages."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from http import HTTPStatus

JSON = b"application/json"
HTML = b"text/html"
UNTYPED = b"text/html; charset=ISO-8859-1"
"""What libevent calls a body of which nothing was said; the connection stays, as it does not with its HTML pages."""


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What one client may take: bytes, seconds, requests sent ahead; and what all together: clients, and bytes.

    Attributes:
        request_seconds: from a request's first byte to its last.
        patience_seconds: so long a client may be waited for even where others have no room.
        buffered: bytes of bodies that are not whole, requests that wait and answers that are not read.
    """

    body: int = 16 << 20
    headers: int = 64 << 10
    pipelined: int = 64
    buffered: int = 256 << 20
    patience_seconds: float = 1.0
    idle_seconds: float = 60.0
    request_seconds: float = 30.0
    answer_seconds: float = 30.0
    linger_seconds: float = 5.0
    connections: int = 4096


@dataclass(slots=True)
class Request:
    """A whole request: method, target as it was sent, body and its encoding, and whether the connection shall stay.

    Attributes:
        interim: whether its sender knows answers that only say that one is coming, as HTTP/1.1 has them.
        prepare: what is made of the unpacked body before it is read.
        gone: whether nobody waits for the answer any more: the client has left, or has been told that it took too long.
        on_leave: to be called when that is so.
    """

    method: bytes
    target: bytes
    body: bytes
    encoding: bytes
    keep_alive: bool
    interim: bool = True
    prepare: Callable[[bytes], bytes] | None = None
    gone: bool = False
    on_leave: Callable[[], object] | None = None

    def leave(self) -> None:
        """Note that nobody waits any more."""
        self.gone = True
        self.body = b""
        if self.on_leave:
            self.on_leave()


Respond = Callable[[int, bytes, bytes], None]
"""Answer with a status, a content type and a body; to be called once, on the event loop, at once or later."""

Handler = Callable[[Request, Respond], None]


@cache
def reason(status: int) -> str:
    """Return what a status is called.

    >>> reason(404), reason(499)
    ('Not Found', 'Client Closed Request')
    """
    return "Client Closed Request" if status == 499 else HTTPStatus(status).phrase


@cache
def opening(status: int, kind: bytes) -> bytes:
    """Return an answer's first lines.

    >>> opening(404, HTML).splitlines()
    [b'HTTP/1.1 404 Not Found', b'Content-Type: text/html']
    """
    return b"HTTP/1.1 %d %b\r\nContent-Type: %b\r\n" % (status, reason(status).encode(), kind)


def page(status: int) -> bytes:
    """Return the page libevent, and so TensorFlow Serving, sends where there is no answer of the API's.

    >>> page(404).splitlines()[1]
    b'<TITLE>404 Not Found</TITLE>'
    """
    title = f"<HTML><HEAD>\n<TITLE>{status} {reason(status)}</TITLE>\n</HEAD><BODY>"
    return f"{title}\n<H1>{reason(status)}</H1>\n</BODY></HTML>\n".encode()
