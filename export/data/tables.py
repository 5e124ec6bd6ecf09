"""Read files as pieces of a table, whatever their format; what a library throws becomes a sentence here."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from export.data.files import is_parquet
from export.data.pieces import Piece, place
from export.data.source import Source
from export.data.text_files import BLOCK, NOT_UTF8, layout, read_text
from serving.errors import Failure

ROWS = 1 << 20
"""Rows of a Parquet file in a piece."""


def read_pieces(path: Path, wanted: Mapping[str, str], required: Iterable[str], source: Source) -> Iterator[Piece]:
    """Read the wanted columns (ours -> theirs) of a file in pieces, which hold those that it has.

    Raises:
        Failure: it cannot be read, or lacks a required column.
    """
    try:
        if is_parquet(path):
            yield from _read_parquet(path, wanted, required)
        else:
            yield from read_text(path, wanted, required, source)
    except UnicodeError as error:
        encoding = getattr(error, "encoding", source.encoding)
        raise Failure(f"{path}: {NOT_UTF8.format(encoding=encoding)}") from error
    except (pa.ArrowException, OSError) as error:
        raise Failure(_sentence(path, str(error))) from error


def names_of(path: Path, wanted: Mapping[str, str], source: Source) -> list[str]:
    """List the names of a file's columns; the wanted ones (ours -> theirs) tell how a text file is parted.

    Raises:
        Failure: it cannot be read.
    """
    try:
        if is_parquet(path):
            return list(pq.read_schema(path).names)
        return layout(path, wanted, source).names
    except (pa.ArrowException, OSError) as error:
        raise Failure(_sentence(path, str(error))) from error


def _read_parquet(path: Path, wanted: Mapping[str, str], required: Iterable[str]) -> Iterator[Piece]:
    with pq.ParquetFile(path) as plain:
        schema = plain.schema_arrow
    places = place(path, schema.names, wanted, required)
    texts = [schema.names[at] for at in places.values() if pa.types.is_string(schema.types[at])]
    # Nothing is read ahead: what Arrow has buffered it keeps until the whole file has passed.
    # Arrow hands over the dictionary that the file has, if it has one: each string is made once, not in every row.
    with pq.ParquetFile(path, read_dictionary=texts, pre_buffer=False) as file:
        first = 0
        for batch in file.iter_batches(ROWS, columns=[schema.names[at] for at in places.values()]):
            columns = {ours: batch.column(schema.names[at]) for ours, at in places.items()}
            yield Piece(path=path, first=first, columns=columns, named=wanted, text=False)
            first += batch.num_rows


def _sentence(path: Path, error: str) -> str:
    row = re.search(r"Row #(\d+): .*invalid UTF8", error)
    if row:
        return f"{path}, line {row[1]}: {NOT_UTF8.format(encoding='utf-8')}"
    if "block size" in error:
        return f"{path} has a row of more than {BLOCK >> 20} MB: is a quotation mark not closed?"
    return f"{path} cannot be read: {error.splitlines()[0] if error else 'it is damaged'}"
