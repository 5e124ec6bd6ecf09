"""Locks on folders: one process at a time has one, and it ends with the process, whatever ends that.

POSIX only: they are ``flock`` on the folder itself, so that nothing is left beside it.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from export.progress import say


@contextmanager
def locked(folder: Path, busy: str = "") -> Iterator[None]:
    """Hold a folder's lock, once nobody else does; ``busy`` is said where that has to be waited for."""
    try:
        lock = open_locked(folder, wait=not busy)
    except BlockingIOError:
        say(busy)
        lock = open_locked(folder)
    try:
        yield
    finally:
        os.close(lock)


def open_locked(folder: Path, *, wait: bool = True) -> int:
    """Take a folder's lock; returns the descriptor that holds it until it is closed.

    Raises:
        BlockingIOError: somebody else holds it, and it is not to be waited for.
        OSError: there is no such folder.
    """
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor
