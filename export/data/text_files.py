"""Text files as they are found: any separator, packed or not, in UTF-8 or what their mark says, as pieces of strings.

Every cell stays the text it is, so that the id 007 is not 7 and a bad number can be named by its row. Row 1 is the
first after the header.
"""

from __future__ import annotations

import codecs
import csv
import re
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv

from export.data.files import COMPRESSED
from export.data.pieces import Piece, place
from export.data.source import OPTIONAL, Source
from serving.errors import Failure

SEPARATORS = (",", "\t", ";", "|", "::")
"""Looked for in the first line, where none is given."""

BLOCK = 8 << 20
"""Bytes read at a time, and so the longest row that can be read."""

HEAD = 1 << 16
"""Bytes in which the first line is looked for."""

MARKS = {codecs.BOM_UTF8: "utf-8-sig", codecs.BOM_UTF32_LE: "utf-32", codecs.BOM_UTF32_BE: "utf-32"} | {
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
"""Encoding by byte order mark; that of UTF-32 begins like that of UTF-16 and comes first."""

LINE = re.compile("\r\n|\r|\n")
"""What ends a line, here and in Arrow; ``str.splitlines`` knows more."""

NULS = 1 / 8
"""Share of NUL characters from which a text is none: UTF-16 and UTF-32 without their mark have a half or more."""

UNIT = "\x1f"
"""The ASCII unit separator, which Arrow is given for a separator of more than one byte."""


@dataclass(frozen=True, kw_only=True)
class Layout:
    """How a text file is laid out: ``skip`` lines, then rows of ``names``."""

    encoding: str
    separator: str
    names: list[str]
    skip: int


def read_text(path: Path, wanted: Mapping[str, str], required: Iterable[str], source: Source) -> Iterator[Piece]:
    """Read the wanted columns (ours -> theirs) of a text file in pieces.

    Raises:
        Failure: it is empty, torn, in another encoding, or lacks a required column.
    """
    found = layout(path, wanted, source)
    places = place(path, found.names, wanted, required)
    torn: list[str] = []

    def refuse(row: pa.csv.InvalidRow) -> str:
        counts = f"{row.actual_columns} columns, expected {row.expected_columns}"
        torn.append(f"{path}, row {row.number - found.skip}: {counts}")
        return "skip"

    first = 0
    # Not closed here: Arrow reads ahead in a thread of its own, and a file closed under it would lend that thread its
    # descriptor's number, which may be the next file's by then. The last to let go of the stream closes it.
    stream = _stream(path, found)
    for batch in _batches(stream, found, list(places.values()), refuse):
        if torn:
            raise Failure(torn[0])
        columns = {ours: batch.column(str(at)) for ours, at in places.items()}
        yield Piece(path=path, first=first, columns=columns, named=wanted, text=True)
        first += batch.num_rows
    if torn:
        raise Failure(torn[0])


def _batches(stream: Any, layout: Layout, places: list[int], refuse: Any) -> Iterator[pa.RecordBatch]:
    numbers = [str(number) for number in range(len(layout.names))]  # names may be there twice; numbers are not
    unit = len(layout.separator.encode()) > 1
    reading = pa.csv.ReadOptions(
        use_threads=False,  # only then does a row know its number
        block_size=BLOCK,
        column_names=numbers,
        skip_rows=layout.skip,
    )
    parsing = pa.csv.ParseOptions(
        delimiter=UNIT if unit else layout.separator,
        quote_char=False if unit else '"',
        newlines_in_values=not unit,
        invalid_row_handler=refuse,
    )
    converting = pa.csv.ConvertOptions(
        column_types=dict.fromkeys(numbers, pa.string()),
        include_columns=[numbers[at] for at in dict.fromkeys(places)],
        strings_can_be_null=False,
    )
    try:
        reader = pa.csv.open_csv(stream, reading, parsing, converting)
    except pa.ArrowInvalid as error:
        if "Could not skip initial" in str(error):  # a header without so much as a line break behind it
            return
        raise
    with reader:
        yield from reader


def layout(path: Path, wanted: Mapping[str, str], source: Source) -> Layout:
    """Find encoding, separator and names from the beginning of a file.

    Raises:
        Failure: it is empty, or not in the encoding that it should be in.
    """
    with _unpacked(path) as stream:
        head = stream.read(HEAD)
    encoding = source.encoding or next((name for mark, name in MARKS.items() if head.startswith(mark)), "utf-8")
    lines = LINE.split(_decoded(path, head, encoding))
    skip = next((number for number, line in enumerate(lines) if line.strip()), None)
    if skip is None:
        needed = " and ".join(name for name in wanted if name not in OPTIONAL)
        raise Failure(f"{path} is empty, expected a header with {needed} and rows below it")
    ways = {one: _fields(lines[skip:], one) for one in ([source.separator] if source.separator else SEPARATORS)}

    def fit(separator: str) -> tuple[int, int]:
        return len(set(ways[separator][0]) & set(wanted.values())), len(ways[separator][0])

    best = max(ways, key=fit)
    names, height = ways[best]
    if not source.numbered(path, names):
        return Layout(encoding=encoding, separator=best, names=names, skip=skip + height)
    return Layout(encoding=encoding, separator=best, names=[str(n + 1) for n in range(len(names))], skip=skip)


def _fields(lines: list[str], separator: str) -> tuple[list[str], int]:
    """Part the first of some lines; returns how many it takes, for a quoted field may have several."""
    if len(separator.encode()) > 1:
        return [field.strip() for field in lines[0].split(separator)], 1
    reader = csv.reader((line + "\n" for line in lines), delimiter=separator)
    return [field.strip() for field in next(reader)], reader.line_num


def _decoded(path: Path, head: bytes, encoding: str) -> str:
    try:
        text = codecs.getincrementaldecoder(encoding)().decode(head)
    except UnicodeDecodeError as error:
        line = head[: error.start].count(b"\n") + 1
        raise Failure(f"{path}, line {line}: {NOT_UTF8}".format(encoding=encoding)) from error
    if text.count("\0") > NULS * len(text):
        raise Failure(f"{path} is full of NUL: if it is UTF-16 without its mark, --encoding utf-16-le says so")
    return text.removeprefix("\ufeff")  # a mark is left where its encoding was named


NOT_UTF8 = "the text is not {encoding}: save it as UTF-8, or say what it is, such as --encoding cp1252"


def _unpacked(path: Path) -> Any:
    with path.open("rb") as file:
        packed = file.read(2) == b"\x1f\x8b"  # gzip by its first bytes, whatever the name says
    return pa.input_stream(str(path), compression="gzip" if packed else COMPRESSED.get(path.suffix.lower()))


def _stream(path: Path, layout: Layout) -> Any:
    """Open a file as UTF-8 with a separator of one byte; one that is otherwise is written anew to a temporary file.

    Not converted while it is read: Arrow reads ahead in a thread of its own, and a thread that comes to Python when the
    process ends, as after a row that is refused, hangs there or takes the process with it.
    """
    if layout.encoding in ("utf-8", "utf-8-sig") and len(layout.separator.encode()) == 1:
        return _unpacked(path)
    with tempfile.NamedTemporaryFile(prefix="triptych-") as file, _unpacked(path) as packed:
        file.writelines(text.encode() for text in _texts(packed, layout))
        file.flush()
        return pa.input_stream(file.name, compression=None)


def _texts(stream: Any, layout: Layout) -> Iterator[str]:
    """Decode a stream in pieces, with a separator of one byte."""
    decoder, kept, separator = codecs.getincrementaldecoder(layout.encoding)(), "", layout.separator
    unit = UNIT if len(separator.encode()) > 1 else separator
    while data := stream.read(BLOCK):
        text = (kept + decoder.decode(data)).replace(separator, unit)
        begun = max(length for length in range(len(separator)) if text.endswith(separator[:length]))
        kept = text[len(text) - begun :]
        yield text[: len(text) - begun]
    yield kept + decoder.decode(b"", final=True)
