"""Look at a version folder before anything in it is opened: who opens a pipe waits until somebody writes into it."""

from __future__ import annotations

import os
from pathlib import Path

from serving.errors import Failure


def check_regular(folder: Path) -> None:
    """Refuse a folder that holds anything but files and folders, or links to such.

    Raises:
        Failure: names what it holds, or that it cannot be listed.
    """

    def stop(error: OSError) -> None:
        raise Failure(f"{error.filename} cannot be listed: {error.strerror}") from error

    for where, _, names in os.walk(folder, onerror=stop):
        for name in names:
            path = Path(where, name)
            if path.exists() and not path.is_file():
                raise Failure(f"{path} is a pipe, a socket or a device, expected nothing but files in a version")
