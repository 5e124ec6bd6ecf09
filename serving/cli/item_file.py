"""Read a file of items, one a line, as other programs write them."""

from __future__ import annotations

import sys
from pathlib import Path

from serving.errors import Failure


def read_items(path: str) -> list[str]:
    """Read the items of a UTF-8 file, or of standard input for ``-``; empty lines are none.

    Raises:
        Failure: there is no such file, it is no text, or it names nothing: no item named would mean all of them.
    """
    try:
        data = sys.stdin.buffer.read() if path == "-" else Path(path).read_bytes()
    except OSError as error:
        raise Failure(f"{path} cannot be read: {error.strerror}; expected a file of items, one a line") from error
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise Failure(f"{path} is no UTF-8 in line {line}, expected items in UTF-8, one a line") from error
    # Not splitlines: an item may hold what Unicode takes for the end of a line.
    items = [line for line in text.replace("\r\n", "\n").split("\n") if line]
    if not items:
        raise Failure(f"{path} names no item, expected one a line")
    return items
