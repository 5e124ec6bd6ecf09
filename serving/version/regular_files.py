"""Look at a version folder before anything in it is opened: who opens a pipe waits until somebody writes into it."""

from __future__ import annotations

import os
from collections.abc import Collection
from pathlib import Path

from google.protobuf.message import DecodeError

from serving.errors import Failure

MOST_FILES = 10_000
"""Files and folders of a version, which has some thirty: a link may lead to a whole disk."""

MOST_BYTES = (1 << 31) - 1
"""Bytes of the largest message that there can be."""


def check_regular(folder: Path) -> None:
    """Refuse a folder that holds anything but files and folders, or links to such; what is linked is looked at too.

    Raises:
        Failure: names what it holds, or that it cannot be listed, or that there is no end of it.
    """
    seen, count = set[tuple[int, int]](), 0

    def stop(error: OSError) -> None:
        raise Failure(f"{error.filename} cannot be listed: {error.strerror}") from error

    for where, folders, names in os.walk(folder, onerror=stop, followlinks=True):
        here = Path(where).stat()
        if (here.st_dev, here.st_ino) in seen:  # a link back
            folders.clear()
            continue
        seen.add((here.st_dev, here.st_ino))
        count += len(folders) + len(names)
        if count > MOST_FILES:
            raise Failure(f"{folder} holds more than {MOST_FILES} files, or links to as many: no version has as many")
        for name in names:
            path = Path(where, name)
            if path.exists() and not path.is_file():
                raise Failure(f"{path} is a pipe, a socket or a device, expected nothing but files in a version")


def read_message(path: Path, begins: Collection[bytes]) -> bytes:
    """Read a file that can be a message, as its size and its first byte tell: a file of gigabytes may be all hole.

    Raises:
        DecodeError: it can be none.
        OSError: it cannot be read.
    """
    size = path.stat().st_size
    with path.open("rb") as file:
        first = file.read(1)
        if size > MOST_BYTES or (begins and first not in begins):
            raise DecodeError(f"it holds {size} bytes and begins with {first!r}")
        return first + file.read()
