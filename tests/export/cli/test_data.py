"""Data as people have it, through the public command: what each file gives, as a table, before TensorFlow is loaded."""
# ruff: noqa: E501 - a row of a table is a line

from __future__ import annotations

import gzip
import json
import os
from datetime import UTC, date, datetime, time
from decimal import Decimal
from pathlib import Path

import click.testing
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from export.cli.commands import app
from export.data.reading import read as interactions
from export.data.source import Source
from serving.errors import Failure


def run(*arguments: str) -> tuple[int, str]:
    """Run a command in this process; a Failure is what main() prints, and any other exception fails the test."""
    result = click.testing.CliRunner().invoke(app, list(arguments))
    if result.exception and not isinstance(result.exception, SystemExit | Failure):
        raise result.exception
    return result.exit_code, str(result.exception) if isinstance(result.exception, Failure) else result.output


def read(path: Path, *options: str) -> str:
    code, out = run("data", "--data", str(path), *options)
    assert code == 0, out
    return out


def refused(path: Path, *options: str) -> str:
    """Give the sentence that both `data` and `train` refuse a file with."""
    code, out = run("data", "--data", str(path), *options)
    trained = run("train", "lightfm", "--data", str(path), "--models", str(path.parent / "models"), *options)
    assert (code, out) == trained
    assert code == 1, out
    assert "\n" not in out
    return out


def text(folder: Path, content: str | bytes, name: str = "own.csv") -> Path:
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def parquet(folder: Path, name: str = "own.parquet", **columns: object) -> Path:
    pq.write_table(pa.table(columns), folder / name)
    return folder / name


READ = {
    "ids stay as they are written": ("user_id,item\n007,a\n7,A\n", ["2 users: '007', '7'", "2 items: 'A', 'a'"]),
    "a NUL within is part of an id": ("user_id,item\n1,x\0y\n1,x\n", [r"2 items: 'x', 'x\x00y'"]),
    "whole floats are whole numbers": ("user_id,item\n1.0,a\n2.0,b\n1.1e+16,b\n", ["3 users: '1', '11000000000000000', '2'"]),
    "whole numbers are exact beyond what floats hold": (
        "user_id,item\n9007199254740993,1\n9007199254740992,2\n1.0,3\n",
        ["3 users: '1', '9007199254740992', '9007199254740993'"],
    ),
    "a point among names is a name's": ("user_id,item\n1,2.0\n1,Film\n", ["2 items: '2.0', 'Film'"]),
    "CRLF and a byte order mark": ("\ufeffuser_id,item\r\n1,a\r\n", ["1 users: '1'", "1 items: 'a'"]),
    "quotes, commas and line breaks outside of ids": ('user_id,note,item\n1,"x\ny","a, ""b"""\n', ["1 items: 'a, \"b\"'"]),
    "semicolons": ("user_id;item;rating\n1;a;5\n", ["1 items: 'a'"]),
    "tabs": ("user_id\titem\n1\ta,b\n", ["1 items: 'a,b'"]),
    "pipes": ("user_id|item\n1|a\n", ["1 items: 'a'"]),
    "two colons": ("user_id::item::rating\n1::Alien: Resurrection::5\n2::b::4\n", ["2 items: 'Alien: Resurrection', 'b'"]),
    "a rating that is none is not looked at": ("user_id,item,rating\n1,a,like\n1,b,\\N\n1,c,NaN\n", ["3 interactions"]),
    "seconds": ("user_id,item,timestamp\n1,a,0\n1,b,86400.5\n", ["from 1970-01-01 00:00:00 to 1970-01-02 00:00:00"]),
    "dates": ("user_id,item,timestamp\n1,a,2024-01-31\n1,b,2024-02-01\n", ["from 2024-01-31 00:00:00 to 2024-02-01"]),
    "times": ("user_id,item,timestamp\n1,a,2024-01-31T12:00:00+01:00\n1,b,2024-01-31 12:00\n", ["from 2024-01-31 11:00:00 to 2024-01-31 12:00:00"]),
    "milliseconds, as they can only be": ("user_id,item,timestamp\n1,a,1706702400000\n1,b,1706788800000.5\n", ["from 2024-01-31 12:00:00 to 2024-02-01 12:00:00"]),
    "microseconds and nanoseconds": ("user_id,item,timestamp\n1,a,1706702400000000\n1,b,1706788800000000000\n", ["from 2024-01-31 12:00:00 to 2024-02-01 12:00:00"]),
    "the first and the last day": ("user_id,item,timestamp\n1,a,0001-01-01\n1,b,9999-12-31\n", ["from 0001-01-01 00:00:00 to 9999-12-31 00:00:00"]),
    "a line break in a header": ('user_id,"no\nte",item\n1,"x\ny",a\n2,z,b\n', ["2 items: 'a', 'b'"]),
    "what Python takes for a line break in a header": ("user_id,a\x0cb\u2028c,item\n1,x,a\n", ["1 items: 'a'"]),
    "carriage returns alone": ("user_id,item\r1,a\r2,b\r", ["2 items: 'a', 'b'"]),
    "a column without a name": (",user_id,item,\n0,1,a,\n", ["1 users: '1'", "1 items: 'a'"]),
    "blanks are part of an id": ("user_id,item\n 1,a\n1,a\n", ["2 users: ' 1', '1'"]),
    "one of each": ("user_id,item\n1,a\n", ["1 interactions of 1 users: '1'", "1 items: 'a'"]),
    "no times": ("user_id,item\n1,a\n", ["no times"]),
}  # fmt: skip


