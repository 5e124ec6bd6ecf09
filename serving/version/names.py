"""The names in a version: its users, items and tags, for whoever must list them; no signature does.

The file lies beside the graph, which holds the same names where only the model finds them again.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from serving.errors import Failure

NAMES = "assets.extra/names.json"

MOST_BYTES = 2**30
"""A larger file is not ours: a million users and a million items with names of 100 characters take a fifth of that."""


@dataclass(frozen=True, kw_only=True)
class Names:
    """What a version knows by name.

    Attributes:
        users: `[n_users]` ids, in the order of the model's vectors.
        items: `[n_items]` items, likewise.
        tags: what items are known by, such as ``genre:Comedy``, sorted, each once.
    """

    users: tuple[str, ...]
    items: tuple[str, ...]
    tags: tuple[str, ...]


def read_names(folder: Path) -> Names:
    """Read the names of a version's folder.

    Raises:
        Failure: the version has no such file, as those published before it was written, or a broken one.
    """
    path = folder / NAMES
    if not path.is_file():
        raise Failure(f"{folder} has no {NAMES}, expected a version that `triptych train` has published with one")
    if path.stat().st_size > MOST_BYTES:
        raise Failure(f"{path} has {path.stat().st_size:,} bytes, expected at most {MOST_BYTES:,}")
    try:
        found = json.loads(path.read_bytes())
        columns = {name: tuple(found[name]) for name in ("users", "items", "tags")}
    except (ValueError, LookupError, TypeError, RecursionError) as error:
        raise Failure(f"{path} is broken, expected lists of users, items and tags: train this version again") from error
    if not all(isinstance(name, str) for names in columns.values() for name in names):
        raise Failure(f"{path} holds what is no name, expected lists of strings: train this version again")
    return Names(**columns)
