"""Read what a version says of itself, `assets.extra/triptych.json`, and trust nothing of it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, NoReturn

from serving.contract import MANIFEST

MOST_BYTES = 1 << 20
"""What is written is a few thousand."""

MOST_LEVELS = 20
"""What is written has four: whoever walks through it may do so by recursion."""


def read_manifest(folder: Path) -> tuple[dict[str, Any] | None, str]:
    """Return a version's manifest, None where there is none that can be read, and why it cannot, "" if it can."""
    path = folder / MANIFEST
    if not path.is_file():
        return None, ""
    try:
        if path.stat().st_size > MOST_BYTES:
            raise ValueError(f"it holds {path.stat().st_size} bytes, expected {MOST_BYTES} at most")
        manifest = json.loads(path.read_bytes(), parse_constant=_refuse)
        _check(manifest)
    except RecursionError:
        return None, f"{MANIFEST} cannot be read: it is nested more than {MOST_LEVELS} levels deep"
    except (ValueError, OSError) as error:
        return None, f"{MANIFEST} cannot be read: {' '.join(str(error).split())}"
    return manifest, ""


def _check(manifest: Any) -> None:
    """Refuse what is no manifest, or text that cannot be written again."""
    if not isinstance(manifest, dict) or not isinstance(manifest.get("contract"), int):
        raise ValueError("it is no object with a number called contract")
    level: list[Any] = [manifest]
    for _ in range(MOST_LEVELS):
        level = [each for value in level if isinstance(value, dict | list) for each in _inside(value)]
    if level:
        raise RecursionError
    try:
        json.dumps(manifest, ensure_ascii=False).encode()
    except UnicodeEncodeError as error:
        raise ValueError(f"it holds {error.object[error.start]!r}, which is no character") from None


def _inside(value: dict[str, Any] | list[Any]) -> list[Any]:
    return list(value.values()) if isinstance(value, dict) else value


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is no number in JSON")
