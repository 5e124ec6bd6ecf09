"""Files that are tried before long work."""

from __future__ import annotations

from pathlib import Path

import pytest

from export.writable import try_to_write
from serving.errors import Failure


def test_a_file_that_cannot_be_written_is_refused_beforehand(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(Failure, match=r"file/out\.json cannot be written: .*; nothing was trained"):
        try_to_write(tmp_path / "file" / "out.json")
    with pytest.raises(Failure, match=r"cannot be written: Is a directory; nothing was trained"):
        try_to_write(tmp_path)
    try_to_write(tmp_path / "new" / "out.json")
    assert not (tmp_path / "new" / "out.json").exists()
