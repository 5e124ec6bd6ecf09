"""Times and ratings as they come in, checked in columns; the one cell that is none is named by its row."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from export.data.interactions import Ints
from export.data.pieces import Piece
from serving.errors import Failure

Floats = npt.NDArray[np.float64]

TIME = "seconds since 1970, or a date such as 2024-01-31 or 2024-01-31T12:00:00Z"
FARTHEST = 1e17
"""Seconds from 1970 at the most: what is farther is no time, and an int64 holds what is not."""

_AWARE, _NAIVE = pa.timestamp("us", "UTC"), pa.timestamp("us")


def numbers(piece: Piece, name: str) -> Floats:
    """Read a column of numbers: `[n]`.

    Raises:
        Failure: a cell is empty or no finite number.
    """
    column = _plain(piece, name)
    try:
        found = np.asarray(column.cast(pa.float64(), safe=False).fill_null(np.nan))
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        found = _each(column, float)
    piece.refuse(name, ~np.isfinite(found), "a number")
    return found


def times(piece: Piece, name: str) -> Ints:
    """Read a column of times as seconds since 1970, rounded down: `[n]`. A time without a zone is taken as UTC.

    Raises:
        Failure: a cell is empty or no time.
    """
    column = _plain(piece, name)
    if pa.types.is_time(column.type) or pa.types.is_duration(column.type):
        raise Failure(f"{piece.path}: column {piece.named[name]!r} is {column.type}, expected {TIME}")
    if pa.types.is_date(column.type):
        column = column.cast(pa.timestamp("ms"))
    if pa.types.is_timestamp(column.type):
        per_second = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}[column.type.unit]
        piece.refuse(name, np.asarray(column.is_null()), TIME)
        return np.asarray(column.cast(pa.int64())) // per_second
    found = _seconds(column)
    piece.refuse(name, ~(np.abs(found) < FARTHEST), TIME)
    return np.floor(found).astype(np.int64)


def _seconds(column: Any) -> Floats:
    """Read numbers, or dates written out, in columns where all are of one kind and cell by cell where not."""
    if pa.types.is_integer(column.type) or pa.types.is_floating(column.type) or pa.types.is_decimal(column.type):
        return np.asarray(column.cast(pa.float64(), safe=False).fill_null(np.nan))
    for kind in (pa.float64(), _NAIVE, _AWARE):
        try:
            cast = column.cast(kind)
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
            continue
        found = cast if kind == pa.float64() else pc.divide(cast.cast(pa.int64()).cast(pa.float64()), 1e6)
        return np.asarray(found.fill_null(np.nan))
    return _each(column, _moment)


def _moment(cell: str) -> float:
    try:
        return float(cell)
    except ValueError:
        found = datetime.fromisoformat(cell.strip())
        return (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()


def _each(column: Any, read: Callable[[Any], float]) -> Floats:
    """Read cell by cell, NaN where one cannot be read."""

    def number(cell: Any) -> float:
        try:
            return read(cell)
        except (TypeError, ValueError, OverflowError):
            return np.nan

    return np.array([number(cell) for cell in column.to_pylist()], np.float64)


def _plain(piece: Piece, name: str) -> Any:
    column = piece.columns[name]
    return column.cast(column.type.value_type) if pa.types.is_dictionary(column.type) else column
