"""One HTTP/1.1 connection: requests answered in order, one at a time, none of them for ever."""

from __future__ import annotations

import asyncio
import logging
import time
from functools import partial

from serving.http.inbox import Inbox
from serving.http.line import CONTINUE, MUCH, Host, Line
from serving.http.messages import HTML, JSON, Request, page
from serving.http.parser import HANG_UP

log = logging.getLogger("triptych.http")

TURN_SECONDS = 0.001
"""How long one client is served at a time, of what it has sent ahead, before others have their turn."""


class Connection(Line):
    """One client: the requests it has sent ahead and the one that is being answered."""

    def __init__(self, server: Host) -> None:
        super().__init__(server)
        self._inbox = Inbox(server.limits, self._begun)
        self._parser = self._inbox.parser
        self._answering = False  # inside _answer's loop
        self._again: asyncio.Handle | None = None  # its loop goes on when others have had their turn
        self._left = False  # the client has closed its side, and perhaps is gone

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin, unless there are too many connections already."""
        self._transport = transport
        self._server.connections.add(self)
        if not self._server.make_room():
            self._write(503, HTML, page(503), close=True)

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget what is still owed."""
        self._ended = True
        self._give_up()
        if self._again:
            self._again.cancel()
        self._parser.close()
        self._server.hold(self, 0)
        self._server.connections.discard(self)

    def data_received(self, data: bytes) -> None:
        """Parse, and answer what is whole; much of it once others were read from, as libuv would go on and on."""
        if not self._ended and not self._parser.refused:
            self._inbox.add(data)
        if len(data) < MUCH:
            self._answer()
        else:
            self._read(False)
            self._again = self._again or self._server.loop.call_soon(self._answer)

    def eof_received(self) -> bool:
        """Keep a half-closed connection for a while if an answer is owed; `_probe` tells whether it is closed whole."""
        self._left = True
        self.deadline = min(self.deadline, self._server.loop.time() + self._limits.linger_seconds)
        if self._current is not None and self._current.interim and not self._blocked and not self._ended:
            self._probe()
        return bool(self._current or self._again) and not self._ended

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
        self._inbox.answered(request)
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
        if self._current is None and not self._inbox.waiting and not self._parser.reading and not self._ended:
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

    def _answer(self, *, moved: bool = False) -> None:
        """Hand waiting requests over for a while, then others have their turn; who has ``moved`` on has a new time."""
        if self._again:
            self._again.cancel()
        self._answering, self._again = True, None
        end = time.monotonic() + TURN_SECONDS
        while not self._ended and (handed := self._step()) is not None:
            moved = moved or handed
            if time.monotonic() > end:
                self._again = self._server.loop.call_soon(partial(self._answer, moved=moved))
                break
        self._answering = False
        self._settle(moved)

    def _step(self) -> bool | None:
        """Hand the next request over, or parse some more; say whether it was a request, None where there is neither."""
        if self._inbox.waiting and self._current is None and not self._blocked:
            self._hand_over(self._inbox.waiting.popleft())
            return True
        return False if self._inbox.parse() else None

    def _settle(self, moved: bool) -> None:
        """Read on or not, or end, as it is with what came."""
        if self._ended or self._current is not None or self._blocked or self._again:
            self._read(self._inbox.takes_more and not self._blocked)
        elif self._parser.refused and not self._inbox.waiting:
            self._refuse()
        elif self._left:
            self._end()
        else:
            if moved:
                self._wait(self._limits.request_seconds if self._parser.reading else self._limits.idle_seconds)
            self._read(True)
            if self._parser.expects_continue:
                self._parser.expects_continue = False
                self._transport.write(CONTINUE)
        self._hold(self._inbox.size)

    def _hand_over(self, request: Request) -> None:
        self._current = request
        self._wait(self._limits.linger_seconds if self._left else self._limits.answer_seconds)
        try:
            self._server.handler(request, self.respond)
        except Exception:
            log.exception("%r %r failed", request.method, request.target)
            self.respond(500, JSON, b'{\n    "error": "Internal error"\n}')

    def _give_up(self) -> None:
        """Tell those at work that nobody waits for it."""
        if self._current is not None:
            self._current.leave()
        self._current = None
        self._inbox.clear()

    def _write(self, status: int, kind: bytes, body: bytes | None, *, close: bool) -> None:
        self._send(status, kind, body, close=close)
        if close:
            self._end()
            self._hold(self._inbox.size)

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
