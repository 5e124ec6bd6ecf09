"""JSON exactly as TensorFlow Serving's parser (RapidJSON 1.1) reads it: the slow path.

What the fast path must not decide: ``NaN`` and ``Infinity``, duplicate keys (all are kept; a look-up finds the first),
strings that are no UTF-8 (kept as bytes), a lone low surrogate (kept), a lone high one (refused), numbers too large,
nesting of any depth (nothing here recurses). Whatever follows the document is ignored: TensorFlow Serving has the
parser stop when it is done. A value is ``None``, ``bool``, ``int`` (what fits 64 bits), ``float``, ``bytes`` (a
string), ``list`` or ``Object``.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from typing import Any

from serving.json.decimals import read_double


class ParseError(ValueError):
    """The text is not JSON; says what was found and where."""


class Object:
    """A JSON object: its members in order, duplicates included."""

    __slots__ = ("members",)

    def __init__(self) -> None:
        self.members: list[tuple[bytes, Any]] = []

    def get(self, key: bytes) -> Any:
        """Return the first member of that name, or MISSING."""
        return next((value for name, value in self.members if name == key), MISSING)


MAX_DEPTH = 100_000
"""Lists and objects within each other; RapidJSON takes what its stack holds, about as many, then its process ends."""

MISSING = object()
"""What a look-up that found nothing returns: None is a JSON value."""

# White space is not given back (`*+`): 15 MB of it before what is no token would be gone through again for each byte.
_TOKEN = re.compile(
    rb"""[ \t\n\r]*+(?:
    (?P<string>"[^"\\\x00-\x1f]*+(?:\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})[^"\\\x00-\x1f]*+)*+")
    |(?P<number>-?(?P<whole>0|[1-9][0-9]*)(?P<fraction>\.[0-9]+)?(?P<exponent>[eE][+-]?[0-9]+)?)
    |(?P<punctuation>[\[\]{},:])
    |(?P<word>true|false|null|-?(?:NaN|Inf(?:inity)?))
    )""",
    re.VERBOSE,
)
_END = re.compile(rb"[ \t\n\r]*+(?:\x00|\Z)")
_WORDS = {b"true": True, b"false": False, b"null": None, b"NaN": math.nan, b"-NaN": math.nan}
_ESCAPE = re.compile(rb"\\(?:u([0-9a-fA-F]{4})(?:\\u([dD][c-fC-F][0-9a-fA-F]{2}))?|(.))", re.DOTALL)
_SHORT = {b"b": b"\b", b"f": b"\f", b"n": b"\n", b"r": b"\r", b"t": b"\t"}
_SCALARS = frozenset(("string", "scalar", "[", "{"))
_ALLOWED = {
    "value": _SCALARS,
    "value or ]": _SCALARS | {"]"},
    "name": frozenset(("string",)),
    "name or }": frozenset(("string", "}")),
    ":": frozenset((":",)),
    ", or ]": frozenset((",", "]")),
    ", or }": frozenset((",", "}")),
}
"""What may come next, by what is expected."""


OFTEN = 4096
"""Tokens between two questions whether anyone still waits for the document."""


def stay() -> None:
    """Go on, whoever waits: what `parse` asks where nobody says otherwise."""


def parse(text: bytes, stay: Callable[[], None] = stay) -> Any:
    """Parse one document; ``stay`` raises what is to end it before that.

    >>> parse(b'[1, 2.5, "x", true]')
    [1, 2.5, b'x', True]

    Raises:
        ParseError: the text is not JSON as RapidJSON takes it.
    """
    at = 3 if text.startswith(b"\xef\xbb\xbf") else 0
    if _END.match(text, at):
        raise ParseError("The document is empty.")
    builder, tokens = _Builder(), 0
    while builder.expected:
        tokens += 1
        if not tokens % OFTEN:
            stay()
        match = _TOKEN.match(text, at)
        if match is None:
            raise ParseError(f"Invalid value. at offset: {at}")
        kind, value = _token(match, at)
        if kind not in _ALLOWED[builder.expected]:
            raise ParseError(f"Expected {builder.expected}. at offset: {at}")
        builder.take(kind, value)
        at = match.end()
    return builder.root


class _Builder:
    """The document as far as it is read: the containers that are open, and what may come next ("" at the end)."""

    def __init__(self) -> None:
        self.root: Any = None
        self.expected = "value"
        self._open: list[Any] = []
        self._names: list[bytes] = []

    def take(self, kind: str, value: Any) -> None:
        """Take a token that is allowed here."""
        if kind == ":":
            self.expected = "value"
        elif kind == ",":
            self.expected = "value" if isinstance(self._open[-1], list) else "name"
        elif kind in "]}":
            self._open.pop()
            self._names.pop()
            self._after()
        elif self.expected.startswith("name"):
            self._names[-1] = value
            self.expected = ":"
        else:
            self._add(kind, value)

    def _add(self, kind: str, value: Any) -> None:
        value = [] if kind == "[" else Object() if kind == "{" else value
        if not self._open:
            self.root = value
        elif isinstance(self._open[-1], list):
            self._open[-1].append(value)
        else:
            self._open[-1].members.append((self._names[-1], value))
        if kind in "[{":
            if len(self._open) == MAX_DEPTH:
                raise ParseError(f"Nested deeper than {MAX_DEPTH}.")
            self._open.append(value)
            self._names.append(b"")
            self.expected = "value or ]" if kind == "[" else "name or }"
        else:
            self._after()

    def _after(self) -> None:
        self.expected = "" if not self._open else ", or ]" if isinstance(self._open[-1], list) else ", or }"


def _token(match: re.Match[bytes], at: int) -> tuple[str, Any]:
    if match["punctuation"]:
        return match["punctuation"].decode(), None
    if match["string"]:
        return "string", _string(match["string"], at)
    if match["number"]:
        return "scalar", _number(match, match["number"], at)
    word = match["word"]
    return "scalar", _WORDS[word] if word in _WORDS else (-math.inf if word.startswith(b"-") else math.inf)


def _number(match: re.Match[bytes], token: bytes, at: int) -> int | float:
    fraction, exponent = match["fraction"], match["exponent"]
    if fraction is None and exponent is None and len(token) <= 20:
        whole = int(token)
        if -(1 << 63) <= whole < 1 << 64:
            return whole
    value = read_double(token, match["whole"], (fraction or b".")[1:], (exponent or b"e")[1:])
    if value is None:
        raise ParseError(f"Number too big to be stored in double. at offset: {at}")
    return value


def _string(token: bytes, at: int) -> bytes:
    if b"\\" not in token:
        return token[1:-1]

    def replace(match: re.Match[bytes]) -> bytes:
        high, low, short = match.groups()
        if high is None:
            return _SHORT.get(short, short)
        code = int(high, 16)
        if 0xD800 <= code <= 0xDBFF:
            if low is None:
                raise ParseError(f"The surrogate pair in string is invalid. at offset: {at}")
            return chr(0x10000 + ((code - 0xD800) << 10 | int(low, 16) - 0xDC00)).encode()
        tail = b"" if low is None else chr(int(low, 16)).encode("utf-8", "surrogatepass")
        return chr(code).encode("utf-8", "surrogatepass") + tail

    return _ESCAPE.sub(replace, token[1:-1])
