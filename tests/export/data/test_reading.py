"""Own data: what a file of interactions may look like, and how one that may not is refused."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from export.data.interactions import Interactions
from export.data.reading import read
from export.data.source import REQUIRED, Source
from export.data.tables import read_pieces
from serving.errors import Failure


def csv(folder: Path, text: str) -> Path:
    path = folder / "ratings.csv"
    path.write_text(text, encoding="utf-8")
    return path


def own(path: Path) -> Interactions:
    return read(Source(data=(str(path),)))


def test_a_csv_is_read_with_ids_as_they_are_written(tmp_path: Path) -> None:
    found = own(csv(tmp_path, "item,user_id,note,timestamp\nAmélie,007,x,20\nFargo,7,,10\nAmélie,7,z,5\n"))
    assert found.users.tolist() == ["007", "7"]
    assert found.items.tolist() == ["Amélie", "Fargo"]
    assert list(zip(found.user.tolist(), found.item.tolist(), found.timestamp.tolist(), strict=True)) == [
        (0, 0, 20),
        (1, 0, 5),
        (1, 1, 10),
    ]


def test_the_order_of_a_files_rows_does_not_matter(tmp_path: Path) -> None:
    one = own(csv(tmp_path, "user_id,item\nb,y\na,x\na,y\n"))
    other = own(csv(tmp_path, "user_id,item\na,y\nb,y\na,x\n"))
    assert one.fingerprint() == other.fingerprint()


def test_a_parquet_file_may_hold_numbers_and_times(tmp_path: Path) -> None:
    at = [datetime(1997, 9, 20, tzinfo=UTC), datetime(1998, 4, 23, tzinfo=UTC)]
    pq.write_table(pa.table({"user_id": [196, 22], "item": [242, 377], "timestamp": at}), tmp_path / "r.parquet")
    found = own(tmp_path / "r.parquet")
    assert found.users.tolist() == ["196", "22"]
    assert found.items.tolist() == ["242", "377"]
    assert found.timestamp.tolist() == [int(at[0].timestamp()), int(at[1].timestamp())]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "is empty, expected a header with user_id and item"),
        ("user_id,item\n", "holds no interactions"),
        ("user_id,movie\n1,Fargo\n", "has no column 'item'; found user_id, movie, expected user_id, item"),
        ("user_id,item\n1,Fargo\n2,\n", "row 2: column 'item' is empty"),
        (
            "user_id,item,timestamp\n1,Fargo,yesterday\n",
            "row 1: column 'timestamp' is 'yesterday', expected seconds since 1970, or a date such as",
        ),
        ("user_id,item\n1,Alien\n2,Fargo,x\n", "row 2: 3 columns, expected 2"),
        ("user_id,item\n1,Fargo\n2\n", "row 2: 1 columns, expected 2"),
    ],
)
def test_a_bad_csv_is_refused_with_the_row_and_the_column_named(tmp_path: Path, text: str, sentence: str) -> None:
    with pytest.raises(Failure, match=sentence):
        own(csv(tmp_path, text))


def test_a_file_that_is_missing_or_of_another_kind_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Failure, match=r"no file .*nothing\.csv, expected \.csv, \.tsv"):
        own(tmp_path / "nothing.csv")
    (tmp_path / "ratings.xlsx").write_bytes(b"PK")
    with pytest.raises(Failure, match=r"ends in \.xlsx, expected \.csv, \.tsv"):
        own(tmp_path / "ratings.xlsx")
    (tmp_path / "ratings.parquet").write_bytes(b"user_id,item\n1,Fargo\n")
    with pytest.raises(Failure, match=r"ratings\.parquet cannot be read"):
        own(tmp_path / "ratings.parquet")


def test_a_parquet_column_that_is_no_id_is_refused(tmp_path: Path) -> None:
    pq.write_table(pa.table({"user_id": [[1], [2]], "item": ["a", "b"]}), tmp_path / "r.parquet")
    with pytest.raises(Failure, match=r"column 'user_id' is list<.*>, expected text or whole numbers"):
        own(tmp_path / "r.parquet")


def test_of_a_large_parquet_file_a_few_pieces_are_held_at_a_time(tmp_path: Path) -> None:
    path, rows = tmp_path / "r.parquet", 3 << 20
    columns = {name: np.random.default_rng(1).integers(0, 1 << 60, rows) for name in REQUIRED}
    pq.write_table(pa.table(columns), path, row_group_size=1 << 18, use_dictionary=False, compression="none")
    before, held = pa.total_allocated_bytes(), []
    for piece in read_pieces(path, {name: name for name in REQUIRED}, REQUIRED, Source(data=(str(path),))):
        held.append(pa.total_allocated_bytes() - before)
        del piece
    assert len(held) == 3
    assert max(held) < 0.7 * path.stat().st_size, held
