"""What stands behind each list on the page: the version that answers, its signatures, and the manifest beside it."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import quote

import requests

from serving.errors import Failure
from serving.explore.upstream import Upstream
from serving.repository.model_sources import is_name
from serving.version.manifest import read_manifest

USUAL = ("two_tower", "wide_deep", "lightfm")
"""Models that come first, and are asked for where nothing tells which there are."""


def names(folder: Path | None, given: tuple[str, ...]) -> tuple[str, ...]:
    """Choose which models to ask for: those given, else those of the folder, else ours; a server does not list its own.

    Ours come first and in their order, so that the columns of the page stand still.

    >>> names(None, ("als", "bpr"))
    ('als', 'bpr')
    """
    if given:
        return given
    folders = {path.parent.name for path in folder.glob("*/*/") if path.name.isdecimal()} if folder else set()
    found = set(filter(is_name, folders))
    ours = [name for name in USUAL if name in found or not found]
    return (*ours, *sorted(found.difference(ours)))


def describe(upstream: Upstream, name: str, folder: Path | None) -> dict[str, Any]:
    """Tell what a model on the server is: ``state`` is available, waiting, missing or away, ``words`` says more."""
    told: dict[str, Any] = {"name": name, "version": None, "signatures": {}, "manifest": None, "words": ""}
    path = f"/v1/models/{quote(name, safe='')}"
    try:
        reply = upstream.ask("GET", path)
        if reply.status != requests.codes.ok:
            return told | {"state": "missing", "words": f"The server has no model {name}."}
        state, version, words = _newest(reply.json())
        if version is None:
            return told | {"state": state, "words": words}
        signatures = _signatures(upstream.ask("GET", f"{path}/versions/{version}/metadata").json())
    except Failure as failure:
        return told | {"state": "away", "words": str(failure)}
    manifest = _manifest(folder / name / version) if folder else None
    return told | {"state": state, "version": version, "signatures": signatures, "manifest": manifest}


def _newest(status: Any) -> tuple[str, str | None, str]:
    """Find the version that answers: the highest that is available; without one, say how far the highest is."""
    try:
        found = [
            (int(each["version"]), each["state"], each.get("status", {})) for each in status["model_version_status"]
        ]
        ready = [version for version, state, _ in found if state == "AVAILABLE"]
        if ready:
            return "available", str(max(ready)), ""
        version, state, more = max(found, key=lambda each: each[0])
        return "waiting", None, f"Version {version} is not there yet: {state}. {more.get('error_message', '')}".strip()
    except (KeyError, TypeError, ValueError, OverflowError, AttributeError):
        return "waiting", None, "What answers there is no TensorFlow Serving: it does not tell a model's state."


def _signatures(metadata: Any) -> dict[str, list[str]]:
    """List the inputs of each signature, as the server tells them."""
    try:
        definitions = metadata["metadata"]["signature_def"]["signature_def"]
        return {name: sorted(definitions[name]["inputs"]) for name in sorted(definitions) if not name.startswith("__")}
    except (KeyError, TypeError, AttributeError):
        return {}


def _manifest(folder: Path) -> dict[str, Any] | None:
    try:
        return read_manifest(folder)[0]
    except OSError:  # a folder that may not be read
        return None
