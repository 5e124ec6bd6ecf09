"""JSON values to tensors, value by value, with TensorFlow Serving's wording of everything that does not fit."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from tensorboard.compat.proto import types_pb2

from serving.json.rapidjson import MISSING, Object
from serving.json.text import render
from serving.json.values import NARROW, is_base64, leaf
from serving.wire.error_codes import Refusal, invalid
from serving.wire.tensors import KINDS, Array, max_rank, strings


@dataclass(kw_only=True)
class _Column:
    """One input while it is filled: its values in order, and the shape and number every element must have."""

    dtype: int
    values: list[Any] = field(default_factory=list)
    shape: tuple[int, ...] | None = None
    size: int = 0

    def add(self, item: Any) -> None:
        """Append one element; every element must have the first one's size and shape."""
        shape = _dense_shape(item)
        before = len(self.values)
        _fill(item, shape, self.dtype, self.values)
        size = len(self.values) - before
        if self.shape is None:
            self.shape, self.size = shape, size
        elif size != self.size:
            raise invalid(f"Expecting tensor size: {self.size} but got: {size}")
        elif shape != self.shape:
            raise invalid(f"Expecting shape {_text(self.shape)} but got: {_text(shape)}")

    def array(self, name: str, shape: tuple[int, ...]) -> Array:
        """Return the tensor; a duplicate key left more values than the shape holds, of which the first count."""
        if len(shape) > max_rank(self.dtype):
            raise invalid(f"tensor parsing error: {name}")
        flat = self.values[: math.prod(shape)]
        if self.dtype == types_pb2.DT_STRING:
            return strings(flat, shape)
        wide = np.int64 if self.dtype in NARROW else KINDS[self.dtype].numpy
        with np.errstate(over="ignore"):  # what is beyond float32 becomes infinite
            return np.array(flat, dtype=wide).astype(KINDS[self.dtype].numpy).reshape(shape)


def from_rows(instances: list[Any], wanted: Mapping[str, int]) -> dict[str, Array]:
    """Read the ``instances`` list: plain values of the only input, or objects with every input's name.

    >>> from_rows([b"42", b"7"], {"user_id": types_pb2.DT_STRING})
    {'user_id': array([b'42', b'7'], dtype=object)}
    """
    if not isinstance(instances[0], Object) and len(wanted) > 1:
        raise invalid(
            "instances is a plain list, but expecting list of objects as multiple "
            "input tensors required as per tensorinfo_map"
        )
    objects = _is_row(instances[0])
    columns: dict[str, _Column] = {}
    for number, item in enumerate(instances):
        if objects:
            if not _is_row(item):
                raise invalid(f"Expecting object but got list at item {number} of input list")
            _add_row(item, number, wanted, columns)
            continue
        if _is_row(item):
            raise invalid(f"Expecting value/list but got object at item {number} of input list")
        only = next(iter(wanted))
        try:
            columns.setdefault(only, _Column(dtype=wanted[only])).add(item)
        except Refusal as refusal:
            raise invalid(
                f"Failed to process element: {number} of 'instances' list. Error: {_status(refusal)}"
            ) from None
    return {name: column.array(name, (len(instances), *(column.shape or ()))) for name, column in columns.items()}


def from_columns(inputs: Any, wanted: Mapping[str, int]) -> dict[str, Array]:
    """Read the ``inputs`` value: the only input's tensor, or an object with one tensor for each input.

    >>> from_columns([3, 5], {"k": types_pb2.DT_INT32})
    {'k': array([3, 5], dtype=int32)}
    """
    if not isinstance(inputs, Object) or is_base64(inputs):
        if len(wanted) > 1:
            raise invalid(
                "inputs is a plain value/list, but expecting an object as multiple "
                "input tensors required as per tensorinfo_map"
            )
        given = {next(iter(wanted)): inputs}
    else:
        given = {name: inputs.get(name.encode("utf-8", "surrogateescape")) for name in wanted}
    result = {}
    for name, value in given.items():
        if value is MISSING:
            raise invalid(f"Missing named input: {name} in 'inputs' object.")
        column = _Column(dtype=wanted[name])
        column.add(value)
        result[name] = column.array(name, column.shape or ())
    return result


def _add_row(row: Object, number: int, wanted: Mapping[str, int], columns: dict[str, _Column]) -> None:
    for key, value in row.members:
        name = key.split(b"\0")[0].decode("utf-8", "surrogateescape")  # a C string to TensorFlow Serving
        try:
            if name not in wanted:
                raise invalid(f"JSON object: does not have named input: {name}")
            columns.setdefault(name, _Column(dtype=wanted[name])).add(value)
        except Refusal as refusal:
            raise invalid(
                f"Failed to process element: {number} key: {name} of 'instances' list. Error: {_status(refusal)}"
            ) from None
    if {key.split(b"\0")[0].decode("utf-8", "surrogateescape") for key, _ in row.members} != set(wanted):
        raise invalid(
            f"Failed to process element: {number} of 'instances' list. JSON object: {render(row)} "
            f"keys must be equal to: {','.join(sorted(wanted))}"
        )


def _fill(item: Any, shape: tuple[int, ...], dtype: int, values: list[Any]) -> None:
    """Append a value's leaves, depth first; the first one that does not fit its place is named."""
    stack = [iter((item,))]
    while stack:
        level = len(stack) - 1
        value = next(stack[-1], MISSING)
        if value is MISSING:
            stack.pop()
        elif not isinstance(value, list):
            if level != len(shape):
                raise invalid(
                    f"JSON Value: {render(value)} found at incorrect level: {level + 1} in the JSON DOM. "
                    f"Expected at level: {len(shape)}"
                )
            values.append(leaf(value, dtype))
        elif level >= len(shape):
            raise invalid(f"Encountered list at unexpected level: {level} expected < {len(shape)}")
        elif len(value) != shape[level]:
            raise invalid(
                f"Encountered list at unexpected size: {len(value)} at level: {level} expected size: {shape[level]}"
            )
        else:
            stack.append(iter(value))


def _is_row(value: Any) -> bool:
    return isinstance(value, Object) and not is_base64(value)


def _dense_shape(value: Any) -> tuple[int, ...]:
    shape = []
    while isinstance(value, list):
        shape.append(len(value))
        value = value[0] if value else None
    return tuple(shape)


def _text(shape: tuple[int, ...]) -> str:
    return f"[{','.join(map(str, shape))}]"


def _status(refusal: Refusal) -> str:
    return f"{refusal.code.name}: {refusal.message}"
