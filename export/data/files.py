"""Own data: a CSV or Parquet file of interactions, refused with the row and the column when it is not one.

Columns: ``user_id`` and ``item``, and optionally ``rating`` (checked, not used: ratings are read as implicit
feedback) and ``timestamp`` (seconds since 1970). Other columns are ignored. Row 1 is the first after a CSV's header.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet as pq

from export.data.interactions import Interactions
from serving.errors import Failure

REQUIRED = ("user_id", "item")
NUMBERS = ("rating", "timestamp")


def read(path: Path) -> Interactions:
    """Read interactions from a ``.csv`` or ``.parquet`` file.

    Raises:
        Failure: the file is missing, unreadable or empty, lacks a column, or has a cell that is empty or no number.
    """
    table = _table(path)
    for name in REQUIRED:
        if name not in table.column_names:
            found = ", ".join(table.column_names) or "none"
            raise Failure(f"{path} has no column {name!r}; found {found}, expected user_id, item[, rating, timestamp]")
    if not table.num_rows:
        raise Failure(f"{path} holds no interactions, expected at least one row of user_id and item")
    users, items = (_ids(path, table, name) for name in REQUIRED)
    numbers = {name: _numbers(path, table, name) for name in NUMBERS if name in table.column_names}
    return Interactions.from_ids(users, items, numbers.get("timestamp"))


def _table(path: Path) -> pa.Table:
    if not path.is_file():
        raise Failure(f"no file {path}, expected a .csv or .parquet file of interactions")
    try:
        if path.suffix == ".parquet":
            return pq.read_table(path)
        if path.suffix == ".csv":
            if not path.read_bytes().strip():
                raise Failure(
                    f"{path} is empty, expected a header with user_id and item and a row for each interaction"
                )
            return _csv(path)
    except (pa.ArrowInvalid, OSError) as error:
        raise Failure(f"{path} cannot be read: {str(error).splitlines()[0]}") from error
    raise Failure(f"{path} ends in {path.suffix or 'nothing'}, expected .csv or .parquet")


def _csv(path: Path) -> pa.Table:
    """Read every column as text, so that the id 007 stays what it is and a bad number can be named by its row."""
    torn = []

    def refuse(row: pa.csv.InvalidRow) -> str:
        torn.append(f"{path}, row {row.number - 1}: {row.actual_columns} columns, expected {row.expected_columns}")
        return "skip"

    parse = pa.csv.ParseOptions(invalid_row_handler=refuse)
    in_order = pa.csv.ReadOptions(use_threads=False)  # only then does a row know its number
    with pa.csv.open_csv(path, read_options=in_order, parse_options=parse) as reader:
        names = reader.schema.names
    text = pa.csv.ConvertOptions(column_types=dict.fromkeys(names, pa.string()), strings_can_be_null=False)
    table = pa.csv.read_csv(path, read_options=in_order, parse_options=parse, convert_options=text)
    if torn:
        raise Failure(torn[0])
    return table


def _ids(path: Path, table: pa.Table, name: str) -> np.ndarray[Any, Any]:
    column = table.column(name)
    try:
        text = column.cast(pa.string())
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        raise Failure(f"{path}: column {name!r} is {column.type}, expected text or whole numbers") from error
    _refuse(path, name, pc.fill_null(pc.equal(text, ""), True), "is empty")
    return np.asarray(text.to_numpy(), dtype=np.str_)


def _numbers(path: Path, table: pa.Table, name: str) -> np.ndarray[Any, Any]:
    column = table.column(name)
    if pa.types.is_timestamp(column.type):
        column = column.cast(pa.timestamp("s"), safe=False).cast(pa.int64())
    cells = column.to_pylist()
    numbers = np.array([_number(cell) for cell in cells])
    _refuse(path, name, pa.array(~np.isfinite(numbers)), "is no number")
    return numbers


def _number(cell: Any) -> float:
    try:
        return float(cell)
    except (TypeError, ValueError):
        return np.nan


def _refuse(path: Path, name: str, bad: Any, why: str) -> None:
    row = pc.index(bad, True).as_py()
    if row >= 0:
        raise Failure(f"{path}, row {row + 1}: column {name!r} {why}")
