"""The figures of a recipe, for the manifest of what is published: measured once, kept in ``figures.json`` beside this.

Measuring at every publication would train each model a second time, on a part of the data. So ``triptych evaluate
--record`` keeps what it measured, with the data, the values and the protocol it holds for, and a version carries the
figures only where all of them are its own.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from export.data.interactions import Interactions
from export.models.registry import MODELS
from export.waist.config import Config

FILE = Path(__file__).with_name("figures.json")
DIGITS = 4

BASELINE = "baseline"
"""What stands for the recipe in a baseline's line."""


def figures(model: str, config: Config, interactions: Interactions, *, file: Path = FILE) -> dict[str, Any] | None:
    """Look up what was measured of a model with these values on this data, by protocol; None: it was not measured.

    Beside a protocol's figures are those of the baselines that were measured by it, as ``baselines``.
    """
    kept = _read(file).get(interactions.fingerprint(), {})
    for entry in kept.get("models", []):
        if entry["model"] == model and entry["config"] == asdict(config):
            baselines = kept.get("baselines", {})
            return {
                protocol: {**measured, **({"baselines": baselines[protocol]} if protocol in baselines else {})}
                for protocol, measured in entry["protocols"].items()
            }
    return None


def record(
    protocol: str, lines: Sequence[dict[str, Any]], interactions: Interactions, *, machine: str, file: Path = FILE
) -> None:
    """Keep lines of ``leaderboard.summary`` for models with a recipe as it is, and for baselines.

    All others stay, and so do those of other data.
    """
    data, kept = interactions.fingerprint(), _read(file)
    models, baselines = kept.get(data, {}).get("models", []), kept.get(data, {}).get("baselines", {})
    for line in lines:
        if line["recipe"] == BASELINE:
            baselines.setdefault(protocol, {})[line["model"]] = _means(line)
            continue
        config = asdict(MODELS[line["model"]].recipes[line["recipe"]])
        mine = [entry for entry in models if entry["model"] == line["model"] and entry["config"] == config]
        if not mine:  # also what was measured with values that this recipe had before goes
            models = [one for one in models if (one["model"], one["recipe"]) != (line["model"], line["recipe"])]
            mine = [{"model": line["model"], "recipe": line["recipe"], "config": config, "protocols": {}}]
            models += mine
        deviations = {f"{name}_sd": round(line[name][1], DIGITS) for name in ("ndcg@10",) if line["seeds"] > 1}
        mine[0]["protocols"][protocol] = {"seeds": line["seeds"], "machine": machine, **_means(line), **deviations}
    text = json.dumps({**kept, data: {"models": models, "baselines": baselines}}, indent=1, ensure_ascii=False)
    file.write_text(text + "\n", encoding="utf-8")


def _means(line: dict[str, Any]) -> dict[str, float]:
    return {name: round(value[0], DIGITS) for name, value in line.items() if isinstance(value, tuple)}


def _read(file: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}
    return found
