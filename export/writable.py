"""Files that are written after long work are tried before it."""

from __future__ import annotations

import errno
import os
import tempfile
from pathlib import Path

from serving.errors import Failure

BLOCK = 65536
"""Bytes that are written to find out whether a folder is full."""


def try_to_write(*paths: Path) -> None:
    """Refuse files that could not be written later; their folders are made, they are not.

    Raises:
        Failure: one cannot be written, or is a folder.
    """
    for path in paths:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=path.parent) as trial:
                trial.write(bytes(BLOCK))
            if path.is_dir():
                raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
            if path.exists() and not os.access(path, os.W_OK):
                raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        except OSError as error:
            raise Failure(f"{path} cannot be written: {error.strerror}; nothing was trained") from error
