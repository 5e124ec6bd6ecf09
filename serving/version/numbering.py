"""Which names in a folder are versions: what TensorFlow Serving's file_system_storage_path_source takes for one.

It looks at names only: every entry that reads as a 64-bit number is a version, with leading zeros, and whatever it is,
so that a plain file or a link to nowhere called `4` is a version that does not load. Of two names for one number the
last by name counts (`7` before `007`). A longer number is no version. (It counts negative numbers too; nobody has any.)
"""

from __future__ import annotations

import re
from pathlib import Path

from serving.version.saved_model import is_saved_model

HIGHEST = (1 << 63) - 1
"""The highest version number that there can be."""

_NUMBER = re.compile(r"[ \t\n\v\f\r]*\+?0*([0-9]{1,19})[ \t\n\v\f\r]*")


def version_number(name: str) -> int | None:
    """Read a version's number, None where it is none: `00000007` is 7, `1.0`, `v1` and 20 nines are no version.

    >>> version_number("00000007"), version_number("v1"), version_number("9" * 20)
    (7, None, None)
    """
    match = _NUMBER.fullmatch(name)
    number = int(match[1]) if match else HIGHEST + 1
    return number if number <= HIGHEST else None


def version_entries(folder: Path) -> dict[int, Path]:
    """Return what a server takes for the versions of a model, by number, ascending, whether they load or not.

    Raises:
        OSError: the folder cannot be listed.
    """
    numbered = ((version_number(entry.name), entry) for entry in sorted(folder.iterdir()))
    found = {number: entry for number, entry in numbered if number is not None}
    return dict(sorted(found.items()))


def version_folders(folder: Path) -> dict[int, Path]:
    """Return those of the versions that hold a SavedModel's file, by number, ascending; none where there is no folder.

    Raises:
        OSError: the folder cannot be listed.
    """
    entries = version_entries(folder) if folder.is_dir() else {}
    return {number: entry for number, entry in entries.items() if is_saved_model(entry)}
