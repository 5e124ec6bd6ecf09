"""Columns of a Parquet file as people have them, through the public command: what is an id, what is a time, what none."""
# ruff: noqa: E501 - a row of a table is a line

from __future__ import annotations

from datetime import UTC, date, datetime, time
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pytest
from command import parquet, read, refused, text

AT = datetime(2024, 1, 31, 12, tzinfo=UTC)
COLUMNS = {
    "whole floats": ([1.0, 2.0], "'1', '2'"),
    "large floats": ([1.1e16, -0.0], "'0', '11000000000000000'"),
    "whole decimals": ([Decimal("7.00"), Decimal("8.00")], "'7', '8'"),
    "unsigned numbers": (pa.array([2**64 - 1, 3], pa.uint64()), "'18446744073709551615', '3'"),
    "categories": (pa.array(["b", "a"]).dictionary_encode(), "'a', 'b'"),
    "categories of numbers": (pa.array([5, 4]).dictionary_encode(), "'4', '5'"),
    "a category that is not met": (pa.DictionaryArray.from_arrays([0, 2], ["b", "", "a"]), "'a', 'b'"),
    "large text": (pa.array(["b", "a"], pa.large_string()), "'a', 'b'"),
    "text views": (pa.array(["b", "a"], pa.string_view()), "'a', 'b'"),
    "NUL": (["x", "x\0y"], r"'x', 'x\x00y'"),
    "line breaks": (["x\ny", "x"], r"'x', 'x\ny'"),
}


@pytest.mark.parametrize("case", COLUMNS)
def test_ids_of_a_parquet_column_are(tmp_path: Path, case: str) -> None:
    column, ids = COLUMNS[case]
    assert f"2 users: {ids}\n" in read(parquet(tmp_path, user_id=column, item=["a", "b"]))


def test_categories_counted_in_few_bytes_are_read_beside_others_and_beside_text(tmp_path: Path) -> None:
    for name, count, kind in (("a", 120, pa.int8()), ("b", 240, pa.uint8()), ("c", 400, pa.int16())):
        users = pa.DictionaryArray.from_arrays(pa.array(range(count), kind), [f"{name}{n}" for n in range(count)])
        items = pa.DictionaryArray.from_arrays(pa.array([0] * count, kind), pa.array([7]))
        parquet(tmp_path, f"{name}.parquet", user_id=users, item=items)
    text(tmp_path, "user_id,item\nd,7\n")
    assert "761 interactions of 761 users: 'a0', 'a1', 'a10', 'a100', 'a101', …\nwith 1 items: '7'\n" in read(tmp_path)


NO_IDS = {
    "NaN": ([1.0, float("nan")], "row 2: column 'user_id' is empty, expected text or a whole number"),
    "infinity": ([1.0, float("inf")], "row 2: column 'user_id' is inf, expected text or a whole number"),
    "a fraction": ([1.0, 1.5], "row 2: column 'user_id' is 1.5, expected text or a whole number"),
    "a fraction among decimals": ([Decimal("1.0"), Decimal("1.5")], "row 2: column 'user_id' is Decimal('1.5'), expected"),
    "null": (["a", None], "row 2: column 'user_id' is empty"),
    "null among categories": (pa.array(["a", None]).dictionary_encode(), "row 2: column 'user_id' is empty"),
    "nothing but null": ([None, None], "row 1: column 'user_id' is empty"),
    "a NUL at the end": (["a", "a\0"], r"row 2: column 'user_id' is 'a\x00', expected no NUL at its end"),
    "empty text": (["a", ""], "row 2: column 'user_id' is empty"),
    "lists": ([[1], [2]], "column 'user_id' is list<element: int64>, expected text or whole numbers"),
    "bytes": ([b"a", b"b"], "column 'user_id' is binary, expected text or whole numbers"),
    "UUIDs": (pa.array([b"0" * 16, b"1" * 16], pa.binary(16)), "column 'user_id' is fixed_size_binary[16], expected"),
    "truth values": ([True, False], "column 'user_id' is bool, expected text or whole numbers"),
    "dates": ([AT, AT], "column 'user_id' is timestamp[us, tz=UTC], expected text or whole numbers"),
}  # fmt: skip


@pytest.mark.parametrize("case", NO_IDS)
def test_a_parquet_column_that_holds_no_ids_is_refused(tmp_path: Path, case: str) -> None:
    column, sentence = NO_IDS[case]
    assert sentence in refused(parquet(tmp_path, user_id=column, item=["a", "b"]))


LATER = datetime(2024, 2, 1, 12, tzinfo=UTC)
TIMES = {
    "numbers": [1706702400, 1706788800],
    "floats": [1706702400.7, 1706788800.9],
    "decimals": [Decimal("1706702400"), Decimal("1706788800")],
    "moments with a zone": [AT, LATER],
    "moments without": [AT.replace(tzinfo=None), LATER.replace(tzinfo=None)],
    "text": ["2024-01-31 12:00:00", "2024-02-01 12:00:00"],
    **{f"timestamp[{unit}]": pa.array([AT, LATER], pa.timestamp(unit, "Asia/Tokyo")) for unit in ("s", "ms", "us", "ns")},
}  # fmt: skip


@pytest.mark.parametrize("case", TIMES)
def test_times_of_a_parquet_column_are(tmp_path: Path, case: str) -> None:
    out = read(parquet(tmp_path, user_id=["1", "2"], item=["a", "b"], timestamp=TIMES[case]))
    assert "from 2024-01-31 12:00:00 to 2024-02-01 12:00:00 UTC" in out


def test_days_and_moments_before_1970_are_times(tmp_path: Path) -> None:
    days = parquet(tmp_path, user_id=["1", "2"], item=["a", "b"], timestamp=[date(1969, 12, 31), date(1970, 1, 2)])
    assert "from 1969-12-31 00:00:00 to 1970-01-02 00:00:00" in read(days)


@pytest.mark.parametrize(
    ("column", "sentence"),
    [
        ([1, None], "row 2: column 'timestamp' is empty, expected seconds since 1970"),
        ([1.0, float("nan")], "row 2: column 'timestamp' is empty, expected seconds since 1970"),
        ([AT, None], "row 2: column 'timestamp' is empty, expected seconds since 1970"),
        ([True, False], "column 'timestamp' is bool, expected seconds since 1970, or a date"),
        ([-(2**63), 1], "row 1: column 'timestamp' is -9223372036854775808, expected seconds since 1970"),
        ([time(1), time(2)], "column 'timestamp' is time64[us], expected seconds since 1970, or a date"),
    ],
)
def test_a_parquet_column_that_holds_no_times_is_refused(tmp_path: Path, column: list[object], sentence: str) -> None:
    assert sentence in refused(parquet(tmp_path, user_id=["1", "2"], item=["a", "b"], timestamp=column))
