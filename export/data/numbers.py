"""Times, ratings and other numbers as they come in, checked in columns, and which rows count as a like.

The one cell that is no time or no number is named by its row.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from export.data.interactions import Bools, Ints
from export.data.pieces import Piece
from export.progress import say
from serving.errors import Failure

Floats = npt.NDArray[np.float64]

TIME = "seconds since 1970, or a date such as 2024-01-31 or 2024-01-31T12:00:00Z"
FINER = (1e17, 1e14, 1e11)
"""From these on numbers are nano-, micro- and milliseconds: as seconds they would be after the year 5000."""

FARTHEST = 9.2e18
"""Nanoseconds from 1970 at the most: an int64 holds few more, and its least is how programs write "no time"."""

FEW = 20
"""Different whole numbers at the most that are tags as they are: groups of age, sizes, days of the week."""

BUCKETS = 10
"""Buckets of a column of other numbers."""

HEAVIEST = 1e9
"""The greatest weight: sums of squares of what is below stay finite in a float32."""

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
        found = _each(column, _number)
    piece.refuse(name, ~np.isfinite(found), "a number")
    return found


def weights(piece: Piece, name: str) -> npt.NDArray[np.float32]:
    """Read a column of weights: `[n]` float32.

    Raises:
        Failure: a cell is empty, or no number above 0 and up to ``HEAVIEST``.
    """
    found = numbers(piece, name)
    piece.refuse(name, ~((found > 0) & (found <= HEAVIEST)), f"a number above 0 and up to {HEAVIEST:g}")
    return found.astype(np.float32)


def times(piece: Piece, name: str) -> Ints:
    """Read a column of times as seconds since 1970, rounded down: `[n]`. A time without a zone is taken as UTC.

    Raises:
        Failure: a cell is empty or no time.
    """
    column = _plain(piece, name)
    if pa.types.is_time(column.type) or pa.types.is_duration(column.type) or pa.types.is_boolean(column.type):
        raise Failure(f"{piece.path}: column {piece.named[name]!r} is {column.type}, expected {TIME}")
    if pa.types.is_date(column.type):
        column = column.cast(pa.timestamp("ms"))
    if pa.types.is_timestamp(column.type):
        per_second = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}[column.type.unit]
        piece.refuse(name, np.asarray(column.is_null()), TIME)
        return np.asarray(column.cast(pa.int64())) // per_second
    found = _seconds(column)
    piece.refuse(name, ~np.isfinite(found), TIME)
    return np.floor(found).astype(np.int64)


def inexact(values: Floats) -> bool:
    """Say whether `[n]` numbers are whole, and some so large that float64 takes two for one.

    >>> inexact(np.array([1, 2.0**53])), inexact(np.array([0.5, 2.0**53, np.nan]))
    (True, False)
    """
    known = values[~np.isnan(values)]
    return bool((np.abs(known) >= 2.0**53).any() and (known == np.floor(known)).all())


def bucketed(values: Floats) -> list[str]:
    """Name `[n]` numbers by kind: whole ones with few different values as they are, others by the ends of their bucket.

    Buckets hold about as many numbers each, and their ends are numbers that are there. NaN is called ``""``.

    >>> bucketed(np.array([1, 3, np.nan]))
    ['1', '3', '']
    """
    known = values[~np.isnan(values)]
    low = high = known
    if len(np.unique(known)) > FEW or (known != np.floor(known)).any():
        edges = np.quantile(known, np.arange(1, BUCKETS) / BUCKETS, method="inverted_cdf")
        _, bucket = np.unique(np.searchsorted(np.unique(edges), known, side="left"), return_inverse=True)
        parts = [known[bucket == number] for number in range(bucket.max() + 1)]
        low, high = (np.array([end(part) for part in parts])[bucket] for end in (np.min, np.max))
    ends = zip(map(_spelt, low.tolist()), map(_spelt, high.tolist()), strict=True)
    names = iter([first if first == last else f"{first}-{last}" for first, last in ends])
    return ["" if gap else next(names) for gap in np.isnan(values).tolist()]


def chosen(name: str, min_rating: float | None, likes: Sequence[Bools], *, weighed: bool = False) -> Bools | slice:
    """Choose the rows that count, given in pieces whether a rating is high enough, and say what is left out.

    >>> chosen("ratings.csv", None, [], weighed=True)
    slice(None, None, None)

    Raises:
        Failure: nothing is left.
    """
    if min_rating is None and weighed:
        return slice(None)
    if min_rating is None:
        say(f"each row of {name} counts as a like, whatever its rating, if any; --min-rating N leaves lower ones out")
        return slice(None)
    like = np.concatenate(likes)
    say(f"{np.count_nonzero(~like):,} of {len(like):,} rows are left out: their ratings are below {min_rating:g}")
    if not like.any():
        raise Failure(f"{name} has no rating of at least {min_rating:g}: pass a lower --min-rating")
    return like


def _seconds(column: Any) -> Floats:
    """Read numbers, or dates written out, in columns where all are of one kind and cell by cell where not."""
    if pa.types.is_integer(column.type) or pa.types.is_floating(column.type) or pa.types.is_decimal(column.type):
        return _in_seconds(np.asarray(column.cast(pa.float64(), safe=False).fill_null(np.nan)))
    for kind in (pa.float64(), _NAIVE, _AWARE):
        try:
            cast = column.cast(kind)
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
            continue
        if kind == pa.float64():
            return _in_seconds(np.asarray(cast.fill_null(np.nan)))
        return np.asarray(cast.cast(pa.int64()).cast(pa.float64(), safe=False).fill_null(np.nan)) / 1e6
    return _each(column, _moment)


def _in_seconds(found: Floats) -> Floats:
    """Take `[n]` numbers for what they can only be since 1970, each for itself; NaN where nothing."""
    found = np.where(np.abs(found) < FARTHEST, found, np.nan)
    for finer in FINER:
        if (far := np.abs(found) >= finer).any():
            found = np.where(far, found / 1000, found)
    return found


def _number(cell: str) -> float:
    if "_" in cell:  # which Python takes for what parts thousands
        raise ValueError(cell)
    return float(cell)


def _moment(cell: str) -> float:
    try:
        return float(_in_seconds(np.array(_number(cell))))
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


def _spelt(value: float) -> str:
    return str(int(value)) if value.is_integer() else f"{value:.6g}"


def _plain(piece: Piece, name: str) -> Any:
    column = piece.columns[name]
    return column.cast(column.type.value_type) if pa.types.is_dictionary(column.type) else column
