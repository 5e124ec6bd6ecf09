"""The manifest of a version, ``assets.extra/triptych.json``: what it was made of, for those who find it later."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

from export.data.interactions import Interactions
from export.graph.plan import Plan
from export.models.registry import MODELS, PROVIDERS
from export.publishing.recorded_figures import figures
from export.publishing.twin import OPSET
from export.waist.config import Config
from serving import contract
from serving.printable import printable

PACKAGES = ("tensorflow", "tf-keras", "tensorflow-recommenders", "lightfm-next", "tf2onnx", "numpy")

ELSEWHERE = "vectors that were trained elsewhere"
"""What is said of a model that is none of the registry's."""


@dataclass(frozen=True, kw_only=True)
class Origin:
    """What a version was made of: the model, its recipe and values, the seed (None: trained elsewhere), the data."""

    model: str
    recipe: str
    config: Config
    seed: int | None
    data: str


def write(version: Path, origin: Origin, interactions: Interactions, scan: Plan | None = None) -> None:
    """Write the manifest into a version's folder; without a ``scan`` its index is the plain product."""
    path = version / contract.MANIFEST
    path.parent.mkdir(exist_ok=True)
    path.write_text(
        json.dumps(_content(origin, interactions, scan), indent=2, ensure_ascii=False) + "\n", encoding="utf-8"
    )


def _content(origin: Origin, interactions: Interactions, scan: Plan | None) -> dict[str, Any]:
    return {
        "contract": contract.VERSION,
        "model": origin.model,
        "summary": MODELS[origin.model].summary if origin.model in MODELS else ELSEWHERE,
        "recipe": origin.recipe,
        "config": asdict(origin.config),
        "passes": origin.config.passes(rows=len(interactions), users=interactions.active()),
        "seed": origin.seed,
        "data": {
            "name": printable(origin.data),  # a file name may hold bytes that are no text
            "fingerprint": interactions.fingerprint(),
            "users": len(interactions.users),
            "items": len(interactions.items),
            "interactions": len(interactions),
        },
        "index": {"kind": "product"} if scan is None else {"kind": "scan", **asdict(scan)},
        "figures": figures(origin.model, origin.config, interactions),
        "packages": _packages(origin.model),
        "opset": OPSET,
        "created": f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}",
    }


def _packages(model: str) -> dict[str, str]:
    """List what the version was made with; of a model from outside, also the package it came with."""
    found = {name: metadata.version(name) for name in PACKAGES}
    return found | ({PROVIDERS[model].name: PROVIDERS[model].version} if model in PROVIDERS else {})
