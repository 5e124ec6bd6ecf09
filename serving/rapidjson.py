"""JSON exactly as TensorFlow Serving's parser (RapidJSON 1.1) reads it: the slow path.

What the fast path must not decide: ``NaN`` and ``Infinity``, duplicate keys (all are kept; a look-up finds the first),
strings that are no UTF-8 (kept as bytes), a lone low surrogate (kept), a lone high one (refused), numbers too large,
whatever follows a NUL (ignored), nesting of any depth (nothing here recurses). A value is ``None``, ``bool``,
``int`` (what fits 64 bits), ``float``, ``bytes`` (a string), ``list`` or ``Object``.
"""

from __future__ import annotations

import math
import re
from typing import Any


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


MISSING = object()
"""What a look-up that found nothing returns: None is a JSON value."""

_TOKEN = re.compile(
    rb"""[ \t\n\r]*(?:
    (?P<string>"[^"\\\x00-\x1f]*+(?:\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})[^"\\\x00-\x1f]*+)*+")
    |(?P<number>-?(?:0|[1-9][0-9]*)(?P<fraction>\.[0-9]+)?(?P<exponent>[eE][+-]?[0-9]+)?)
    |(?P<punctuation>[\[\]{},:])
    |(?P<word>true|false|null|-?(?:NaN|Inf(?:inity)?))
    )""",
    re.VERBOSE,
)
_END = re.compile(rb"[ \t\n\r]*(?:\x00|\Z)")
_WORDS = {b"true": True, b"false": False, b"null": None, b"NaN": math.nan, b"-NaN": math.nan}
_ESCAPE = re.compile(rb"\\(?:u([0-9a-fA-F]{4})(?:\\u([dD][c-fC-F][0-9a-fA-F]{2}))?|(.))", re.DOTALL)
_SHORT = {b"b": b"\b", b"f": b"\f", b"n": b"\n", b"r": b"\r", b"t": b"\t"}
_OPEN = object()  # where the member's name is not read yet


def parse(text: bytes) -> Any:
    """Parse one document.

    Raises:
        ParseError: the text is not JSON as RapidJSON takes it.
    """
    at = 3 if text.startswith(b"\xef\xbb\xbf") else 0
    if _END.match(text, at):
        raise ParseError("The document is empty.")
    root: list[Any] = []
    stack: list[Any] = [root]  # the containers that are open
    name: list[Any] = [None]  # for each, the name that waits for its value
    expect = "value"
    while True:
        match = _TOKEN.match(text, at)
        if match is None:
            raise ParseError(f"Invalid value. at offset: {at}")
        at = match.end()
        expect = _step(match, expect, stack, name, at)
        if len(stack) == 1 and expect == "end":
            break
    if not _END.match(text, at):
        raise ParseError(f"The document root must not be followed by other values. at offset: {at}")
    return root[0]


def _step(match: re.Match[bytes], expect: str, stack: list[Any], name: list[Any], at: int) -> str:
    """Take one token; return what may come next: value, first (value or close), key, first-key, colon or end."""
    kind, token = match.lastgroup, match.group(match.lastgroup or 0)
    if kind in ("fraction", "exponent"):
        kind, token = "number", match.group("number")
    if expect in ("value", "first"):
        if token in (b"[", b"{"):
            inner: Any = [] if token == b"[" else Object()
            _add(stack, name, inner)
            stack.append(inner)
            name.append(_OPEN)
            return "first" if token == b"[" else "first-key"
        if expect == "first" and token == b"]":
            return _close(stack, name)
        if kind != "punctuation":
            _add(stack, name, _scalar(kind, match, token, at))
            return "end"
    elif expect in ("key", "first-key"):
        if kind == "string":
            name[-1] = _string(token, at)
            return "colon"
        if expect == "first-key" and token == b"}":
            return _close(stack, name)
    elif expect == "colon":
        if token == b":":
            return "value"
    elif token == b",":
        return "value" if isinstance(stack[-1], list) else "key"
    elif token == (b"]" if isinstance(stack[-1], list) else b"}"):
        return _close(stack, name)
    raise ParseError(f"Invalid value. at offset: {at}")


def _close(stack: list[Any], name: list[Any]) -> str:
    stack.pop()
    name.pop()
    return "end"


def _add(stack: list[Any], name: list[Any], value: Any) -> None:
    top = stack[-1]
    if isinstance(top, Object):
        top.members.append((name[-1], value))
    else:
        top.append(value)


def _scalar(kind: str | None, match: re.Match[bytes], token: bytes, at: int) -> Any:
    if kind == "string":
        return _string(token, at)
    if kind == "number":
        return _number(match, token, at)
    return _WORDS[token] if token in _WORDS else (-math.inf if token.startswith(b"-") else math.inf)


def _number(match: re.Match[bytes], token: bytes, at: int) -> int | float:
    fraction, exponent = match.group("fraction"), match.group("exponent")
    if fraction is None and exponent is None and len(token) <= 20:
        whole = int(token)
        if -(1 << 63) <= whole < 1 << 64:
            return whole
    power = b"0" if exponent is None or b"-" in exponent else exponent[1:].lstrip(b"+0") or b"0"
    if len(power) > 9 or int(power) > 308 + min(len(fraction or b".") - 1, 17):
        raise ParseError(f"Number too big to be stored in double. at offset: {at}")
    value = float(token)
    if math.isinf(value) and exponent is None:
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
