"""The process behind the page: its files, what the page needs to know, and the way through to the server it asks.

TensorFlow Serving sends no CORS headers, so a page cannot ask it; this process can. It listens on the loopback only and
answers only who calls it by a loopback name, so that no web site reaches it through a name of its own (DNS rebinding).
"""

from __future__ import annotations

import json
import re
import sys
from dataclasses import dataclass, field
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.resources import files
from pathlib import Path
from threading import Lock
from typing import Any
from urllib.parse import parse_qs

from serving.client.transport import split
from serving.errors import Failure
from serving.explore import models, names, openapi
from serving.explore.names import Names
from serving.explore.upstream import Upstream

HOST = "127.0.0.1"
LOOPBACK = ("127.0.0.1", "localhost", "::1")
MOST_BYTES = 2**20
"""Of a request; the page's own have a few hundred."""

MOST_DIGITS = 20
"""Of a length: Python refuses to read a number of thousands."""

MOST_FOUND = 50
STATIC = {
    "/": ("index.html", "text/html"),
    "/explore.css": ("explore.css", "text/css"),
    **{
        f"/{script}.js": (f"{script}.js", "text/javascript")
        for script in ("asking", "behind", "choosing", "elements", "explore", "lists", "request", "state")
    },
}
PASSED_ON = re.compile(r"/v1/models/[^/?#]+(/(versions|labels)/[^/?#]+)?(/metadata|:predict)?")
HEADERS = {
    # Nothing but this process's own files and answers, whatever an item's name holds.
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}


@dataclass(kw_only=True)
class Explorer:
    """What the page is told: the server's models, and the names to choose from, read anew with each new version."""

    upstream: Upstream
    folder: Path | None
    given: tuple[str, ...]
    names: Names = field(default_factory=Names)
    _read_of: tuple[str, str] | None = None
    _lock: Lock = field(default_factory=Lock)

    def state(self) -> dict[str, Any]:
        """Tell each model's state, and how many names there are."""
        told = [models.describe(self.upstream, name, self.folder) for name in models.names(self.folder, self.given)]
        with self._lock:
            self._renew(told)
        counts = {kind: len(getattr(self.names, kind)) for kind in ("items", "users", "tags")}
        return {"server": self.upstream.public, "models": told, "names": counts}

    def _renew(self, told: list[dict[str, Any]]) -> None:
        # The models of a folder learn from the same data: the first that keeps the contract has the names of all.
        model = next((each for each in told if "recommend" in each["signatures"]), None)
        if model is None or self._read_of == (model["name"], model["version"]):
            return
        folder = self.folder / model["name"] / model["version"] if self.folder else None
        try:
            self.names = names.read(self.upstream, model["name"], model["signatures"], folder)
            self._read_of = (model["name"], model["version"])
        except Failure:  # away just now: the next state says so
            return


def listen(explorer: Explorer, port: int) -> ThreadingHTTPServer:
    """Listen on the loopback; ``serve_forever`` answers.

    Raises:
        Failure: the port is taken.
    """
    handler = type("Handler", (_Handler,), {"explorer": explorer})
    try:
        return _Server((HOST, port), handler)
    except (OSError, OverflowError) as error:
        raise Failure(f"cannot listen on {HOST}:{port}: --port 0 takes a free one") from error


class _Server(ThreadingHTTPServer):
    def handle_error(self, request: Any, client_address: Any) -> None:
        """Keep the terminal quiet about a browser that hung up; a fault of our own is told."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    explorer: Explorer
    protocol_version = "HTTP/1.1"
    server_version, sys_version = "triptych", ""
    timeout = 60

    def do_GET(self) -> None:
        """Answer a file, what the page asks for, or what the server answers."""
        url = split(self.path)
        told = {"/api/state": self._state, "/api/search": self._search, "/api/user": self._user}
        if not self._welcome():
            return
        if url.path in STATIC:
            name, kind = STATIC[url.path]
            self._send(HTTPStatus.OK, (files(__package__) / "static" / name).read_bytes(), f"{kind}; charset=utf-8")
        elif url.path == "/openapi.json":
            self._json(HTTPStatus.OK, openapi.document(self.explorer.upstream.public))
        elif url.path in told:
            told[url.path]({key: values[-1] for key, values in parse_qs(url.query).items()})
        else:
            self._pass_on(None)

    def do_POST(self) -> None:
        """Pass a question on."""
        length = self.headers.get("Content-Length", "")
        if not self._welcome():
            return
        if not length.isdecimal() or len(length) > MOST_DIGITS or int(length) > MOST_BYTES:
            self._refuse(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"expected a body of at most {MOST_BYTES:,} bytes")
        else:
            self._pass_on(self.rfile.read(int(length)))

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - http.server's name
        """Keep the terminal quiet."""

    def _welcome(self) -> bool:
        """Refuse who calls this process by another name than the loopback's, or comes from another page."""
        host, origin = self.headers.get("Host", ""), self.headers.get("Origin")
        own = split(f"//{host}").hostname in LOOPBACK and origin in (None, f"http://{host}")
        if not own:
            port = self.connection.getsockname()[1]
            self._refuse(HTTPStatus.FORBIDDEN, f"this page is at http://{HOST}:{port}/ only")
        return own

    def _state(self, query: dict[str, str]) -> None:
        self._json(HTTPStatus.OK, self.explorer.state())

    def _search(self, query: dict[str, str]) -> None:
        kind = query.get("kind", "")
        if kind not in ("items", "users", "tags"):
            self._refuse(HTTPStatus.BAD_REQUEST, f"kind {kind!r}, expected items, users or tags")
            return
        found, total = self.explorer.names.search(kind, query.get("text", ""), limit=MOST_FOUND)
        self._json(HTTPStatus.OK, {"found": found, "total": total})

    def _user(self, query: dict[str, str]) -> None:
        self._json(HTTPStatus.OK, {"user": self.explorer.names.anybody()})

    def _pass_on(self, body: bytes | None) -> None:
        if not PASSED_ON.fullmatch(self.path):
            self._refuse(HTTPStatus.NOT_FOUND, f"nothing is at {self.path}")
            return
        try:
            reply = self.explorer.upstream.ask(self.command, self.path, body)
        except Failure as failure:
            self._refuse(HTTPStatus.BAD_GATEWAY, str(failure))
            return
        took = {"Server-Timing": f"server;dur={reply.milliseconds:.2f}"}
        self._send(reply.status, reply.body, "application/json", took)

    def _refuse(self, status: HTTPStatus, words: str) -> None:
        self.close_connection = True  # a body may be left unread
        self._json(status, {"error": words})

    def _json(self, status: HTTPStatus, content: object) -> None:
        self._send(status, json.dumps(content).encode(), "application/json")

    def _send(self, status: int, body: bytes, kind: str, further: dict[str, str] | None = None) -> None:
        self.send_response(status)
        closing = {"Connection": "close"} if self.close_connection else {}
        sizes = {"Content-Type": kind, "Content-Length": str(len(body))}
        for name, value in (sizes | HEADERS | closing | (further or {})).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)
