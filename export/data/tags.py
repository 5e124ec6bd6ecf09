"""Tags from files of one's own: what is known of users or items, a row for each, whether it has interactions or not.

Any column beside the id is a kind of tag. Text gives ``column:value``, for each value where ``|`` parts several, or
where Parquet has a list. Whole numbers with few different values are given as they are, other numbers in buckets of
about as many rows each. An empty cell gives none. What would be a tag of its own for nearly every row is left out.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from export.data.files import find
from export.data.ids import LONGEST, NUMBER, Ids
from export.data.numbers import Floats, bucketed, inexact
from export.data.pieces import Piece
from export.data.source import Source
from export.data.tables import names_of, read_pieces
from export.progress import say
from serving.errors import Failure

MANY = 100
"""Different values above which text that mostly occurs once is left out: a name, a description, a link."""

IDS = {"item": "items.item", "user_id": "users.user_id"}
"""What ``--columns`` calls the ids of a file that describes."""

Own = tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Described:
    """What a file says of users or of items.

    Attributes:
        file: the file, as it was named.
        tags: id -> its tags, of each that the file has.
        titles: id -> what it is called from here on; empty where no column is said to hold titles.
    """

    file: str
    tags: Mapping[str, Own]
    titles: Mapping[str, str]


def read_tags(source: Source, name: str) -> Described | None:
    """Read the file of users (``user_id``) or of items (``item``) that a source names; None: it names none.

    Raises:
        Failure: it cannot be read, lacks the column of ids or of titles, an id or a title is empty, or an id is there
            twice.
    """
    file = source.items if name == "item" else source.users
    if file is None:
        return None
    ids, titles, pieces = Ids(name), Ids("title"), list(_pieces(source, file, name))
    for piece in pieces:
        ids.add(piece)
        if "title" in piece.columns:
            titles.add(piece)
    if not pieces:
        raise Failure(f"{file} holds no row, expected one for each {name}")
    words, codes = ids.codes()
    names = [words[code] for code in codes]
    _refuse_twice(ids, names)
    columns = list(_columns(pieces))
    tags = {one: tuple(dict.fromkeys(chain(*(own[row] for own in columns)))) for row, one in enumerate(names)}
    called, places = titles.codes() if "title" in pieces[0].columns else ([], np.zeros(0, np.int32))
    return Described(file=file, tags=tags, titles=dict(zip(names, (called[at] for at in places), strict=False)))


def _pieces(source: Source, file: str, name: str) -> Iterator[Piece]:
    """Give the pieces of a file: its ids, perhaps titles, and the cells of each other column under ``column:``."""
    for path in find(file):
        named, found = _named(path, source, name)
        own = replace(source, columns=named)
        others = {f"{column}:": column for column in found if column and column not in named.values()}
        yield from (piece for piece in read_pieces(path, named | others, named, own) if len(piece))


def _named(path: Path, source: Source, name: str) -> tuple[dict[str, str], list[str]]:
    """Find what ids, and perhaps titles, are called in a file, and all that it has.

    The ids have the name that was given for this file, or the one that they have in the interactions, or ours.

    Raises:
        Failure: it has no such column, or cannot be read.
    """
    flag = IDS[name]
    titled = {"title": source.columns["title"]} if name == "item" and "title" in source.columns else {}
    theirs = source.theirs(name)
    # A number is a place in interactions without a header, and says nothing of this file.
    usual = [name] if theirs.isdecimal() else [theirs, name]
    ways = [source.columns[flag]] if flag in source.columns else usual
    for way in ways:
        named = {name: way, **titled}
        found = names_of(path, named, replace(source, columns=named))
        if way in found:
            break
    else:
        raise Failure(_lacking(path, ways[0], found, flag))
    if titled and titled["title"] not in found:
        raise Failure(_lacking(path, titled["title"], found, "title"))
    return named, found


def _lacking(path: Path, column: str, found: list[str], flag: str) -> str:
    return f"{path} has no column {column!r}; found {', '.join(found)}: --columns {flag}=NAME says which it is"


def _refuse_twice(ids: Ids, names: list[str]) -> None:
    """Refuse the first row whose id was there before."""
    rows: dict[str, int] = {}
    for number, one in enumerate(names):
        if rows.setdefault(one, number) != number:
            before, row = ids.find(rows[one])
            piece, twice = ids.find(number)
            piece.refuse_row(ids.name, twice, f"each once, and row {before.first + row + 1} of {before.path} has it")


def _columns(pieces: list[Piece]) -> Iterator[Sequence[Own]]:
    """Read each column of tags: `[n]` tags of the rows. One that can give none is left out, and that is said."""
    text = all(piece.text for piece in pieces)
    for kind in dict.fromkeys(key for piece in pieces for key in piece.columns if key.endswith(":")):
        try:
            found = _of_column(kind, _whole_column(pieces, kind), text=text)
        except _LeftOutError as left:
            say(f"column {kind[:-1]!r} of {pieces[0].path} gives no tags: {left}")
        else:
            yield found


class _LeftOutError(Exception):
    """Why a column is left out."""


def _whole_column(pieces: list[Piece], kind: str) -> Any:
    """Join the cells of a column, null where a file of several lacks it; as text where its type is not the same."""
    cells = [piece.columns.get(kind, pa.nulls(len(piece))) for piece in pieces]
    cells = [cell.cast(cell.type.value_type) if pa.types.is_dictionary(cell.type) else cell for cell in cells]
    types = {cell.type for cell in cells if not pa.types.is_null(cell.type)}
    joined = types.pop() if len(types) == 1 else pa.string()
    try:
        return pa.chunked_array([cell.cast(joined) for cell in cells])
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        raise _LeftOutError("its files have different types in it") from error


def _of_column(kind: str, column: Any, *, text: bool) -> Sequence[Own]:
    if pa.types.is_integer(column.type) or pa.types.is_floating(column.type) or pa.types.is_decimal(column.type):
        return _of_numbers(kind, np.asarray(column.cast(pa.float64(), safe=False).fill_null(np.nan)))
    if pa.types.is_list(column.type) or pa.types.is_large_list(column.type) or pa.types.is_fixed_size_list(column.type):
        if not _is_text(column.type.value_type) and not pa.types.is_integer(column.type.value_type):
            raise _LeftOutError(f"its type is {column.type}, expected lists of text")
        return _told_apart([_tags(kind, map(str, filter(None, cell or ()))) for cell in column.to_pylist()])
    if not _is_text(column.type) and not pa.types.is_boolean(column.type) and not pa.types.is_temporal(column.type):
        raise _LeftOutError(f"its type is {column.type}, expected text, numbers or lists of text")
    coded = column.cast(pa.string()).combine_chunks().dictionary_encode()
    words, codes = coded.dictionary.to_pylist(), coded.indices.fill_null(len(coded.dictionary)).to_pylist()
    filled = [word.strip() for word in words if word.strip()]
    if text and filled and all(map(NUMBER.fullmatch, filled)):
        values = np.array([float(word) if word.strip() else np.nan for word in words] + [np.nan])
        return _of_numbers(kind, values[codes])
    tags = [_tags(kind, word.split("|")) for word in words] + [()]
    return _told_apart([tags[code] for code in codes])


def _of_numbers(kind: str, values: Floats) -> list[Own]:
    if np.isinf(values).any():
        raise _LeftOutError("it holds infinity")
    if inexact(values):
        raise _LeftOutError(
            "it holds whole numbers of 2^53 and more, which are not told apart: a letter makes them text"
        )
    return [(kind + name,) if name else () for name in bucketed(values)]


def _is_text(kind: Any) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind))


def _tags(kind: str, values: Any) -> Own:
    return tuple(f"{kind}{value.strip()}" for value in values if value.strip())


def _told_apart(rows: list[Own]) -> list[Own]:
    """Leave out text that says who one is and not of what kind."""
    different = set(chain(*rows))
    if len(different) > max(MANY, sum(map(len, rows)) / 2):
        raise _LeftOutError(f"it has {len(different):,} different values, most of them once")
    if different and len(max(different, key=len)) > LONGEST:
        raise _LeftOutError(f"it has a value of more than {LONGEST:,} characters")
    return rows
