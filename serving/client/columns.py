"""Make the columns of a request from what people pass: one value for everybody or one for each, lists of any length."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import numpy.typing as npt

from serving.client.transport import array
from serving.contract import PADDING
from serving.errors import Failure


def each(value: int | Sequence[int], count: int) -> Sequence[int]:
    """Return one value for each of so many rows."""
    return value if isinstance(value, Sequence) else [value] * count


def of_each(names: Sequence[str] | Sequence[Sequence[str]], count: int) -> Sequence[Sequence[str]]:
    """Return a list for each of so many rows: the one list of names that all of them share, or the lists given."""
    if isinstance(names, str):
        raise Failure(f"{names!r} where names are listed, expected a list: [{names!r}]")
    if all(isinstance(name, str) for name in names):
        return [cast(Sequence[str], names)] * count
    return names


def column(ids: Sequence[str]) -> npt.NDArray[Any]:
    """Return ids as a tensor: `[b]`."""
    for text in ids:
        if not text.isascii() and text != text.encode(errors="replace").decode():
            raise Failure(f"id {text!r}, expected text that UTF-8 can carry")
    return array(ids, "string")


def padded(rows: Sequence[Sequence[str]]) -> npt.NDArray[Any]:
    """Return lists as a tensor as wide as the longest, and one wider: `[b, n + 1]`.

    Padded on the left, with at least one column: TensorFlow Serving's batching with pad_variable_length_inputs fails on
    an empty tensor, and widens one with its very first element, in all its rows: an item there would be left out for
    everybody else in the request.
    """
    width = 1 + max(map(len, rows), default=0)
    filled = column([text for row in rows for text in (*[PADDING] * (width - len(row)), *row)])
    return filled.reshape(len(rows), width)
