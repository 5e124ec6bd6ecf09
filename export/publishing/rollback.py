"""Roll back: publish an earlier version's content as a new one, proven by the cases that it carries.

Version numbers only grow, since a server takes the highest: taking the bad version away instead would leave a moment
in which a server that starts, or looks, finds neither, and nothing would be left of what went wrong.
"""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

from export.publishing.proof import prove_again
from export.publishing.publish import prepare, publish, versions
from serving.contract import MANIFEST
from serving.errors import Failure
from serving.version.inspect import inspect
from serving.version.numbering import version_entries


def rollback(folder: Path, *, to: int | None = None, keep: int = 3, config: Path | None = None) -> tuple[int, Path]:
    """Publish a version's content again, as the newest of its model.

    Args:
        folder: the model's folder, ``models/<model>``.
        to: the version; None: the one before the newest, so that doing it twice undoes it.
        keep: old versions left beside the new one.
        config: a models.config whose versions stay, too.

    Returns:
        The version that was copied, and the new version's folder.

    Raises:
        Failure: there is no such model or version, it holds what no version does, or the copy does not prove; nothing
            was published then.
    """
    number = _choose(folder, to)
    source = version_entries(folder)[number]
    found = inspect(source)
    prepare(folder, config=config)

    def write(staging: Path) -> None:
        _copy(source, staging)
        if found.manifest is not None:
            content = json.dumps({**found.manifest, "copy_of": number}, indent=2)
            (staging / MANIFEST).write_text(content + "\n", encoding="utf-8")

    return number, publish(folder, write=write, prove=prove_again, keep=keep, config=config)


def _copy(source: Path, target: Path) -> None:
    """Copy a version's files. Links in it are not followed: they could lead out of it, and round in a circle."""

    def refuse_links(place: str, names: list[str]) -> set[str]:
        for name in names:
            path = Path(place, name)
            if path.is_symlink():
                raise Failure(f"{path} is a link to {os.readlink(path)}, expected files and folders only in a version")
        return set()

    try:
        shutil.copytree(source, target, ignore=refuse_links, dirs_exist_ok=True)
    except OSError as error:  # a publish beside this one may prune it
        raise Failure(f"{source} cannot be copied: {error}") from error


def _choose(folder: Path, to: int | None) -> int:
    found = versions(folder) if folder.is_dir() else []
    if not found:
        others = ", ".join(sorted(path.name for path in folder.parent.glob("*/") if versions(path)))
        raise Failure(f"no version of {folder.name} under {folder.parent}, expected one of: {others or 'none'}")
    if to is not None:
        if to not in found:
            raise Failure(f"{folder.name} has no version {to}, expected one of {', '.join(map(str, found))}")
        return to
    if len(found) == 1:
        raise Failure(f"{folder.name} has only version {found[0]}, and none before it to go back to")
    return found[-2]
