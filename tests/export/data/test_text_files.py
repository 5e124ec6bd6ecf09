"""Text files are left to the thread that reads them ahead: it keeps them open, and never comes back to Python."""

from __future__ import annotations

import gc
import tempfile
import time
from pathlib import Path

import psutil
import pyarrow as pa
import pytest

from export.data import text_files
from export.data.reading import read
from export.data.source import Source
from serving.errors import Failure

WANTED = {"user_id": "user_id", "item": "item"}


def is_open(path: Path) -> bool:
    return str(path) in {file.path for file in psutil.Process().open_files()}


def test_a_file_with_a_row_that_is_refused_is_closed_by_the_last_to_let_go_of_it(tmp_path: Path) -> None:
    path = tmp_path / "own.csv"
    path.write_text("user_id,item\n1," + "y" * (5 * text_files.BLOCK))
    with pytest.raises(Failure, match="a row of more than 8 MB") as refused:
        read(Source(data=(str(path),)))
    assert is_open(path)
    del refused
    gc.collect()
    end = time.monotonic() + 60
    while is_open(path):
        assert time.monotonic() < end
        time.sleep(0.01)


@pytest.mark.parametrize(
    ("separator", "encoding"), [("::", "utf-8"), (",", "utf-16"), ("::", "utf-16"), ("€", "utf-8")]
)
def test_what_has_to_be_converted_is_converted_before_it_is_read_ahead(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, separator: str, encoding: str
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    path = tmp_path / "own.dat"
    path.write_text(f"user_id{separator}item\n1{separator}Amélie\n", encoding=encoding)
    found = text_files.layout(path, WANTED, Source(separator=separator))
    with text_files._stream(path, found) as stream:
        assert type(stream) is pa.OSFile
        unit = "," if separator == "," else text_files.UNIT
        assert stream.read().decode() == f"user_id{unit}item\n1{unit}Amélie\n"
    assert list(tmp_path.iterdir()) == [path]
