"""Put a version in place: written beside, proven, and renamed in one step.

A server takes every folder whose name is a number for a version, at any moment. So a version is written under a name
that is no number, proven there, and appears whole by one rename. A process that dies on the way leaves a folder no
server reads; the next publish finds that nobody holds its lock and removes it.

POSIX only: the locks are ``flock`` on the folders themselves, so that they end with the process, whatever ends it.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from serving.errors import Failure

Step = Callable[[Path], None]
"""Takes the folder being written."""

_STAGING, _REMOVING, _FAILED = ".staging-", ".removing-", "failed-"


def publish(folder: Path, *, write: Step, prove: Step, keep: int = 3) -> Path:
    """Write a version, prove it, and make it the newest of its model.

    Args:
        folder: the model's folder, ``models/<model>``; made when it is not there.
        write: writes the whole version into the folder it is given.
        prove: raises Failure when what was written does not answer as it must.
        keep: old versions left beside the new one.

    Returns:
        The version's folder; its name is one more than the highest number there was.

    Raises:
        Failure: the proof failed; nothing was published, and what was written is kept under a name that says so.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with _staging(folder) as staging:
        write(staging)
        try:
            prove(staging)
        except Failure as failure:
            aside = folder / f"{_FAILED}{datetime.now(UTC):%Y%m%dT%H%M%SZ}-{staging.name.removeprefix(_STAGING)}"
            staging.rename(aside)
            raise Failure(f"{folder.name} was not published: {failure}; what was written is in {aside}") from failure
        with _locked(folder):
            version = folder / str(max(versions(folder), default=0) + 1)
            staging.rename(version)
            _prune(folder, keep)
    return version


def versions(folder: Path) -> list[int]:
    """List a model's version numbers, ascending."""
    return sorted(int(path.name) for path in folder.iterdir() if path.name.isdecimal() and path.is_dir())


@contextmanager
def _staging(folder: Path) -> Iterator[Path]:
    """Make a locked folder to write into; it is gone afterwards unless it was renamed."""
    with _locked(folder):  # so that nobody sweeps the new folder away before it is locked itself
        _sweep(folder)
        staging = folder / f"{_STAGING}{uuid.uuid4().hex[:8]}"
        staging.mkdir()
        lock = _open_locked(staging)
    try:
        yield staging
    finally:
        shutil.rmtree(staging, ignore_errors=True)
        os.close(lock)


def _sweep(folder: Path) -> None:
    """Remove what publishes that died have left: staging folders that nobody holds, removals half done."""
    for path in folder.glob(f"{_STAGING}*"):
        try:
            os.close(_open_locked(path, wait=False))
        except (BlockingIOError, FileNotFoundError):  # held by a living publish, or just finished with
            continue
        shutil.rmtree(path, ignore_errors=True)
    for path in folder.glob(f"{_REMOVING}*"):
        shutil.rmtree(path, ignore_errors=True)


def _prune(folder: Path, keep: int) -> None:
    """Remove all but the newest version and ``keep`` before it, each renamed first so that no half of it is loaded."""
    for number in versions(folder)[: -1 - keep]:
        doomed = folder / f"{_REMOVING}{number}-{uuid.uuid4().hex[:8]}"
        (folder / str(number)).rename(doomed)
        shutil.rmtree(doomed, ignore_errors=True)


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    lock = _open_locked(folder)
    try:
        yield
    finally:
        os.close(lock)


def _open_locked(folder: Path, *, wait: bool = True) -> int:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor
