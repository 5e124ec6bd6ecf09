"""The names to choose from: items, users and tags, taken from the version itself and from no data set.

Items are asked for: someone unknown gets the most popular items, and with a ``k`` above the catalogue that is all of
them. No signature lists users or tags: they come from the folder of the version, where it is at hand.
"""

from __future__ import annotations

import random
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from serving.contract import PADDING
from serving.errors import Failure
from serving.explore.upstream import Upstream
from serving.version.names import read_names

MOST_ITEMS = 100_000
"""Items to choose from, the most popular ones: some 5 MB. Any other can still be typed."""

NOBODY = "\N{NO-BREAK SPACE}nobody"
"""An id that no data has: whoever asks with it gets what is popular."""


@dataclass(frozen=True, kw_only=True)
class Names:
    """Items, the most popular first; users in the order of their numbers; tags. What was not found out is empty."""

    items: Sequence[str] = ()
    users: Sequence[str] = ()
    tags: Sequence[str] = ()

    def search(self, kind: str, text: str, *, limit: int) -> tuple[list[str], int]:
        """Find the names that hold every word of a text, the closest first, and tell how many there are."""
        names, wanted = {"items": self.items, "users": self.users, "tags": self.tags}[kind], text.casefold().strip()
        words = wanted.split()
        found = [name for name in names if all(word in name.casefold() for word in words)]
        return sorted(found, key=lambda name: _distance(name.casefold(), wanted))[:limit], len(found)

    def anybody(self) -> str | None:
        """Pick a user."""
        return random.choice(self.users) if self.users else None  # noqa: S311 - not a secret


def _distance(name: str, wanted: str) -> tuple[bool, bool, bool]:
    """Order: the very name; a name that has the words as whole words; a name that begins so; any other."""
    return name != wanted, not set(wanted.split()) <= set(re.findall(r"[^\s()]+", name)), not name.startswith(wanted)


def read(upstream: Upstream, model: str, signatures: Sequence[str], folder: Path | None) -> Names:
    """Find out the names of a version, as far as it can be asked and its folder is at hand.

    Raises:
        Failure: the server is away.
    """
    if "recommend" not in signatures:
        return Names()
    row = {"user_id": NOBODY, "k": MOST_ITEMS, "exclude": [PADDING], "unseen": False}
    found = upstream.predict(model, "recommend", [row])
    items = found[0].get("item") if found and isinstance(found[0], dict) else None
    items = [item for item in items if isinstance(item, str) and item != PADDING] if isinstance(items, list) else []
    try:
        names = read_names(folder) if folder else None
    except Failure:  # of a version from before names were kept, or of somebody else's
        names = None
    users, tags = (names.users, names.tags) if names else ((), ())
    return Names(items=items, users=sorted(users, key=_by_number), tags=tags)


def _by_number(name: str) -> tuple[bool, int, str]:
    return (False, int(name), name) if name.isascii() and name.isdecimal() else (True, 0, name)
