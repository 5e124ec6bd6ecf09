"""Which columns and rows are read: what --columns, --separator, --min-rating and --weight choose, and may not be."""
# ruff: noqa: E501 - a row of a table is a line

from __future__ import annotations

from pathlib import Path

import pytest
from command import read, refused, text
from command import said as run

from export.data.reading import read as interactions
from export.data.source import Source


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
