"""Find the versions that a path means, or say what the path is instead and which one is meant."""

from __future__ import annotations

from pathlib import Path

from serving.errors import Failure
from serving.version.numbering import version_folders, version_number
from serving.version.saved_model import is_saved_model

UNPUBLISHED = ("failed-", ".staging-", ".removing-")
"""What a folder's name begins with that is on its way to a version, or from it: no server reads it."""


def find(path: Path) -> list[Path]:
    """Return the version folders that `path` means: itself, a model's newest, or each model's newest.

    Raises:
        Failure: it means none.
        OSError: it cannot be listed.
    """
    if is_saved_model(path):
        return [path]
    newest = [version for folder in (path, *_models(path)) if (version := _newest(folder))]
    if not newest:
        raise Failure(no_versions(path, expected="a version's folder, a model's folder or a models folder"))
    return newest


def no_versions(path: Path, *, expected: str = "a models folder") -> str:
    """Say why a folder is no models folder with a version in it, what it is instead, and what helps."""
    if not path.is_dir():
        return f"{path} is no folder, expected {expected}"
    if is_saved_model(path):
        return f"{path} is a version's folder, expected {expected}: name {_above(path, 2)}"
    if numbers := list(version_folders(path)):
        versions = f"version{'s' if len(numbers) > 1 else ''} {', '.join(map(str, numbers))}"
        return f"{path} is a model's folder, with {versions}, expected {expected}: name {_above(path, 1)}"
    if named := [each for each in (*path.glob("*/"), *path.glob("*/*/")) if _misnamed(each)]:
        there = min(named)
        return (
            f"{there} holds a SavedModel, and {there.name!r} is no version's number: rename it to 1, or to a higher one"
        )
    if deeper := [each for each in sorted(path.glob("*/")) if any(map(_newest, each.glob("*/")))]:
        return f"{path} holds the models folder {deeper[0].name}, expected {expected}: name {deeper[0]}"
    return f"{path} holds no version, expected {expected}: `triptych train` puts one into models/<model>/"


def _models(folder: Path) -> list[Path]:
    """List what may be a model's folders: a hidden one, which no server reads, is none."""
    return [each for each in sorted(folder.glob("*/")) if not each.name.startswith(".")]


def _newest(folder: Path) -> Path | None:
    return next(reversed(version_folders(folder).values()), None)


def _misnamed(folder: Path) -> bool:
    unpublished = folder.name.startswith(UNPUBLISHED)
    return version_number(folder.name) is None and not unpublished and is_saved_model(folder)


def _above(path: Path, levels: int) -> Path:
    """Return the folder so many levels up, as it was written where that tells."""
    told = path if len(path.parts) > levels and ".." not in path.parts else path.resolve()
    return told.parents[levels - 1]
