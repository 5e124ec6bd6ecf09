"""Put a version in place: written beside, proven, and renamed in one step.

A server takes every folder whose name is a number for a version, at any moment. So a version is written under a name
that is no number, proven there, and appears whole by one rename. A process that dies on the way leaves a folder no
server reads; the next publish finds that nobody holds its lock and removes it. What is renamed is on the disk before,
file by file, and the rename after: a machine that loses its power keeps the version whole or not at all, too.
"""

from __future__ import annotations

import os
import shutil
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from export.locks import locked, open_locked
from export.progress import say
from export.publishing.held import held, removable
from serving.errors import Failure
from serving.version.numbering import HIGHEST, version_entries

Step = Callable[[Path], None]
"""Takes the folder being written."""

TRIAL = 2**20
"""Bytes that are written to find out whether there is any room."""

_STAGING, _REMOVING, _FAILED = ".staging-", ".removing-", "failed-"


def publish(folder: Path, *, write: Step, prove: Step, keep: int = 3, config: Path | None = None) -> Path:
    """Write a version, prove it, and make it the newest of its model.

    Args:
        folder: the model's folder, ``models/<model>``; made when it is not there.
        write: writes the whole version into the folder it is given.
        prove: raises Failure when what was written does not answer as it must.
        keep: old versions left beside the new one. What is no folder is never removed; of a link, the link goes.
        config: a models.config whose versions stay, too; that of the models folder is heeded in any case.

    Returns:
        The version's folder; its name is one more than the highest number there was.

    Raises:
        Failure: the proof failed; nothing was published, and what was written is kept under a name that says so. Or
            see prepare.
    """
    prepare(folder, config=config)
    with _staging(folder) as staging:
        write(staging)
        try:
            prove(staging)
        except Failure as failure:
            aside = folder / f"{_FAILED}{datetime.now(UTC):%Y%m%dT%H%M%SZ}-{staging.name.removeprefix(_STAGING)}"
            staging.rename(aside)
            raise Failure(f"{folder.name} was not published: {failure}; what was written is in {aside}") from failure
        _flush(staging)
        with locked(folder):
            version = folder / str(_next(folder))
            staging.rename(version)
            try:
                _flush_entries(folder)
                _prune(folder, keep, config)
            except OSError as error:  # a server may have it by now: that it was not published would be wrong
                say(f"{version} is published, but what follows failed, and old versions stay: {error}")
    return version


def prepare(folder: Path, *, config: Path | None = None) -> None:
    """Make a model's folder and see that it takes one more version: to be asked before hours of training.

    Raises:
        Failure: it is no folder, is full or cannot be written to, its highest version is the highest that there can be,
            or a models.config that says which versions have to stay cannot be read; or it cannot be made.
    """
    held(folder, config)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError) as error:
        raise Failure(f"{error.filename} is no folder, expected the folder of a model's versions") from None
    except OSError as error:
        raise Failure(f"{folder} cannot be made: {error.strerror}") from error
    with _staging(folder) as staging:
        _next(folder)
        try:
            (staging / "trial").write_bytes(bytes(TRIAL))
        except OSError as error:
            raise Failure(f"{folder} cannot be written: {error.strerror}") from error


def versions(folder: Path) -> list[int]:
    """List the numbers of a model's version folders, ascending."""
    return [number for number, path in version_entries(folder).items() if path.is_dir()]


def _next(folder: Path) -> int:
    """Return one more than the highest number, be it of a folder or not: a server takes either for a version."""
    highest = max(version_entries(folder), default=0)
    if highest == HIGHEST:
        raise Failure(f"{folder} has a version {highest}, and no number is above it: give it a lower one")
    return highest + 1


def _flush(folder: Path) -> None:
    """See that all of a folder is on the disk."""
    for place, _, files in os.walk(folder, topdown=False):
        for path in (*(Path(place, name) for name in files), Path(place)):
            _flush_entries(path)


def _flush_entries(path: Path) -> None:
    """See that a file's bytes, or the names in a folder, are on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def _staging(folder: Path) -> Iterator[Path]:
    """Make a locked folder to write into; it is gone afterwards unless it was renamed."""
    with locked(folder):  # so that nobody sweeps the new folder away before it is locked itself
        _sweep(folder)
        staging = folder / f"{_STAGING}{uuid.uuid4().hex[:8]}"
        staging.mkdir()
        lock = open_locked(staging)
    try:
        yield staging
    finally:
        shutil.rmtree(staging, ignore_errors=True)
        os.close(lock)


def _sweep(folder: Path) -> None:
    """Remove what publishes that died have left: staging folders that nobody holds, removals half done."""
    for path in folder.glob(f"{_STAGING}*"):
        try:
            os.close(open_locked(path, wait=False))
        except (BlockingIOError, FileNotFoundError):  # held by a living publish, or just finished with
            continue
        shutil.rmtree(path, ignore_errors=True)
    for path in folder.glob(f"{_REMOVING}*"):
        _remove(path)


def _prune(folder: Path, keep: int, config: Path | None) -> None:
    """Remove all but the newest version, ``keep`` before it and those that a models.config labels or lists.

    Each is renamed first, so that no half of it is loaded.
    """
    entries = version_entries(folder)
    for number in removable(folder, versions(folder)[: -1 - keep], config):
        doomed = folder / f"{_REMOVING}{number}-{uuid.uuid4().hex[:8]}"
        entries[number].rename(doomed)
        _remove(doomed)


def _remove(path: Path) -> None:
    """Remove a version, or the link that stands for one: what it leads to is somebody else's."""
    if path.is_symlink():
        path.unlink(missing_ok=True)
    else:
        shutil.rmtree(path, ignore_errors=True)
