"""Make the columns of a request from what people pass: one value for everybody or one for each, lists of any length.

What is meant without a doubt is taken: numpy's arrays and numbers, ids that are whole numbers or bytes, a k of 3.0. All
else is a Failure. A string is no list of strings: its letters would be asked for, and answered.
"""

from __future__ import annotations

from collections.abc import Iterable
from numbers import Integral
from typing import Any

import numpy as np
import numpy.typing as npt

from serving.client.transport import array
from serving.contract import PADDING
from serving.errors import Failure

Ids = Iterable[str | int | bytes]
"""Names of users, items or tags."""

MOST = np.iinfo(np.int32).max
"""The highest k that a request can carry; any k above the catalogue means the whole catalogue."""


def ids(values: Ids) -> list[str]:
    """Return ids as text.

    >>> ids(["42", 7, b"Fargo (1996)"])
    ['42', '7', 'Fargo (1996)']
    """
    return [_id(value) for value in _listed(values)]


def lists(rows: Iterable[Ids]) -> list[list[str]]:
    """Return a list of ids for each row.

    >>> lists([["a"], [1, "b"]])
    [['a'], ['1', 'b']]
    """
    each = "a list for each row"
    return [
        [_id(value) for value in _listed(row, expected=f"[[{_told(row)}], …], {each}")]
        for row in _listed(rows, expected=f"[[…], …], {each}")
    ]


def of_each(names: Ids | Iterable[Ids], count: int) -> list[list[str]]:
    """Return a list for each of so many rows: the one list of ids that all of them share, or the lists given.

    >>> of_each(["a", "b"], 2)
    [['a', 'b'], ['a', 'b']]
    """
    given: list[Any] = _listed(names)
    if all(isinstance(name, str | bytes | Integral) for name in given):
        return [ids(given)] * count
    return lists(given)


def whole_numbers(value: Any, count: int) -> list[int]:
    """Return a k for each of so many rows: the one that all of them share, or those given.

    >>> whole_numbers(5, 2), whole_numbers([5, 3], 2)
    ([5, 5], [5, 3])
    """
    return [_whole(one) for one in _each(value, count)]


def flags(value: Any, count: int) -> list[bool]:
    """Return whether, for each of so many rows: as all of them share it, or as given.

    >>> flags(True, 2), flags([True, False], 2)
    ([True, True], [True, False])
    """
    return [_flag(one) for one in _each(value, count)]


def padded(rows: list[list[str]]) -> npt.NDArray[Any]:
    """Return lists as a tensor as wide as the longest, and one wider: `[b, n + 1]`.

    Padded on the left, with at least one column: TensorFlow Serving's batching with pad_variable_length_inputs fails on
    an empty tensor, and widens one with its very first element, in all of its rows: an item there would be left out for
    everybody else in the request.

    >>> padded([["a", "b"], []]).tolist()
    [['', 'a', 'b'], ['', '', '']]
    """
    width = 1 + max(map(len, rows), default=0)
    filled = array([text for row in rows for text in (*[PADDING] * (width - len(row)), *row)], "string")
    return filled.reshape(len(rows), width)


def _listed(values: Any, *, expected: str = "") -> list[Any]:
    found = None if isinstance(values, str | bytes) else _items(values)
    if found is None:
        raise Failure(f"{_told(values)} where a list is asked for, expected {expected or f'[{_told(values)}]'}")
    return found


def _each(value: Any, count: int) -> list[Any]:
    found = None if isinstance(value, str | bytes) else _items(value)
    return [value] * count if found is None else found


def _items(values: Any) -> list[Any] | None:
    try:
        return list(values)
    except TypeError:  # also of an array that is a single number
        return None


def _id(value: Any) -> str:
    if isinstance(value, Integral) and not isinstance(value, bool):
        return str(int(value))
    if isinstance(value, str | bytes):
        try:
            text = value.decode() if isinstance(value, bytes) else str(value)
            text.encode()
        except UnicodeError:
            raise Failure(f"id {_told(value)}, expected text that UTF-8 can carry") from None
        return text
    raise Failure(f"id {_told(value)}, expected text or a whole number")


def _whole(value: Any) -> int:
    number: Any = value.item() if isinstance(value, np.ndarray) and value.ndim == 0 else value
    whole = isinstance(number, Integral) or (isinstance(number, float | np.floating) and number == number // 1)
    if whole and not isinstance(number, bool):
        return max(-MOST, min(MOST, int(number)))
    raise Failure(f"k {_told(value)}, expected a whole number, at least 1")


def _flag(value: Any) -> bool:
    if isinstance(value, bool | np.bool_):
        return bool(value)
    raise Failure(f"unseen {_told(value)}, expected True or False, for all or for each")


def _told(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
