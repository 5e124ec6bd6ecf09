"""Tensors between the wire and numpy: TensorProto's encodings, read and written as TensorFlow does.

A string tensor is a numpy array of objects, each ``bytes`` or ``str``: REST's fast path has str at hand, gRPC has
bytes, and each engine takes both.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from tensorboard.compat.proto import tensor_pb2, types_pb2

Array = npt.NDArray[Any]

MAX_RANK, MAX_STRING_RANK = 64, 32
"""numpy's limit on a rank, and the one beyond which TensorFlow's conversion of numpy strings ends the process.

TensorFlow Serving takes up to 254; nothing is known that is asked for in more than 6.
"""

MAX_ELEMENTS = 1 << 26
"""A shape may ask for more elements than a message carries values; beyond this it is refused, as memory would end."""


PIECE = 16 << 10
"""Values that are written at once, as everybody else waits meanwhile."""

TEXT = 64
"""Bytes of text that are counted for one element more: they are copied and widened as often as it is."""


@dataclass(frozen=True, kw_only=True)
class Kind:
    """One dtype: TensorFlow's name for it, numpy's type, and the TensorProto field that holds its values."""

    name: str
    numpy: Any
    field: str


STRING = types_pb2.DT_STRING
KINDS = {
    types_pb2.DT_FLOAT: Kind(name="float", numpy=np.float32, field="float_val"),
    types_pb2.DT_DOUBLE: Kind(name="double", numpy=np.float64, field="double_val"),
    types_pb2.DT_INT32: Kind(name="int32", numpy=np.int32, field="int_val"),
    types_pb2.DT_UINT8: Kind(name="uint8", numpy=np.uint8, field="int_val"),
    types_pb2.DT_INT16: Kind(name="int16", numpy=np.int16, field="int_val"),
    types_pb2.DT_INT8: Kind(name="int8", numpy=np.int8, field="int_val"),
    types_pb2.DT_UINT16: Kind(name="uint16", numpy=np.uint16, field="int_val"),
    types_pb2.DT_STRING: Kind(name="string", numpy=np.object_, field="string_val"),
    types_pb2.DT_INT64: Kind(name="int64", numpy=np.int64, field="int64_val"),
    types_pb2.DT_BOOL: Kind(name="bool", numpy=np.bool_, field="bool_val"),
    types_pb2.DT_UINT32: Kind(name="uint32", numpy=np.uint32, field="uint32_val"),
    types_pb2.DT_UINT64: Kind(name="uint64", numpy=np.uint64, field="uint64_val"),
    types_pb2.DT_HALF: Kind(name="half", numpy=np.float16, field="half_val"),
}
"""The dtypes that REST or our engines know; any other is refused."""

OF_NUMPY = {np.dtype(kind.numpy): number for number, kind in KINDS.items()}


def type_name(dtype: int) -> str:
    """Return TensorFlow's name for a dtype number: ``string``, ``int32`` …, or ``invalid`` and the like.

    >>> type_name(1), type_name(7), type_name(0)
    ('float', 'string', 'invalid')
    """
    if dtype in KINDS:
        return KINDS[dtype].name
    known = types_pb2.DataType.values()
    return types_pb2.DataType.Name(dtype).removeprefix("DT_").lower() if dtype in known else f"unknown dtype {dtype}"


def from_proto(proto: tensor_pb2.TensorProto) -> Array | None:
    """Return the tensor, or None where TensorFlow could not parse it.

    Fewer values than elements: the last one is repeated, none at all: zeros or empty strings; more: the rest is
    left out. That is how TensorFlow compresses constant tensors.
    """
    shape = _shape(proto)
    kind = KINDS.get(proto.dtype)
    if shape is None or kind is None or math.prod(max(one, 1) for one in shape) > MAX_ELEMENTS:
        return None
    size = math.prod(shape)
    flat = _content(proto, kind, size) if proto.tensor_content and size else _values(proto, kind, size)
    return None if flat is None else flat.reshape(shape)


def elements(proto: tensor_pb2.TensorProto) -> int:
    """Return how many elements a tensor has, 0 where `from_proto` makes none: told before any of them is made.

    A string repeated over and over is one object to numpy, but an engine copies it: each `TEXT` bytes count for one.
    """
    shape = _shape(proto)
    if shape is None or proto.dtype not in KINDS or math.prod(max(one, 1) for one in shape) > MAX_ELEMENTS:
        return 0
    size = math.prod(shape)
    repeated = max(size - len(proto.string_val), 0) * len(proto.string_val[-1]) if proto.string_val else 0
    return size + repeated // TEXT


def write(array: Array, proto: tensor_pb2.TensorProto) -> None:
    """Write a tensor with its values in the typed field, as TensorFlow Serving does: readers without numpy use it."""
    proto.dtype = number = OF_NUMPY[array.dtype]
    for size in array.shape:
        proto.tensor_shape.dim.add(size=size)
    values = (array.view(np.uint16) if array.dtype == np.float16 else array).ravel()
    field = getattr(proto, KINDS[number].field)
    for at in range(0, len(values), PIECE):
        flat = values[at : at + PIECE].tolist()
        if number == STRING:
            flat = [value.encode("utf-8", "surrogateescape") if isinstance(value, str) else value for value in flat]
        field.extend(flat)


def strings(values: list[Any], shape: tuple[int, ...]) -> Array:
    """Build a string tensor from bytes or str values in row-major order."""
    array = np.empty(len(values), dtype=np.object_)
    array[:] = values
    return array.reshape(shape)


def max_rank(dtype: int) -> int:
    """Return the highest rank that a tensor of this dtype may have.

    >>> max_rank(types_pb2.DT_STRING), max_rank(types_pb2.DT_FLOAT)
    (32, 64)
    """
    return MAX_STRING_RANK if dtype == STRING else MAX_RANK


def _shape(proto: tensor_pb2.TensorProto) -> tuple[int, ...] | None:
    dims = proto.tensor_shape.dim  # they count even where unknown_rank is set
    if len(dims) > max_rank(proto.dtype):  # 2 million fit into a message: none of them is looked at
        return None
    sizes = tuple(dim.size for dim in dims)
    return None if any(size < 0 for size in sizes) else sizes


def _content(proto: tensor_pb2.TensorProto, kind: Kind, size: int) -> Array | None:
    """Read ``tensor_content``: the raw bytes, or for strings their lengths as varints and then their bytes."""
    data = proto.tensor_content
    if proto.dtype == STRING:
        return _string_content(data, size)
    wanted = np.dtype(kind.numpy)
    if len(data) != size * wanted.itemsize:
        return None
    if wanted == np.bool_ and max(data) > 1:
        return None
    return np.frombuffer(data, dtype=wanted).copy()  # a copy is writable


def _string_content(data: bytes, size: int) -> Array | None:
    lengths, at = [], 0
    for _ in range(size):
        length, shift = 0, 0
        while True:
            if at >= len(data) or shift > 28:
                return None
            byte = data[at]
            at += 1
            length |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                break
        lengths.append(length)
    if at + sum(lengths) != len(data):
        return None
    values = []
    for length in lengths:
        values.append(data[at : at + length])
        at += length
    return strings(values, (size,))


def _values(proto: tensor_pb2.TensorProto, kind: Kind, size: int) -> Array:
    given = getattr(proto, kind.field)[:size]
    if proto.dtype == STRING:
        flat = np.full(size, given[-1] if given else b"", dtype=np.object_)
        flat[: len(given)] = given
        return flat
    if kind.numpy is np.float16:
        return _fill(np.array(given, dtype=np.int64).astype(np.uint16), size).view(np.float16)
    # int_val is 32 bits wide for the narrow integers too: what does not fit wraps, as the C cast does.
    wide = np.array(given, dtype=np.int64) if kind.field == "int_val" else np.array(given, dtype=kind.numpy)
    return _fill(wide.astype(kind.numpy), size)


def _fill(given: Array, size: int) -> Array:
    if len(given) == size:
        return given
    flat = np.full(size, given[-1] if len(given) else 0, dtype=given.dtype)
    flat[: len(given)] = given
    return flat
