"""One JSON value to one element of a tensor: what fits which dtype, base64, and the wording of what does not."""

from __future__ import annotations

import base64
import binascii
import re
from typing import Any

from tensorboard.compat.proto import types_pb2

from serving.json.rapidjson import Object
from serving.json.text import render
from serving.wire.error_codes import Code, Refusal, invalid
from serving.wire.tensors import type_name

_INT32 = (-(1 << 31), (1 << 31) - 1)
NARROW = (types_pb2.DT_INT32, types_pb2.DT_INT16, types_pb2.DT_INT8, types_pb2.DT_UINT8)
"""What travels as int32, whatever its own width."""

INTEGERS = dict.fromkeys(NARROW, _INT32) | {
    types_pb2.DT_INT64: (-(1 << 63), (1 << 63) - 1),
    types_pb2.DT_UINT32: (0, (1 << 32) - 1),
    types_pb2.DT_UINT64: (0, (1 << 64) - 1),
}
"""The lowest and highest JSON integer each integer dtype takes."""

DECIMALS = {types_pb2.DT_FLOAT: (1 << 24) - 1, types_pb2.DT_DOUBLE: (1 << 53) - 1}
"""The largest JSON integer each floating dtype takes."""


def lossless(value: float, dtype: int) -> bool:
    """Tell whether a number fits a floating dtype: an integer exactly; a decimal always, beyond the range as infinity.

    >>> lossless((1 << 24) - 1, types_pb2.DT_FLOAT), lossless(1 << 24, types_pb2.DT_FLOAT)
    (True, False)
    """
    return type(value) is not int or -DECIMALS[dtype] <= value <= DECIMALS[dtype]


def leaf(value: Any, dtype: int) -> Any:
    """Return a JSON value as an element of a tensor: bytes, bool, int or float.

    >>> leaf(b"42", types_pb2.DT_STRING), leaf(3, types_pb2.DT_FLOAT)
    (b'42', 3)

    Raises:
        Refusal: it is no value of this dtype.
    """
    if isinstance(value, Object):
        if dtype != types_pb2.DT_STRING:
            raise _type_error(value, dtype)
        return base64_value(value)
    if not _fits(value, dtype):
        raise _type_error(value, dtype)
    if dtype in DECIMALS and not lossless(value, dtype):
        raise invalid(f"Cannot convert JSON value: {render(value)} to {type_name(dtype)} without loss of precision.")
    return value


def _fits(value: Any, dtype: int) -> bool:
    if dtype == types_pb2.DT_STRING:
        return isinstance(value, bytes)
    if dtype == types_pb2.DT_BOOL:
        return isinstance(value, bool)
    if dtype in INTEGERS:
        return type(value) is int and INTEGERS[dtype][0] <= value <= INTEGERS[dtype][1]
    if dtype in DECIMALS:
        return type(value) in (int, float)
    raise Refusal(Code.UNIMPLEMENTED, f"Conversion of JSON Value: {render(value)} to type: {type_name(dtype)}")


def _type_error(value: Any, dtype: int) -> Refusal:
    names = {bytes: "String", list: "Array", Object: "Object", int: "Number", float: "Number", type(None): "Null"}
    kind = str(value) if isinstance(value, bool) else names[type(value)]
    return invalid(f"JSON Value: {render(value)} Type: {kind} is not of expected type: {type_name(dtype)}")


_BASE64 = re.compile(rb"[A-Za-z0-9+/]*={0,2}")


def base64_value(value: Object) -> bytes:
    """Return what a `{"b64": …}` object holds.

    >>> from serving.json.rapidjson import parse
    >>> base64_value(parse(b'{"b64": "SGVhdA=="}'))
    b'Heat'
    """
    if not is_base64(value):
        raise invalid(f"JSON Value: {render(value)} not formatted correctly for base64 data")
    text = value.members[0][1]
    try:
        return _unescape(text)
    except (binascii.Error, ValueError):
        raise invalid("Unable to base64 decode") from None


def _unescape(text: bytes) -> bytes:
    """Decode base64 as absl does: white space is skipped, padding may be left out, '.' pads too."""
    packed = b"".join(text.split()).replace(b".", b"=")
    body = packed.rstrip(b"=")
    if not _BASE64.fullmatch(packed) or (packed != body and len(packed) % 4):
        raise ValueError
    return base64.b64decode(body + b"=" * (-len(body) % 4), validate=True)


def is_base64(value: Any) -> bool:
    """Tell whether a value is a `{"b64": "…"}` object: bytes, not an object.

    >>> from serving.json.rapidjson import parse
    >>> is_base64(parse(b'{"b64": "aGk="}')), is_base64(b"aGk=")
    (True, False)
    """
    return (
        isinstance(value, Object)
        and len(value.members) == 1
        and value.members[0][0] == b"b64"
        and isinstance(value.members[0][1], bytes)
    )
