"""Vectors from a file: Parquet, as data frames are kept, or npz, as numpy keeps arrays.

Parquet has a column of ids (``id``, ``user_id`` or ``item``), perhaps ``bias``, and either one column of lists or a
column of numbers for each component, in their order. An npz file has the arrays ``ids`` `[n]`, ``vectors`` `[n, d]`
and perhaps ``biases`` `[n]`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from export.publishing.rescue import read_arrays
from serving.errors import Failure

IDS = ("id", "user_id", "item")
BIAS = "bias"
ARRAYS = ("ids", "vectors", "biases")


def read(path: Path) -> tuple[Any, Any, Any]:
    """Read ids, vectors and biases, or None, as they are in a file.

    Raises:
        Failure: there is no such file, it cannot be read, or something in it is neither id, bias nor vector.
    """
    if path.suffix not in (".parquet", ".npz"):
        raise Failure(f"{path} ends in {path.suffix or 'nothing'}, expected .parquet or .npz")
    if not path.is_file():
        raise Failure(f"no file {path}, expected a .parquet or .npz file of vectors")
    return _npz(path) if path.suffix == ".npz" else _parquet(path)


def _npz(path: Path) -> tuple[Any, Any, Any]:
    try:
        found = read_arrays(path)
    except (ValueError, OSError) as error:
        # What numpy says of objects asks for allow_pickle, which would run whatever code the file holds.
        why = "it holds Python objects, expected text or numbers" if "pickle" in str(error) else str(error)
        raise Failure(f"{path} cannot be read: {why}") from error
    if not {"ids", "vectors"} <= set(found) <= set(ARRAYS):
        raise Failure(f"{path} holds {', '.join(found) or 'nothing'}, expected ids, vectors and perhaps biases")
    return found["ids"], found["vectors"], found.get("biases")


def _parquet(path: Path) -> tuple[Any, Any, Any]:
    try:
        table = pq.read_table(path)
    except (pa.ArrowInvalid, OSError) as error:
        raise Failure(f"{path} cannot be read: {str(error).splitlines()[0]}") from error
    ids = [name for name in table.column_names if name in IDS]
    lists, numbers = [], []
    for field in table.schema:
        if field.name in (*ids, BIAS):
            continue
        if _is_list(field.type):
            lists.append(field.name)
        elif _is_number(field.type):
            numbers.append(field.name)
        else:
            raise Failure(f"{path}: column {field.name!r} is {field.type}, expected {_expected()}")
    if len(ids) != 1 or len(lists) > 1 or bool(lists) == bool(numbers):
        raise Failure(f"{path} has columns {', '.join(table.column_names) or 'none'}, expected {_expected()}")
    for name in table.column_names:
        _refuse_null(path, name, table.column(name))
    vectors = _lists(path, table.column(lists[0])) if lists else _side_by_side(table, numbers)
    biases = table.column(BIAS).to_numpy() if BIAS in table.column_names else None
    return table.column(ids[0]).to_numpy(), vectors, biases


def _lists(path: Path, column: pa.ChunkedArray) -> np.ndarray[Any, Any]:
    rows = column.cast(pa.list_(column.type.value_type))
    widths = pc.list_value_length(rows).to_numpy()
    if not len(widths):
        return np.zeros((0, 0))
    other = np.flatnonzero(widths != widths[0])
    if len(other):
        raise Failure(f"{path}, row {other[0] + 1}: {widths[other[0]]} components, expected {widths[0]} as in row 1")
    numbers = pc.list_flatten(rows)
    if numbers.null_count:
        row = numbers.is_null().index(True).as_py() // widths[0]
        raise Failure(f"{path}, row {row + 1}: a component is missing, expected {widths[0]} numbers")
    return np.asarray(numbers.to_numpy()).reshape(len(widths), widths[0])


def _side_by_side(table: pa.Table, names: list[str]) -> np.ndarray[Any, Any]:
    return np.stack([table.column(name).to_numpy() for name in names], axis=1)


def _refuse_null(path: Path, name: str, column: pa.ChunkedArray) -> None:
    if column.null_count:
        row = column.is_null().index(True).as_py()
        raise Failure(f"{path}, row {row + 1}: column {name!r} is empty")


def _is_list(kind: pa.DataType) -> bool:
    held = pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind)
    return held and _is_number(kind.value_type)


def _is_number(kind: pa.DataType) -> bool:
    return bool(pa.types.is_floating(kind) or pa.types.is_integer(kind))


def _expected() -> str:
    return f"one of {', '.join(IDS)}, perhaps {BIAS}, and one column of lists of numbers or a column for each component"
