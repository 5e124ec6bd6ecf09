"""Files that describe items and users: the tags, ids and titles that they give, alone and in a folder."""
# ruff: noqa: E501 - a row of a table is a line

from __future__ import annotations

from datetime import date
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pytest
from command import parquet, read, refused, text

from export.data.reading import read as interactions
from export.data.source import Source

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


def test_an_id_that_two_files_of_a_folder_have_is_refused_with_both(tmp_path: Path) -> None:
    (tmp_path / "items").mkdir()
    one = text(tmp_path / "items", "item,g\nb,x\na,y\n", "1.csv")
    other = text(tmp_path / "items", "item,h\nc,x\na,y\n", "2.csv")
    sentence = f"{other}, row 2: column 'item' is 'a', expected each once, and row 2 of {one} has it"
    assert refused(text(tmp_path, SOME), "--items", str(tmp_path / "items")) == sentence
    text(tmp_path / "items", "item,h\nc,x\n", "2.csv")
    found = tags_of_items(data=(str(text(tmp_path, SOME)),), items=str(tmp_path / "items"))
    assert found == {"a": ["g:y"], "b": ["g:x"], "c": ["h:x"]}
