"""Text files as people have them, through the public command: what they give, and what is refused with its row."""
# ruff: noqa: E501 - a row of a table is a line

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest
from command import read, refused, text

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


def test_a_row_that_is_too_long_is_refused_in_little_memory(tmp_path: Path) -> None:
    rows = [f"{n},{'x' * 2_000_000 if n == 300 else n}" for n in range(400)]
    path = text(tmp_path, "user_id,item\n" + "\n".join(rows) + "\n")
    before = pa.total_allocated_bytes()
    assert "row 301: column 'item' is 'xxx" in refused(path)
    assert pa.total_allocated_bytes() - before < 100_000_000
    rows[300] = "300," + "y" * 40_000_000
    path.write_text("user_id,item\n" + "\n".join(rows) + "\n")
    assert "has a row of more than 8 MB: is a quotation mark not closed?" in refused(path)
