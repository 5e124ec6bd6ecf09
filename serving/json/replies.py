"""Tensors to the body of a REST reply: rows or columns, numbers and strings as TensorFlow Serving writes them.

JSON has no NaN, no infinity and no bytes that are no UTF-8; TensorFlow Serving writes them all the same, and so does
``_exact``. What plain JSON can say goes through orjson.
"""

from __future__ import annotations

import base64
from typing import Any

import numpy as np
import orjson
from tensorboard.compat.proto import types_pb2

from serving.json import text as json_text
from serving.json.decimals import decimal
from serving.wire.error_codes import invalid
from serving.wire.tensors import OF_NUMPY, Array, strings, type_name

BYTES_SUFFIX = "_bytes"
"""An output whose name ends so holds bytes, not text: each value is written as ``{"b64": …}``."""

PIECE = 16 << 10
"""Values that are written at once."""


def error(message: str) -> bytes:
    r"""Write a refusal.

    >>> error('no "x"').decode().splitlines()
    ['{', '    "error": "no \\"x\\""', '}']
    """
    return b'{\n    "error": ' + json_text.quote(json_text.cut(message).encode("utf-8", "surrogateescape")) + b"\n}"


def encode(outputs: dict[str, Array], *, rows: bool) -> bytes:
    """Write a predict reply: ``predictions``, a value or object for each row, or ``outputs``, a tensor for each name.

    >>> import numpy as np
    >>> encode({"score": np.array([1.5, 2], np.float32)}, rows=True)
    b'{"predictions":[1.5,2.0]}'

    Raises:
        Refusal: rows are asked for and the outputs do not have one common first dimension, or JSON cannot hold a dtype.
    """
    if not outputs:
        raise invalid("Cannot convert empty tensor map to JSON")
    if rows:
        _check_rows(outputs)
    for array in outputs.values():
        if OF_NUMPY[array.dtype] in (types_pb2.DT_HALF, types_pb2.DT_UINT16):
            raise invalid(f"Failed to write JSON value for tensor type: {type_name(OF_NUMPY[array.dtype])}")
    try:
        text = b"" if any(map(_holds_bytes, outputs, outputs.values())) else _fast(outputs, rows)
    except (TypeError, UnicodeDecodeError):  # a string that is no UTF-8
        text = b""
    # What is no finite number orjson writes as null. A name may hold that word: only then each float is looked at.
    if text and (b"null" not in text or all(map(_finite, outputs.values()))):
        return text
    return _exact(outputs, rows)


def _holds_bytes(name: str, array: Array) -> bool:
    return array.dtype == object and name.endswith(BYTES_SUFFIX)


def _finite(array: Array) -> bool:
    return array.dtype.kind != "f" or bool(np.isfinite(array).all())


def _check_rows(outputs: dict[str, Array]) -> None:
    batch = -1
    for name, array in outputs.items():
        if not array.ndim:
            raise invalid(f"Tensor name: {name} has no shape information ")
        if batch not in (-1, len(array)):
            raise invalid(f"Tensor name: {name} has inconsistent batch size: {len(array)} expecting: {batch}")
        batch = len(array)


def _fast(outputs: dict[str, Array], rows: bool) -> bytes:
    if rows:
        return b'{"predictions":' + _in_pieces(outputs) + b"}"
    columns = [_in_pieces({name: array}) for name, array in outputs.items()]
    if len(columns) == 1:
        return b'{"outputs":' + columns[0] + b"}"
    members = (orjson.dumps(name) + b":" + column for name, column in zip(outputs, columns, strict=True))
    return b'{"outputs":{' + b",".join(members) + b"}}"


def _in_pieces(outputs: dict[str, Array]) -> bytes:
    """Write rows, some at a time: each piece holds everybody else up, and all that is made for it is freed again."""
    size = sum([array.size for array in outputs.values()])
    if size <= PIECE:
        return _dumps(outputs)
    rows = len(next(iter(outputs.values())))
    step = max(1, PIECE * rows // size)
    pieces = (_dumps({name: array[at : at + step] for name, array in outputs.items()}) for at in range(0, rows, step))
    return b"[" + b",".join([piece[1:-1] for piece in pieces]) + b"]"


def _dumps(outputs: dict[str, Array]) -> bytes:
    columns: Any = [_plain(array) for array in outputs.values()]
    rows = columns[0]
    if len(outputs) > 1:
        rows = [dict(zip(outputs, row, strict=True)) for row in zip(*columns, strict=True)]
    return orjson.dumps(rows, option=orjson.OPT_SERIALIZE_NUMPY)


def _plain(array: Array) -> Any:
    """Return what orjson can write: numpy itself for floats (a float32 gets a float32's digits), else lists."""
    if array.dtype.kind == "f":
        return np.ascontiguousarray(array) if array.ndim else array[()]
    if array.dtype != object:
        return array.tolist()
    flat = array.ravel().tolist()
    if bytes not in map(type, flat):
        return array.tolist()
    return strings([value.decode() if type(value) is bytes else value for value in flat], array.shape).tolist()


def _exact(outputs: dict[str, Array], rows: bool) -> bytes:
    parts = {name: _values(array, as_bytes=name.endswith(BYTES_SUFFIX)) for name, array in outputs.items()}
    if not rows:
        return b'{\n    "outputs": ' + _members(parts) + b"\n}"
    count = len(next(iter(parts.values())))
    lines = (_members({name: values[row] for name, values in parts.items()}) for row in range(count))
    return b'{\n    "predictions": [' + b", ".join(lines) + b"\n    ]\n}"


def _members(parts: dict[str, Any]) -> bytes:
    if len(parts) == 1:
        return _join(next(iter(parts.values())))
    members = (json_text.quote(name.encode()) + b": " + _join(value) for name, value in parts.items())
    return b"{" + b",".join(b"\n            " + member for member in members) + b"\n        }"


def _join(value: Any) -> bytes:
    return value if isinstance(value, bytes) else b"[" + b", ".join(_join(item) for item in value) + b"]"


def _values(array: Array, *, as_bytes: bool) -> Any:
    """Return the tensor as nested lists of JSON texts."""
    flat = array.ravel()
    if array.dtype == object:
        raw = [value.encode("utf-8", "surrogateescape") if isinstance(value, str) else value for value in flat]
        texts = [b'{"b64": "' + base64.b64encode(v) + b'"}' if as_bytes else json_text.quote(v) for v in raw]
    elif array.dtype.kind == "f":
        texts = [decimal(value, single=array.dtype == np.float32).encode() for value in flat.tolist()]
    else:
        texts = [str(value).lower().encode() for value in flat.tolist()]
    nested = np.empty(len(texts), dtype=object)
    nested[:] = texts
    return nested.reshape(array.shape).tolist()
