"""JSON as TensorFlow Serving's printer (RapidJSON 1.1) writes it: what errors quote, strings that are no UTF-8."""

from __future__ import annotations

import math
import re
from typing import Any

from serving.json.decimals import decimal, write_double
from serving.json.rapidjson import Object

MOST = 64 << 10
"""Characters of a value that are printed. Objects are indented: 240 KB of them within each other would be 6 GB."""

CUT = "...TRUNCATED"
"""What stands for the rest: TensorFlow Serving's word, who cuts over gRPC only."""


class _Stop(Exception):  # noqa: N818 - RapidJSON's writer returns false and leaves what it has written
    pass


def render(value: Any) -> str:
    """Print a value as TensorFlow Serving does inside its errors: objects indented, arrays on one line.

    Bytes that are no UTF-8 become surrogate escapes. Its writer stops at a NaN or an infinity inside a list or
    object, so what comes after one is missing.

    >>> render([1, 2.5, b"x", None])
    '[1, 2.5, "x", null]'
    """
    if isinstance(value, float):
        return decimal(value, single=abs(value) <= _LARGEST_SINGLE)
    out = _Text()
    # (iterator of (name, value) or None, closing bracket)
    stack: list[tuple[Any, str]] = []
    try:
        _open_or_scalar(value, stack, out)
        while stack:
            members, closing = stack[-1]
            head = next(members, None)
            if head is None:
                stack.pop()
                if closing == "}" and out.last != "{":
                    out.add("\n" + "    " * len(stack))
                out.add(closing)
                continue
            _prefix(head[0], closing, len(stack), out)
            _open_or_scalar(head[1], stack, out)
    except _Stop:
        pass
    return cut("".join(out.parts))


def cut(text: str) -> str:
    """Leave out what nobody reads of a text that somebody else may have made as long as they like.

    >>> cut("short"), len(cut("x" * 10**6))
    ('short', 65548)
    """
    return text if len(text) <= MOST else text[:MOST] + CUT


_LARGEST_SINGLE = 3.4028234e38  # a little less than it is, as in RapidJSON


class _Text:
    """What is printed so far, and the last piece of it; ends when it is more than anyone reads."""

    def __init__(self) -> None:
        self.parts: list[str] = []
        self.last = ""
        self._left = MOST

    def add(self, part: str) -> None:
        self.parts.append(part)
        self.last = part
        self._left -= len(part)
        if self._left < 0:
            raise _Stop


def _prefix(name: bytes | None, closing: str, depth: int, out: _Text) -> None:
    first = out.last == ("[" if closing == "]" else "{")
    if closing == "]":
        if not first:
            out.add(", ")
        return
    out.add(("" if first else ",") + "\n" + "    " * depth)
    out.add(_quoted(name or b"") + ": ")


def _open_or_scalar(value: Any, stack: list[tuple[Any, str]], out: _Text) -> None:
    if isinstance(value, Object):
        out.add("{")
        stack.append((iter(value.members), "}"))
    elif isinstance(value, list):
        out.add("[")
        stack.append((((None, item) for item in value), "]"))
    elif isinstance(value, bytes):
        out.add(_quoted(value))
    elif isinstance(value, float):
        if not math.isfinite(value):
            raise _Stop
        out.add(write_double(value))
    else:
        out.add("null" if value is None else str(value).lower())


def _quoted(text: bytes) -> str:
    return quote(text[: 4 * (MOST + 1)]).decode("utf-8", "surrogateescape")  # a character has four bytes at the most


_SPECIAL = re.compile(rb'["\\\x00-\x1f]')
_QUOTED = {b'"': b'\\"', b"\\": b"\\\\", b"\b": b"\\b", b"\f": b"\\f", b"\n": b"\\n", b"\r": b"\\r", b"\t": b"\\t"}


def quote(text: bytes) -> bytes:
    r"""Return a JSON string of these bytes, whatever they are: only what JSON must escape is escaped.

    >>> quote(b'tab\t and "quotes"').decode()
    '"tab\\t and \\"quotes\\""'
    """
    return b'"' + _SPECIAL.sub(lambda m: _QUOTED.get(m.group(), b"\\u%04X" % m.group()[0]), text) + b'"'