@pytest.mark.parametrize("case", READ)
def test_a_text_file_gives(tmp_path: Path, case: str) -> None:
    content, lines = READ[case]
    out = read(text(tmp_path, content))
    assert [line for line in lines if line not in out] == [], out


REFUSED = {
    "nothing": ("", "is empty, expected a header with user_id and item"),
    "only a header": ("user_id,item\n", "holds no interactions"),
    "only a header, unended": ("user_id,item", "holds no interactions"),
    "a column twice": ("user_id,item,user_id\n1,a,2\n", "has the column 'user_id' 2 times, expected once"),
    "other names": ("userId,movieId\n1,2\n", "has no column 'user_id' and no 'item'; found userId, movieId, expected user_id, item[, rating, timestamp]: --columns user_id=NAME,item=NAME says which they are"),
    "another name": ("userId,item\n1,2\n", "has no column 'user_id'; found userId, item, expected user_id, item[, rating, timestamp]: --columns user_id=NAME says which it is"),
    "no header": ("196,242,3\n186,302,3\n", ": --columns user_id=NAME,item=NAME says which they are; where there is no header, --columns user_id=1,item=2"),
    "an empty id": ("user_id,item\n1,a\n2,\n", "row 2: column 'item' is empty, expected text or a whole number"),
    "NaN among floats": ("user_id,item\n1.0,a\nNaN,b\n", "row 2: column 'user_id' is 'NaN', expected a whole number"),
    "a fraction": ("user_id,item\n1.0,a\n1.5,b\n", "row 2: column 'user_id' is '1.5', expected a whole number"),
    "too many cells": ("user_id,item\n1,a\n2,b,x\n", "row 2: 3 columns, expected 2"),
    "too few cells": ("user_id,item\n1,a\n\n2\n", "row 2: 1 columns, expected 2"),
    "an open quotation mark": ('user_id,item\n1,a\n2,"b\n3,c\n', "row 2: column 'item' is 'b\\n3,c\\n', expected one line: is a quotation mark not closed?"),
    "no date": ("user_id,item,timestamp\n1,a,2024-01-31\n1,b,31/01/2024\n", "row 2: column 'timestamp' is '31/01/2024', expected seconds since 1970, or a date such as 2024-01-31"),
    "no time": ("user_id,item,timestamp\n1,a,\n", "row 1: column 'timestamp' is empty, expected seconds since 1970"),
    "an endless time": ("user_id,item,timestamp\n1,a,1e300\n", "row 1: column 'timestamp' is '1e300', expected seconds since 1970"),
    "a time that Python would read": ("user_id,item,timestamp\n1,a,1_000\n", "row 1: column 'timestamp' is '1_000', expected seconds since 1970"),
    "infinity among floats": ("user_id,item\n1.0,a\ninf,b\n", "row 2: column 'user_id' is 'inf', expected a whole number"),
    "UTF-16 without its mark": ("user_id,item\n1,a\n".encode("utf-16-le"), "is full of NUL: if it is UTF-16 without its mark, --encoding utf-16-le says so"),
    "nothing but NUL": (b"\0" * 100, "is full of NUL"),
    "Parquet by another name": (b"PAR1\x15\x04", "cannot be read: "),
    "no text at all": (b"\x89PNG\r\n\x1a\n\xff", "line 1: the text is not utf-8"),
    "cp1252": ("user_id,item\n1,Am\xe9lie\n".encode("cp1252"), "line 2: the text is not utf-8: save it as UTF-8, or say what it is, such as --encoding cp1252"),
    "cp1252 far down": (b"user_id,item\n" + b"1,a\n" * 20000 + b"1,Am\xe9lie\n", "line 20002: the text is not utf-8"),
    "a cp1252 header": ("user_id,\xe9t\xe9\n1,a\n".encode("cp1252"), "line 1: the text is not utf-8"),
    "a NUL at the end": ("user_id,item\n1,x\n1,x\0\n", r"row 2: column 'item' is 'x\x00', expected no NUL at its end"),
    "a long id": ("user_id,item\n1,a\n1," + "b" * 1001 + "\n", "(1,001 characters), expected 1,000 characters at the most"),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_a_text_file_is_refused_with_file_row_and_column(tmp_path: Path, case: str) -> None:
    content, sentence = REFUSED[case]
    out = refused(text(tmp_path, content))
    assert out.startswith(str(tmp_path / "own.csv"))
    assert sentence in out
    assert not (tmp_path / "models").exists()


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


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-32", "utf-8-sig"])
def test_a_marked_encoding_is_read(tmp_path: Path, encoding: str) -> None:
    mark = "\ufeff" if encoding == "utf-16-le" else ""
    assert "'Amélie'" in read(text(tmp_path, (mark + "user_id,item\n1,Amélie\n").encode(encoding)))


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_a_mark_is_no_part_of_what_is_read_also_where_the_encoding_is_named(tmp_path: Path, encoding: str) -> None:
    mark = "" if encoding in ("utf-8-sig", "utf-16", "utf-32") else "\ufeff"
    named = text(tmp_path, (mark + "user_id::item\n1::Amélie\n").encode(encoding))
    assert "'Amélie'" in read(named, "--encoding", encoding)
    numbered = text(tmp_path, (mark + "1,Amélie\n").encode(encoding))
    assert "1 users: '1'" in read(numbered, "--encoding", encoding, "--columns", "user_id=1,item=2")


def test_an_encoding_that_is_named_is_read_and_one_that_does_not_exist_is_refused(tmp_path: Path) -> None:
    path = text(tmp_path, "user_id,item\n1,Amélie\n".encode("cp1252"))
    assert "'Amélie'" in read(path, "--encoding", "cp1252")
    for none in ("klingon", "hex", "base64", "rot13", "idna", "undefined", "", "a\0b"):
        assert refused(path, "--encoding", none).startswith(f"--encoding is {none!r}, expected one such as utf-8")


@pytest.mark.parametrize("name", ["R.CSV", "r.tsv", "r.dat", "r.csv.gz", "r.gz", "r.DAT.GZ", "ratings", "packed"])
def test_a_suffix_may_be_any_in_any_case_or_none(tmp_path: Path, name: str) -> None:
    content = b"user_id\titem\n1\ta\n"
    packed = gzip.compress(content) if name.lower().endswith("gz") or name == "packed" else content
    assert "1 items: 'a'" in read(text(tmp_path, packed, name))


@pytest.mark.parametrize("name", ["part-0", "own.csv", "own.dat"])
def test_parquet_is_told_by_its_first_bytes_too(tmp_path: Path, name: str) -> None:
    assert "2 users: '1', '2'" in read(parquet(tmp_path, name, user_id=[1, 2], item=["a", "b"]))


def test_columns_are_named_by_flag_also_where_there_is_no_header(tmp_path: Path) -> None:
    latest = text(tmp_path, "userId,movieId,rating,ts\n1,2,4.0,9\n")
    out = read(latest, "--columns", "user_id=userId,item=movieId", "--columns", "timestamp=ts")
    assert "1 items: '2'" in out
    ml = text(tmp_path, "1::1193::5::978300760\n2::661::3::978302109\n", "ratings.dat")
    out = read(ml, "--columns", "user_id=1,item=2,rating=3,timestamp=4", "--min-rating", "4")
    assert "1 of 2 rows are left out: their ratings are below 4" in out
    assert "1 users: '1'" in out
    given = text(tmp_path, "user_id/item\n1/a;b,c\n")
    assert "'a;b,c'" in read(given, "--separator", "/")


NUMBERED = {
    "a first row of the numbers": ("1,2,5\n1,3,5\n7,8,4\n", "user_id=1,item=2", ["2 users: '1', '7'", "3 items: '2', '3', '8'"]),
    "them in another order": ("2,1,5\n2,30,5\n7,80,4\n", "user_id=1,item=2", ["2 users: '2', '7'", "3 items: '1', '30', '80'"]),
    "them and text": ("1,2,Alien\n7,8,Brazil\n", "user_id=1,item=3", ["2 users: '1', '7'", "2 items: 'Alien', 'Brazil'"]),
    "a header as pandas writes it": ("0,1,2\n5,6,4\n", "user_id=0,item=1", ["1 users: '5'", "1 items: '6'"]),
    "that with its index": (",0,1\n0,5,6\n", "user_id=0,item=1", ["1 users: '5'", "1 items: '6'"]),
    "a header with one number": ("user_id,2\n5,6\n", "item=2", ["1 users: '5'", "1 items: '6'"]),
}  # fmt: skip


@pytest.mark.parametrize("case", NUMBERED)
def test_with_columns_by_number_there_is(tmp_path: Path, case: str) -> None:
    content, columns, lines = NUMBERED[case]
    out = read(text(tmp_path, content), "--columns", columns)
    assert [line for line in lines if line not in out] == [], out


@pytest.mark.parametrize("first", ["0,1,2", ",0,1,2"])
def test_a_first_line_that_may_be_a_header_or_a_row_is_refused(tmp_path: Path, first: str) -> None:
    out = refused(text(tmp_path, f"{first}\n5,6,4,3\n"), "--columns", "user_id=1,item=2")
    assert f"own.csv begins with {first}, a header or a row, which 1 and 2 of --columns fit both: expected" in out


@pytest.mark.parametrize(
    ("flags", "sentence"),
    [
        (["--columns", "user_id"], "--columns has 'user_id', expected OURS=THEIRS such as user_id=userId"),
        (["--columns", "user=uid"], "--columns names 'user', expected one of user_id, item, rating, timestamp"),
        (["--columns", "item=a,item=b"], "--columns names 'item' twice, expected once"),
        (["--columns", "user_id=item"], "--columns takes 'item' for user_id and for item, expected a column for each"),
        (
            ["--columns", "timestamp=rating,rating=rating"],
            "--columns takes 'rating' for rating and for timestamp, expected",
        ),
        (
            ["--columns", "user_id=1,item=2"],
            "has a header (user_id, item, rating), and --columns says 1 as if it had none: expected the name, user_id",
        ),
        (["--separator", "\0"], r"--separator is '\x00', expected what parts two columns"),
        (["--min-rating", "nan"], "--min-rating is nan, expected a number"),
        (["--columns", "timestamp=ts"], "has no column 'ts'; found user_id, item, rating"),
        (["--separator", ""], "--separator is '', expected what parts two columns, such as ';' or tab"),
        (["--min-rating", "6"], "has no rating of at least 6: pass a lower --min-rating"),
    ],
)
def test_a_flag_that_cannot_be_meant_is_refused(tmp_path: Path, flags: list[str], sentence: str) -> None:
    assert sentence in refused(text(tmp_path, "user_id,item,rating\n1,a,5\n"), *flags)


def test_the_least_rating_chooses_rows_and_needs_ratings_that_are_numbers(tmp_path: Path) -> None:
    rated = text(tmp_path, "user_id,item,rating\n1,a,5\n2,b,3.5\n3,c,4\n")
    assert "each row of" in read(rated)
    out = read(rated, "--min-rating", "4")
    assert "2 interactions of 2 users: '1', '3'" in out
    words = text(tmp_path, "user_id,item,rating\n1,a,like\n")
    assert "row 1: column 'rating' is 'like', expected a number" in refused(words, "--min-rating", "4")
    none = text(tmp_path, "user_id,item\n1,a\n")
    assert "has no column 'rating'" in refused(none, "--min-rating", "4")


NO_WEIGHTS = {
    "zero": ("0", "row 2: column 'plays' is '0', expected a number above 0 and up to 1e+09"),
    "less": ("-1.5", "row 2: column 'plays' is '-1.5', expected a number above 0"),
    "nothing": ("", "row 2: column 'plays' is empty, expected a number"),
    "text": ("often", "row 2: column 'plays' is 'often', expected a number"),
    "infinity": ("inf", "row 2: column 'plays' is 'inf', expected a number"),
    "too much": ("1e300", "row 2: column 'plays' is '1e300', expected a number above 0 and up to 1e+09"),
}


@pytest.mark.parametrize("case", NO_WEIGHTS)
def test_a_cell_that_is_no_weight_is_refused_with_its_row(tmp_path: Path, case: str) -> None:
    cell, sentence = NO_WEIGHTS[case]
    assert sentence in refused(text(tmp_path, f"user_id,item,plays\n1,a,3\n2,b,{cell}\n"), "--weight", "plays")


def test_a_column_weighs_the_rows_that_are_read(tmp_path: Path) -> None:
    path = text(tmp_path, "user_id,item,plays,rating\n2,b,6,5\n1,a,2,4\n1,b,9,1\n")
    found = interactions(Source(data=(str(path),), weight="plays", min_rating=4))
    assert found.weight is not None
    assert found.weight.tolist() == [2, 6]
    assert "whatever its rating" not in read(path, "--weight", "rating")
    for flags, lacking, told in (
        ([], "'often'", "--weight NAME says which it is"),
        (["--columns", "item=film"], "'film' and no 'often'", "--columns item=NAME --weight NAME says which they are"),
    ):
        assert refused(path, "--weight", "often", *flags) == (
            f"{path} has no column {lacking}; found user_id, item, plays, rating, "
            f"expected user_id, item[, rating, timestamp]: {told}"
        )
    sentence = (
        "--weight is for files of your own, and 100k is none: MovieLens has its ratings, and --min-rating for them"
    )
    assert run("data", "--weight", "rating") == (1, sentence)


@pytest.mark.parametrize("command", [["train", "lightfm"], ["evaluate", "two_tower"]])
def test_a_half_life_that_cannot_be_meant_is_told_before_the_training(tmp_path: Path, command: list[str]) -> None:
    path = text(tmp_path, "user_id,item\n" + "".join(f"{n % 9},{n % 7}\n" for n in range(60)))
    name = command[1]
    assert run(*command, "--half-life", "-1") == (1, f"{name}: half_life is -1.0, expected at least 0.0")
    assert run(*command, "--half-life", "inf") == (1, f"{name}: half_life is inf, expected a finite number")
    code, out = run(*command, "--data", str(path), "--half-life", "90")
    assert code == 1
    assert f"{name}: half_life 90 weighs interactions by their age, and the data has no timestamps" in out
    assert not (tmp_path / "models").exists()


def test_a_folder_of_parts_reads_as_one_table(tmp_path: Path) -> None:
    folder = tmp_path / "out.parquet"
    (folder / "day=1").mkdir(parents=True)
    parquet(folder, "part-0.snappy.parquet", user_id=[1, 2], item=["a", "b"])
    parquet(folder / "day=1", "part-1.PARQUET", user_id=[3], item=["a"])
    for other in ("_SUCCESS", ".part-0.snappy.parquet.crc", "_temporary.parquet", "notes.md"):
        (folder / other).write_text("x")
    (folder / "part-2.csv").touch()  # as Spark writes a part that had no rows
    assert "3 interactions of 3 users" in read(folder)
    one, other = text(tmp_path, "user_id,item\n1,a\n", "a.csv"), text(tmp_path, "user_id;item\n2;b\n", "b.csv")
    assert "2 interactions" in read(one, "--data", str(other))
    timed = text(tmp_path, "user_id,item,timestamp\n1,a,5\n", "c.csv")
    sentence = f"{one} has no column 'timestamp', and {timed} has one: expected it in all or none"
    assert refused(one, "--data", str(timed)) == sentence


def test_what_a_folder_holds_and_is_not_read_is_said_and_a_link_to_nothing_refused(tmp_path: Path) -> None:
    folder, elsewhere = tmp_path / "parts", tmp_path / "elsewhere"
    for made in (folder / "day=1", elsewhere):
        made.mkdir(parents=True)
    text(folder, "user_id,item\n1,a\n", "a.csv")
    (folder / "b.csv").symlink_to(text(elsewhere, "user_id,item\n2,b\n"))
    assert "not read" not in read(folder)
    text(folder / "day=1", "user_id,item\n3,c\n", "part-00000")
    os.mkfifo(folder / "pipe.csv")
    (folder / "sub").symlink_to(elsewhere)
    out = read(folder)
    assert out.startswith(
        f"{folder} holds what is not read: day=1/part-00000, pipe.csv, sub (a link to a folder); expected .csv, .tsv"
    )
    assert "2 interactions of 2 users" in out
    for number in range(9):
        (folder / f"c{number}").touch()
    assert " holds what is not read: c0, c1, c2, c3, c4, … (12 in all); expected .csv" in read(folder)
    (folder / "c.csv").symlink_to("gone.csv")
    sentence = f"{folder}/c.csv is a link to gone.csv, which is not there: mend or remove it"
    assert refused(folder) == sentence
    assert refused(text(tmp_path, SOME), "--items", str(folder)) == sentence


def test_what_is_no_data_is_refused_by_what_it_is(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    os.mkfifo(tmp_path / "pipe.csv")
    text(tmp_path, b"PK", "own.xlsx")
    text(tmp_path, "user_id,item\n1,a\n", "own.parquet")
    for path, sentence in {
        f"{tmp_path}/empty": "is a folder that holds nothing, expected .csv",
        f"{tmp_path}/nothing.csv": "no file ",
        f"{tmp_path}/own.xlsx": "ends in .xlsx, expected .csv, .tsv",
        f"{tmp_path}/own.parquet": "own.parquet cannot be read: ",
        f"{tmp_path}/pipe.csv": "pipe.csv is no file but a pipe or a device, expected .csv",
        "": "a file's name is empty, expected .csv",
        "gs://bucket/ratings.parquet": "gs://bucket/ratings.parquet is an address, expected a path on this machine",
        "https://host/r.csv": "is an address",
    }.items():
        code, out = run("data", "--data", path)
        assert (code, sentence in out) == (1, True), out


def test_a_row_that_is_too_long_is_refused_in_little_memory(tmp_path: Path) -> None:
    rows = [f"{n},{'x' * 2_000_000 if n == 300 else n}" for n in range(400)]
    path = text(tmp_path, "user_id,item\n" + "\n".join(rows) + "\n")
    before = pa.total_allocated_bytes()
    assert "row 301: column 'item' is 'xxx" in refused(path)
    assert pa.total_allocated_bytes() - before < 100_000_000
    rows[300] = "300," + "y" * 40_000_000
    path.write_text("user_id,item\n" + "\n".join(rows) + "\n")
    assert "has a row of more than 8 MB: is a quotation mark not closed?" in refused(path)


@pytest.mark.parametrize("command", [["train"], ["evaluate"], ["tune", "lightfm"], ["demo"]])
@pytest.mark.parametrize("seed", ["-1", "4294967296"])
def test_a_seed_out_of_range_is_told_with_flag_and_range(command: list[str], seed: str) -> None:
    code, out = run(*command, "--seed", seed)
    assert code == 2
    assert f"Invalid value for '--seed': {seed} is not in the range 0<=x<=4294967295" in " ".join(out.split())


def test_seeds_that_go_past_the_last_are_refused() -> None:
    code, out = run("evaluate", "--seed", "4294967295", "--seeds", "2")
    assert (code, out) == (1, "--seed 4294967295 and 2 --seeds go past the last seed, 4294967295")


@pytest.mark.parametrize(
    ("rate", "sentence"),
    [
        ("1e6", "of the model hold NaN, infinity or more than 1e+15: try a lower learning rate"),
        ("1e36", "lightfm: Not all estimated parameters are finite"),
    ],
)
def test_a_model_that_leaves_the_numbers_behind_says_what_helps(tmp_path: Path, rate: str, sentence: str) -> None:
    rows = [f"{user},Film {item}" for user in range(12) for item in range(9) if (user * item) % 4 != 1]
    path = text(tmp_path, "user_id,item\n" + "\n".join(rows) + "\n")
    flags = ["--recipe", "tutorial", "--models", str(tmp_path / "models"), "--learning-rate", rate]
    code, out = run("train", "lightfm", "--data", str(path), *flags)
    assert code == 1
    assert sentence in out
    assert "lower" in out


@pytest.mark.parametrize("command", [["evaluate", "lightfm", "--protocol", "temporal"]])
def test_what_needs_times_is_refused_without(tmp_path: Path, command: list[str]) -> None:
    path = text(tmp_path, "user_id,item\n1,a\n1,b\n2,a\n2,b\n")
    code, out = run(*command, "--data", str(path))
    assert code == 1
    assert out == "temporal parts each user's rows by time, and the data has no timestamps: take random-80-20"


def test_tune_without_times_goes_on_with_random_80_20_alone_and_says_so(tmp_path: Path) -> None:
    rows = [f"{user},Film {item}" for user in range(30) for item in range(12) if (user * item) % 4 != 1]
    path = text(tmp_path, "user_id,item\n" + "\n".join(rows) + "\n")
    code, out = run("tune", "lightfm", "--data", str(path), "--trials", "1", "--json", str(tmp_path / "found.json"))
    assert code == 0, out
    said = "the data has no timestamps: what is maximized is ndcg@10 of a validation part of random-80-20 alone"
    assert said in " ".join(out.split())
    found = json.loads((tmp_path / "found.json").read_text(encoding="utf-8"))
    assert list(found["ease"]) == ["random-80-20"]
    assert [sorted(trial) for trial in found["trials"]] == [["config", "random-80-20", "value"]]


SOME = "user_id,item\n1,a\n2,b\n"
TAGGED = {
    "text": ("item,genre\na,Comedy\nb, Drama \n", {"a": ["genre:Comedy"], "b": ["genre:Drama"]}),
    "several in a cell": ("item,g\na,x|y||x\nb,|\n", {"a": ["g:x", "g:y"], "b": []}),
    "several columns": ("kind,item,note\nx,a,\ny,b,z\n", {"a": ["kind:x"], "b": ["kind:y", "note:z"]}),
    "few whole numbers": ("item,age\na,25\nb,1.0\n", {"a": ["age:25"], "b": ["age:1"]}),
    "numbers": ("item,price\na,9.99\nb,1e+3\n", {"a": ["price:9.99"], "b": ["price:1000"]}),
    "numbers that begin with zero are text": ("item,zip\na,02139\nb,7\n", {"a": ["zip:02139"], "b": ["zip:7"]}),
    "NaN among numbers is none": ("item,age\na,NaN\nb,3\n", {"a": [], "b": ["age:3"]}),
    "nothing in a column": ("item,age\na,\nb,\n", {"a": [], "b": []}),
    "a column without a name, as pandas writes one": (",item,g\n0,a,x\n1,b,y\n", {"a": ["g:x"], "b": ["g:y"]}),
    "items without interactions": ("item,g\nc,x\nb,y\n", {"a": [], "b": ["g:y"], "c": ["g:x"]}),
    "nothing but ids": ("item\nz\n", {"a": [], "b": [], "z": []}),
    "semicolons": ("item;g\na;x,y\n", {"a": ["g:x,y"], "b": []}),
    "quotes": ('item,g\na,"x, y"\n', {"a": ["g:x, y"], "b": []}),
    "a colon in a name": ("item,a:b\na,c:d\n", {"a": ["a:b:c:d"], "b": []}),
}  # fmt: skip


def tags_of_items(**source: object) -> dict[str, list[str]]:
    found = interactions(Source(**source))  # type: ignore[arg-type]
    return dict(zip(found.items.tolist(), map(list, found.item_tags), strict=True))


@pytest.mark.parametrize("case", TAGGED)
def test_a_file_of_items_gives_tags(tmp_path: Path, case: str) -> None:
    content, tags = TAGGED[case]
    data, items = text(tmp_path, SOME), text(tmp_path, content, "items.csv")
    assert tags_of_items(data=(str(data),), items=str(items)) == tags
    out = read(data, "--items", str(items))
    assert f"{items} describes" in out
    kinds = {tag.partition(":")[0] for own in tags.values() for tag in own}
    assert all(kind in out.partition("tags of items: ")[2] for kind in kinds)
    assert ("tags of items" in out) == bool(kinds)


PARQUET_TAGS = {
    "lists": ([["x", "y"], None], {"a": ["t:x", "t:y"], "b": []}),
    "lists of numbers": ([[1, 2], []], {"a": ["t:1", "t:2"], "b": []}),
    "truth values": ([True, None], {"a": ["t:true"], "b": []}),
    "categories": (pa.array(["x|y", None]).dictionary_encode(), {"a": ["t:x", "t:y"], "b": []}),
    "decimals": ([Decimal("1.00"), Decimal("2.50")], {"a": ["t:1"], "b": ["t:2.5"]}),
    "float32": (pa.array([0.1, None], pa.float32()), {"a": ["t:0.1"], "b": []}),
    "digits that are text": (["1", "2.0"], {"a": ["t:1"], "b": ["t:2.0"]}),
    "days": ([date(2024, 1, 31), None], {"a": ["t:2024-01-31"], "b": []}),
    "bytes": ([b"x", b"y"], "its type is binary, expected text, numbers or lists of text"),
    "vectors": ([[0.1], [0.2]], "its type is list<element: double>, expected lists of text"),
    "records": ([{"x": 1}, {"x": 2}], "its type is struct<x: int64>, expected text, numbers or lists of text"),
    "infinity": ([1.0, float("inf")], "it holds infinity"),
    "numbers that float64 takes for one": ([2**53, 2**53 + 1], "it holds whole numbers of 2^53 and more, which are not told apart"),
    "lists of one length": (pa.array([["x", "y"], ["z", "x"]], pa.list_(pa.string(), 2)), {"a": ["t:x", "t:y"], "b": ["t:z", "t:x"]}),
    "long text": (["x" * 2000, "y"], "it has a value of more than 1,000 characters"),
}  # fmt: skip


@pytest.mark.parametrize("case", PARQUET_TAGS)
def test_a_parquet_column_gives_tags_or_is_left_out_and_that_is_said(tmp_path: Path, case: str) -> None:
    column, tags = PARQUET_TAGS[case]
    data, items = text(tmp_path, SOME), parquet(tmp_path, "items.parquet", item=["a", "b"], t=column)
    out = read(data, "--items", str(items))
    if isinstance(tags, str):
        assert f"column 't' of {items} gives no tags: {tags}" in out
        tags = {"a": [], "b": []}
    assert tags_of_items(data=(str(data),), items=str(items)) == tags


def test_many_numbers_come_in_ten_buckets_of_as_many_rows_each_whose_ends_are_there(tmp_path: Path) -> None:
    years = [1900 + row for row in range(100)]
    rows = [f"i{row:02},{years[row * 37 % 100]},{row / 8}" for row in range(100)]
    items = text(tmp_path, "item,year,price\n" + "\n".join(rows) + "\n", "items.csv")
    found = tags_of_items(data=(str(text(tmp_path, "user_id,item\n1,i00\n")),), items=str(items))
    for row in range(100):
        year, price = years[row * 37 % 100], row // 10 * 10
        tens = f"year:{year // 10 * 10}-{year // 10 * 10 + 9}"
        assert found[f"i{row:02}"] == [tens, f"price:{price / 8:g}-{(price + 9) / 8:g}"]


def test_numbers_of_which_most_are_one_have_fewer_buckets(tmp_path: Path) -> None:
    rows = [f"i{row:02},{max(0, row - 69)}" for row in range(100)]
    items = text(tmp_path, "item,sold\n" + "\n".join(rows) + "\n", "items.csv")
    found = tags_of_items(data=(str(text(tmp_path, "user_id,item\n1,i00\n")),), items=str(items))
    assert sorted({tag for own in found.values() for tag in own}) == ["sold:0", "sold:1-10", "sold:11-20", "sold:21-30"]


def test_text_that_says_who_one_is_gives_no_tags(tmp_path: Path) -> None:
    items = text(tmp_path, "item,name,g\n" + "".join(f"{n},Film {n},{n % 3}\n" for n in range(300)), "items.csv")
    out = read(text(tmp_path, "user_id,item\n1,0\n"), "--items", str(items))
    assert "column 'name' of " in out
    assert "gives no tags: it has 300 different values, most of them once" in out
    assert "tags of items: g; 300 of them have some\nmost often 'g:0' (100), 'g:1' (100), 'g:2' (100)\n" in out


def test_users_have_tags_and_those_without_interactions_are_users(tmp_path: Path) -> None:
    users = text(tmp_path, "user_id,age\n1,25\n9,18\n", "users.csv")
    out = read(text(tmp_path, SOME), "--users", str(users))
    assert "describes 1 of 2 users, and 1 that have no interactions" in out
    assert "2 interactions of 3 users: '1', '2', '9'" in out
    assert "tags of users: age; 2 of them have some" in out


def test_movielens_latest_small_with_titles_is_one_line(tmp_path: Path) -> None:
    ratings = text(tmp_path, "userId,movieId,rating,timestamp\n1,1,4.0,9\n1,2,4.0,8\n2,3,5.0,7\n", "ratings.csv")
    movies = (
        "movieId,title,genres\n1,Heat (1995),Action|Crime\n2,Alien (1979),Horror\n3,Heat (1995),Drama\n4,M (1931),\n"
    )
    columns = {"user_id": "userId", "item": "movieId", "title": "title"}
    own = {"data": (str(ratings),), "items": str(text(tmp_path, movies, "movies.csv")), "columns": columns}
    assert tags_of_items(**own) == {
        "Alien (1979)": ["genres:Horror"],
        "Heat (1995)": ["genres:Action", "genres:Crime", "genres:Drama"],
        "M (1931)": [],
    }
    found = interactions(Source(**own))  # type: ignore[arg-type]
    pairs = [(found.users[user], found.items[item]) for user, item in zip(found.user, found.item, strict=True)]
    assert pairs == [("1", "Alien (1979)"), ("1", "Heat (1995)"), ("2", "Heat (1995)")]
    flags = ["--items", own["items"], "--columns", "user_id=userId,item=movieId,title=title"]
    assert "with 3 items: 'Alien (1979)', 'Heat (1995)', 'M (1931)'" in read(ratings, *flags)  # type: ignore[arg-type]


def test_ids_may_be_called_otherwise_in_the_files_that_describe_also_without_a_header(tmp_path: Path) -> None:
    ratings = text(tmp_path, "1::1193::5\n2::661::3\n", "ratings.dat")
    named = text(tmp_path, "item,g\n661,x\n", "named.csv")
    out = read(ratings, "--columns", "user_id=1,item=2", "--items", str(named))
    assert "describes 1 of 2 items, and 0" in out
    movies = text(tmp_path, "1193::Cuckoo's Nest::Drama\n661::Peach::Musical\n", "movies.dat")
    out = read(ratings, "--columns", "user_id=1,item=2,items.item=1,title=2", "--items", str(movies))
    assert "with 2 items: \"Cuckoo's Nest\", 'Peach'" in out
    assert "tags of items: 3; 2 of them have some" in out
    users = text(tmp_path, "uid,age\n1,5\n", "users.csv")
    out = read(text(tmp_path, SOME), "--columns", "users.user_id=uid", "--users", str(users))
    assert "describes 1 of 2 users" in out


REFUSED_TAGS = {
    "an id twice, in two spellings": ("item,g\n1.0,x\n1,y\n", "row 2: column 'item' is '1', expected each once, and row 1 of "),
    "an id twice": ("item,g\na,x\nb,y\na,z\n", "row 3: column 'item' is 'a', expected each once, and row 1 of "),
    "an empty id": ("item,g\na,x\n,y\n", "row 2: column 'item' is empty, expected text or a whole number"),
    "no ids": ("movie,g\na,x\n", "has no column 'item'; found movie, g: --columns items.item=NAME says which it is"),
    "a column twice": ("item,g,g\na,x,y\n", "has the column 'g' 2 times, expected once"),
    "nothing": ("", "is empty, expected a header with item and rows below it"),
    "only a header": ("item,g\n", "holds no row, expected one for each item"),
    "a torn row": ("item,g\na\n", "row 1: 1 columns, expected 2"),
    "cp1252": ("item,g\na,\xe9\n".encode("cp1252"), "line 2: the text is not utf-8"),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED_TAGS)
def test_a_file_of_items_is_refused_with_file_and_row(tmp_path: Path, case: str) -> None:
    content, sentence = REFUSED_TAGS[case]
    items = text(tmp_path, content, "items.csv")
    out = refused(text(tmp_path, SOME), "--items", str(items))
    assert out.startswith(str(items))
    assert sentence in out


def test_an_id_that_two_files_of_a_folder_have_is_refused_with_both(tmp_path: Path) -> None:
    (tmp_path / "items").mkdir()
    one = text(tmp_path / "items", "item,g\nb,x\na,y\n", "1.csv")
    other = text(tmp_path / "items", "item,h\nc,x\na,y\n", "2.csv")
    sentence = f"{other}, row 2: column 'item' is 'a', expected each once, and row 2 of {one} has it"
    assert refused(text(tmp_path, SOME), "--items", str(tmp_path / "items")) == sentence
    text(tmp_path / "items", "item,h\nc,x\n", "2.csv")
    found = tags_of_items(data=(str(text(tmp_path, SOME)),), items=str(tmp_path / "items"))
    assert found == {"a": ["g:y"], "b": ["g:x"], "c": ["h:x"]}


@pytest.mark.parametrize(
    ("flags", "sentence"),
    [
        (
            ["--columns", "title=t"],
            "--columns names 'title', a column of a file that describes items, and no such file is read",
        ),
        (["--columns", "users.user_id=t"], "--columns names 'users.user_id', a column of a file that describes users"),
        (["--items", "nothing.csv"], "no file nothing.csv, expected .csv"),
        (["--users", "s3://bucket/users.csv"], "s3://bucket/users.csv is an address"),
    ],
)
def test_a_flag_of_tags_that_cannot_be_meant_is_refused(tmp_path: Path, flags: list[str], sentence: str) -> None:
    assert sentence in refused(text(tmp_path, SOME), *flags)


@pytest.mark.parametrize("numbers", [["0"], ["5", "6"]])
def test_a_sample_of_users_that_cannot_be_meant_is_refused(numbers: list[str]) -> None:
    code, out = run("evaluate", *(part for number in numbers for part in ("--users", number)))
    found = " and ".join(numbers)
    assert (code, out) == (1, f"--users is {found}, expected one number, 1 or more, or a file of users")


def test_a_report_or_search_that_cannot_be_written_is_told_before_the_training(tmp_path: Path) -> None:
    data = text(tmp_path, "user_id,item\n" + "".join(f"u{n % 7},i{n % 5}\n" for n in range(35)))
    report = tmp_path / "report" / "report.html"
    report.mkdir(parents=True)
    flags = ["--recipe", "tutorial", "--no-baselines", "--report", str(tmp_path / "report")]
    code, out = run("evaluate", "lightfm", "--data", str(data), *flags)
    assert (code, out) == (1, f"{report} cannot be written: Is a directory; nothing was trained")
    code, out = run("tune", "lightfm", "--data", str(data), "--trials", "1", "--json", str(data / "tuned.json"))
    assert (code, out) == (1, f"{data}/tuned.json cannot be written: File exists; nothing was trained")


def test_the_figures_of_a_sample_are_not_recorded() -> None:
    code, out = run("evaluate", "lightfm", "--users", "5", "--record")
    assert (code, out) == (1, "--record keeps the figures of all users, expected no number of --users beside it")


def test_evaluate_takes_a_sample_of_users_and_a_file_of_their_tags(tmp_path: Path) -> None:
    rows = [f"u{user},i{item}" for user in range(20) for item in range(12) if user % 2 == item % 2]
    data = text(tmp_path, "user_id,item\n" + "\n".join(rows) + "\n")
    items = text(tmp_path, "item,g\n" + "".join(f"i{item},{item % 2}\n" for item in range(14)), "items.csv")
    users = text(tmp_path, "user_id,g\n" + "".join(f"u{user},{user % 2}\n" for user in range(22)), "users.csv")
    flags = ["--protocol", "new-items", "--recipe", "tutorial", "--items", str(items), "--users", str(users)]
    code, out = run("evaluate", "lightfm", "--data", str(data), *flags, "--users", "5", "--no-baselines")
    assert code == 0, out
    assert "describes 20 of 20 users, and 2 that have no interactions" in out
    assert "lightfm" in out
    code, out = run("evaluate", "lightfm", "--data", str(data), *flags, "--users", str(items))
    assert (code, out) == (1, "--users is given 2 times, expected one file, or a folder of files")


def test_a_title_that_is_missing_is_refused(tmp_path: Path) -> None:
    items = text(tmp_path, "item,title\na,Alien\nb,\n", "items.csv")
    out = refused(text(tmp_path, SOME), "--items", str(items), "--columns", "title=title")
    assert out == f"{items}, row 2: column 'title' is empty, expected text or a whole number"
    out = refused(text(tmp_path, SOME), "--items", str(items), "--columns", "title=name")
    assert out == f"{items} has no column 'name'; found item, title: --columns title=NAME says which it is"


@pytest.mark.parametrize("flag", ["--items", "--users"])
def test_movielens_takes_no_tags_from_files(flag: str) -> None:
    code, out = run("data", "--data", "100k", flag, "x.csv")
    assert (code, out) == (1, f"{flag} is for files of your own, and 100k is none: MovieLens has its tags")


@pytest.mark.parametrize(
    ("flag", "value", "bound"), [("threads", 100_000, 1025), ("max_sampled", 2**31, 2**31)], ids=["threads", "sampled"]
)
def test_numbers_that_lightfm_cannot_take_are_refused(flag: str, value: int, bound: int) -> None:
    sentence = f"lightfm: {flag} is {value}, expected at least 1 and below {bound}"
    assert run("train", "lightfm", f"--{flag.replace('_', '-')}", str(value)) == (1, sentence)
