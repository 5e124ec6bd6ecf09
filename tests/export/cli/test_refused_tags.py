"""Files that describe items and users, and flags about them, that are refused: with file, row and column."""
# ruff: noqa: E501 - a row of a table is a line

from __future__ import annotations

from pathlib import Path

import pytest
from command import refused, text
from command import said as run

SOME = "user_id,item\n1,a\n2,b\n"
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
