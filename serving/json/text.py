"""JSON as TensorFlow Serving's printer (RapidJSON 1.1) writes it: what errors quote, strings that are no UTF-8."""

from __future__ import annotations

import math
import re
from typing import Any

from serving.json.decimals import decimal, write_double
from serving.json.rapidjson import Object


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
    out: list[str] = []
    # (iterator of (name, value) or None, closing bracket, depth, is it the first)
    stack: list[tuple[Any, str]] = []
    try:
        _open_or_scalar(value, stack, out)
        while stack:
            members, closing = stack[-1]
            head = next(members, None)
            if head is None:
                stack.pop()
                if closing == "}" and out[-1] != "{":
                    out.append("\n" + "    " * len(stack))
                out.append(closing)
                continue
            _prefix(head[0], closing, len(stack), out)
            _open_or_scalar(head[1], stack, out)
    except _Stop:
        pass
    return "".join(out)


_LARGEST_SINGLE = 3.4028234e38  # a little less than it is, as in RapidJSON


def _prefix(name: bytes | None, closing: str, depth: int, out: list[str]) -> None:
    first = out[-1] in ("[", "{") and out[-1] == ("[" if closing == "]" else "{")
    if closing == "]":
        out.append("" if first else ", ")
        return
    out.append(("" if first else ",") + "\n" + "    " * depth)
    out.append(quote(name or b"").decode("utf-8", "surrogateescape") + ": ")


def _open_or_scalar(value: Any, stack: list[tuple[Any, str]], out: list[str]) -> None:
    if isinstance(value, Object):
        out.append("{")
        stack.append((iter(value.members), "}"))
    elif isinstance(value, list):
        out.append("[")
        stack.append((((None, item) for item in value), "]"))
    elif isinstance(value, bytes):
        out.append(quote(value).decode("utf-8", "surrogateescape"))
    elif isinstance(value, float):
        if not math.isfinite(value):
            raise _Stop
        out.append(write_double(value))
    else:
        out.append("null" if value is None else str(value).lower())


_SPECIAL = re.compile(rb'["\\\x00-\x1f]')
_QUOTED = {b'"': b'\\"', b"\\": b"\\\\", b"\b": b"\\b", b"\f": b"\\f", b"\n": b"\\n", b"\r": b"\\r", b"\t": b"\\t"}


def quote(text: bytes) -> bytes:
    r"""Return a JSON string of these bytes, whatever they are: only what JSON must escape is escaped.

    >>> quote(b'tab\t and "quotes"').decode()
    '"tab\\t and \\"quotes\\""'
    """
    return b'"' + _SPECIAL.sub(lambda m: _QUOTED.get(m.group(), b"\\u%04X" % m.group()[0]), text) + b'"'
