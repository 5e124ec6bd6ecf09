"""A file that is read ahead is closed by nobody but its reader."""

from __future__ import annotations

import io
import time
from pathlib import Path

import pyarrow as pa
import pytest

from export.data import text_files
from export.data.reading import read
from export.data.source import Source
from serving.errors import Failure


class SlowDisk(io.RawIOBase):
    """A file of which all but the beginning takes a while; tells whether it was closed meanwhile."""

    def __init__(self, path: Path) -> None:
        self.file, self.reading, self.torn = path.open("rb"), False, False

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        if self.file.tell():
            self.reading = True
            time.sleep(0.3)
        data = self.file.read(size)
        self.reading = False
        return data

    def close(self) -> None:
        self.torn = self.torn or self.reading
        self.file.close()
        super().close()


def test_a_file_that_is_refused_is_not_closed_while_it_is_read_ahead(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, disks = tmp_path / "own.csv", []

    def opened(path: Path) -> pa.PythonFile:
        disks.append(SlowDisk(path))
        return pa.PythonFile(disks[-1], mode="r")

    path.write_text("user_id,item\n1,a\n,b\n" + "1,a\n" * (3 * text_files.BLOCK // 4))
    monkeypatch.setattr(text_files, "_unpacked", opened)
    with pytest.raises(Failure, match="row 2: column 'user_id' is empty"):
        read(Source(data=(str(path),)))
    assert [disk.torn for disk in disks] == [False, False]
