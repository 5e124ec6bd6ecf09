"""Write the names of a version, ``assets.extra/names.json``: for lists of everyone, and pages to choose from."""

from __future__ import annotations

import json
from itertools import chain
from pathlib import Path

from export.data.interactions import Interactions
from serving.version.names import NAMES


def write_names(version: Path, interactions: Interactions) -> None:
    """Write the users, items and item tags of the interactions into a version's folder."""
    path = version / NAMES
    path.parent.mkdir(exist_ok=True)
    names = {
        "users": interactions.users.tolist(),
        "items": interactions.items.tolist(),
        "tags": sorted(set(chain(*interactions.item_tags))),
    }
    path.write_text(json.dumps(names, ensure_ascii=False) + "\n", encoding="utf-8")
