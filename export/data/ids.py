"""Ids of one column as they come in: each kept once, the rows as numbers; what is no id is refused with its row."""

from __future__ import annotations

import math
import re
from dataclasses import replace
from decimal import Decimal
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from export.data.interactions import Bools, Ints, Names
from export.data.pieces import Piece
from serving.errors import Failure

LONGEST = 1000
"""Characters of an id at the most: what is longer is no name but a text, or rows that an open quotation mark swallowed,
and every answer of a server would carry it."""

EXPECTED = "text or a whole number"

NUMBER = re.compile(r"-?(0|[1-9]\d*)(\.\d+)?(e[+-]\d+)?|nan|-?inf(inity)?", re.IGNORECASE)
"""How programs write a column of floats. Only a column of nothing else is taken for one: ``1.0`` among
names is a name."""


class Ids:
    """The ids of one column of all pieces."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._pieces: list[Piece] = []

    def add(self, piece: Piece) -> None:
        """Take the column of a piece.

        Raises:
            Failure: a cell is empty, too long or no id.
        """
        coded = _coded(piece, self.name)
        if coded.null_count:
            piece.refuse(self.name, np.asarray(coded.is_null()), EXPECTED)
        words = _words(coded.dictionary)
        self._refuse(piece, coded, words.is_null(), EXPECTED)
        self._refuse(piece, coded, pc.equal(words, ""), EXPECTED)
        self._refuse(piece, coded, pc.greater(pc.utf8_length(words), LONGEST), f"{LONGEST:,} characters at the most")
        # numpy's text and the conversion to ONNX drop a NUL at the end: the version's twin would have one name for two.
        self._refuse(piece, coded, pc.ends_with(words, "\0"), "no NUL at its end")
        if piece.text:
            torn = pc.match_substring_regex(words, "[\r\n]")
            self._refuse(piece, coded, torn, "one line: is a quotation mark not closed?")
        # The piece's other columns, and this one as it was, are not held any longer.
        # Categories are counted in as few bytes as a file needs: in as many here, so that all pieces are of one type.
        held = pa.DictionaryArray.from_arrays(coded.indices.cast(pa.int32()), words)
        self._pieces.append(replace(piece, columns={self.name: held}))

    def codes(self) -> tuple[list[str], npt.NDArray[np.int32]]:
        """Give each id once, in no order, and the `[n]` places of all rows' among them.

        Raises:
            Failure: the column is one of floats, and one of them is no whole number.
        """
        column = pa.chunked_array([piece.columns[self.name] for piece in self._pieces]).unify_dictionaries()
        words = column.chunk(0).dictionary.to_pylist()
        codes = np.concatenate([np.asarray(chunk.indices) for chunk in column.chunks])
        text = any(piece.text for piece in self._pieces)
        if text and any("." in word for word in words) and all(map(NUMBER.fullmatch, words)):
            whole = [_whole(Decimal(word)) for word in words]  # a float would take two large numbers for one
            self._refuse_fraction([word is None for word in whole], codes)
            words = whole
        return words, codes

    def find(self, row: int) -> tuple[Piece, int]:
        """Find the piece that a row of all is in, and its place there."""
        ends = np.cumsum([len(piece) for piece in self._pieces])
        number = int(np.searchsorted(ends, row, side="right"))
        return self._pieces[number], row - (int(ends[number]) - len(self._pieces[number]))

    def _refuse(self, piece: Piece, coded: Any, bad: Any, expected: str) -> None:
        mask = np.asarray(pc.fill_null(bad, False))
        if mask.any():
            piece.refuse(self.name, mask[np.asarray(coded.indices)], expected)

    def _refuse_fraction(self, bad: list[bool], codes: npt.NDArray[np.int32]) -> None:
        if not any(bad):
            return
        piece, row = self.find(int(np.array(bad)[codes].argmax()))
        piece.refuse_row(self.name, row, "a whole number, as in the column's other cells")


def index(words: list[str], codes: npt.NDArray[np.int32], kept: Bools | slice) -> tuple[Names, Ints]:
    """Sort `[m]` ids, of which some may be equal, and renumber those of `[n]` rows that are kept.

    >>> names, places = index(["b", "a", "c"], np.array([0, 1, 0], np.int32), slice(None))
    >>> names.tolist(), places.tolist()
    (['a', 'b'], [1, 0, 1])

    Returns:
        `[k]` ids that are met, each once, and the place among them of each row that is kept.
    """
    codes = codes[kept]
    met = np.bincount(codes, minlength=len(words)) > 0
    names, places = np.unique(np.array(words, object)[met], return_inverse=True)
    renumbered = np.zeros(len(words), np.int64)
    renumbered[met] = places
    return names, renumbered[codes]


def _coded(piece: Piece, name: str) -> Any:
    """Encode a column as numbers into its own dictionary."""
    column = piece.columns[name]
    kind = column.type.value_type if pa.types.is_dictionary(column.type) else column.type
    text = pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind)
    number = pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind)
    if not (text or number or pa.types.is_null(kind)):
        raise Failure(f"{piece.path}: column {piece.named[name]!r} is {kind}, expected text or whole numbers")
    if pa.types.is_dictionary(column.type):
        return column if column.dictionary.null_count == 0 else column.cast(kind).dictionary_encode()
    return column.dictionary_encode() if not pa.types.is_null(kind) else column.cast(pa.string()).dictionary_encode()


def _words(values: Any) -> Any:
    """Write the values of a dictionary as text: whole numbers without a point, null where one is no whole number."""
    if pa.types.is_floating(values.type) or pa.types.is_decimal(values.type):
        return pa.array([_whole(value) for value in values.to_pylist()], pa.string())
    return values.cast(pa.string())


def _whole(value: float | Decimal) -> str | None:
    return str(int(value)) if math.isfinite(value) and value == int(value) else None
