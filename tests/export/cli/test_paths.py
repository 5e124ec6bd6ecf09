"""The path of the data: which suffixes, folders of parts and links are read, and what is no data is said to be what."""

from __future__ import annotations

import gzip
import os
from pathlib import Path

import pytest
from command import parquet, read, refused, text
from command import said as run

SOME = "user_id,item\n1,a\n2,b\n"


@pytest.mark.parametrize("name", ["R.CSV", "r.tsv", "r.dat", "r.csv.gz", "r.gz", "r.DAT.GZ", "ratings", "packed"])
def test_a_suffix_may_be_any_in_any_case_or_none(tmp_path: Path, name: str) -> None:
    content = b"user_id\titem\n1\ta\n"
    packed = gzip.compress(content) if name.lower().endswith("gz") or name == "packed" else content
    assert "1 items: 'a'" in read(text(tmp_path, packed, name))


@pytest.mark.parametrize("name", ["part-0", "own.csv", "own.dat"])
def test_parquet_is_told_by_its_first_bytes_too(tmp_path: Path, name: str) -> None:
    assert "2 users: '1', '2'" in read(parquet(tmp_path, name, user_id=[1, 2], item=["a", "b"]))


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
