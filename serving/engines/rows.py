"""Requests as rows: which signatures are the contract's, what a request costs, how rows are joined and cut apart.

Of the contract's signatures every output row depends on its own input row and nothing else; of any other signature
nothing is known but its shapes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from serving import contract
from serving.engines.engine import Signature
from serving.wire.tensors import KINDS, TEXT, Array

MAX_ROWS = 256
"""Rows of one run, at most."""

MAX_ELEMENTS = 1 << 15
"""Padded elements of one run that has several rows: 128 in a row of 256, or a single row of any width."""

MAX_SCORES = 1 << 24
"""Scores of one run that has several rows: rows times catalogue, 64 MB each time the graph copies them."""

GATHERED = 16
"""Elements that a place in a list stands for where the graph gathers a vector for it."""

SCANNED = 1024
"""Items of the catalogue that one element stands for, as every row is compared with each of them."""

LISTED = 8
"""Places in the lists of tags that one element stands for: the graph has some 40 bytes for each at the same time."""

_RANKS = {
    name: [(key, len(tensor.shape)) for key, tensor in signature.inputs.items()]
    for name, signature in contract.SIGNATURES.items()
}


def in_contract(signature: Signature) -> bool:
    """Tell whether a signature is one of the contract's, to the letter."""
    known = contract.SIGNATURES.get(signature.name)
    if known is None or set(signature.outputs) != set(known.outputs) or set(signature.inputs) != set(known.inputs):
        return False
    names = {name: np.dtype(KINDS[dtype].numpy) for name, dtype in signature.inputs.items() if dtype in KINDS}
    return all(names.get(name) == _dtype(tensor) for name, tensor in known.inputs.items())


class Price(NamedTuple):
    """The elements that a request stands for, and those that one of its rows stands for in a run."""

    request: int
    row: int


def price(signature: Signature, inputs: Mapping[str, Array], *, size: int = 0) -> Price:
    """Return what a request of so many bytes stands for: what it gives, what is gathered and scanned for, what it gets.

    What is only there while a run goes on is counted for one row, as `fits` bounds a run of several.
    """
    elements, rows = size // TEXT, 1
    for array in inputs.values():
        elements += array.size
    for array in inputs.values():
        rows = len(array) if array.ndim else 1
        break
    if not signature.catalogue:
        elements += rows * signature.width
        return Price(elements, elements // (rows or 1))
    width, k = signature.width, inputs.get("k")
    if k is not None and k.size:
        width = min(max(largest(k), 1), signature.catalogue)
    if "items" in inputs:
        elements += (GATHERED - 1) * inputs["items"].size
    elements += rows * (width + signature.catalogue // SCANNED)
    listed = _listed(signature, inputs) if "tags" in inputs else 0
    return Price(elements + listed, elements // (rows or 1) + listed)


def _listed(signature: Signature, inputs: Mapping[str, Array]) -> int:
    """Return the elements that the lists of one row's tags stand for while they are compared.

    The graph reads for each tag the items that have it, as many places for each as the commonest has: how common that
    is in a version is not known here, but at most all items have it.
    """
    tags = inputs["tags"]
    if tags.ndim != 2 or not any(tags.flat):  # padding has no list
        return 0
    return (tags.shape[1] + 1) * signature.catalogue // LISTED


def largest(k: Array) -> int:
    """Return the largest of some numbers; of one, as most requests have it, in a tenth of the time.

    >>> largest(np.array([3])), largest(np.array([3, 5]))
    (3, 5)
    """
    return int(k.item() if k.size == 1 else k.max())


def smallest(k: Array) -> int:
    """Return the smallest of some numbers.

    >>> smallest(np.array([3])), smallest(np.array([3, 5]))
    (3, 3)
    """
    return int(k.item() if k.size == 1 else k.min())


def rows_of(signature: Signature, inputs: Mapping[str, Array]) -> tuple[int, bool]:
    """Return how many rows a contract request has, and whether it can be joined: it is not ragged nor to be refused.

    The rows of what is no tensor of its rank are 0: it can only be run as it came.
    """
    rows, even = -1, True
    for name, rank in _RANKS[signature.name]:
        shape = inputs[name].shape
        if len(shape) != rank:
            return 0, False
        if shape[0] != rows:
            rows, even = max(rows, shape[0]), rows == -1
    return rows, even and rows > 0 and ("k" not in inputs or smallest(inputs["k"]) >= 1)


def fits(rows: int, catalogue: int, elements: int) -> bool:
    """Tell whether one run may have so many rows, over a catalogue, where a row stands for so many elements.

    >>> fits(256, 1664, 10), fits(MAX_ROWS + 1, 1664, 10), fits(1, 10**9, 10)
    (True, False, True)
    """
    if rows <= 1:
        return True
    return rows <= MAX_ROWS and rows * catalogue <= MAX_SCORES and rows * elements <= MAX_ELEMENTS


def most_rows(catalogue: int, elements: int) -> int:
    """Return the most rows that fit.

    >>> most_rows(1664, 10) == MAX_ROWS, most_rows(10**9, 10)
    (True, 1)
    """
    return max(1, min(MAX_ROWS, MAX_SCORES // max(catalogue, 1), MAX_ELEMENTS // max(elements, 1)))


def cut(arrays: Mapping[str, Array], rows: slice) -> dict[str, Array]:
    """Take some rows of every tensor.

    >>> cut({"user": np.array(["a", "b", "c"])}, slice(1, 3))["user"].tolist()
    ['b', 'c']
    """
    return {name: array[rows] for name, array in arrays.items()}


def join(parts: Sequence[Mapping[str, Array]]) -> dict[str, Array]:
    """Join requests or answers along their rows; narrower lists are filled up as the contract has it.

    >>> join([{"k": np.array([1])}, {"k": np.array([2, 3])}])["k"].tolist()
    [1, 2, 3]
    """
    return {name: _concatenate([part[name] for part in parts]) for name in parts[0]}


def _dtype(tensor: contract.Tensor) -> np.dtype[np.generic]:
    return np.dtype(object if tensor.dtype == "string" else tensor.dtype)


def _concatenate(arrays: Sequence[Array]) -> Array:
    if arrays[0].ndim == 1 or len({array.shape[1] for array in arrays}) == 1:
        return np.concatenate(arrays)
    fill = contract.PADDING if arrays[0].dtype == object else contract.LOWEST
    joined = np.full((sum(map(len, arrays)), max(a.shape[1] for a in arrays)), fill, dtype=arrays[0].dtype)
    at = 0
    for array in arrays:
        joined[at : at + len(array), : array.shape[1]] = array
        at += len(array)
    return joined
