"""The main job: data in, a published version out; the same steps for every model."""

from __future__ import annotations

import importlib
import math
from pathlib import Path
from typing import Any

from export import manifest
from export.factorized import Factorized
from export.interactions import Interactions
from export.manifest import Origin
from export.onnx import write_twin
from export.progress import bar, say
from export.proof import prove
from export.publish import publish
from export.recommender import Recommender
from export.warmup import write_warmup
from serving.contract import TWIN

TRAINERS = {"two_tower": "export.two_tower", "wide_deep": "export.wide_deep", "lightfm": "export.factors"}
"""The module of each model: a fourth is one file with a ``train`` and one line here and in ``export.recipes``."""


def load(data: str) -> Interactions:
    """Read interactions: a file of one's own by its path, or MovieLens by its size (``100k``).

    Raises:
        Failure: see ``export.table.read`` and ``export.movielens.load``.
    """
    if Path(data).suffix or Path(data).exists():
        from export import table

        return table.read(Path(data))
    from export import movielens

    return movielens.load(data)


def trainer(model: str) -> Any:
    """Find a model's ``train(interactions, config, *, seed, on_epoch) -> Factorized``."""
    return importlib.import_module(TRAINERS[model]).train


def train(origin: Origin, interactions: Interactions) -> Factorized:
    """Train one model and show its epochs."""
    config: Any = origin.config
    with bar(f"training {origin.model}", config.epochs) as advance:
        trained: Factorized = trainer(origin.model)(
            interactions,
            origin.config,
            seed=origin.seed,
            on_epoch=lambda _, loss: advance("" if math.isnan(loss) else f"loss {loss:.4g}"),
        )
    return trained


def export(model: Factorized, interactions: Interactions, origin: Origin, *, models: Path, keep: int) -> Path:
    """Publish a trained model as the next version of its folder under ``models``; returns the version's folder."""

    def write(staging: Path) -> None:
        say(f"exporting {origin.model}")
        Recommender(model, interactions).save(staging)
        write_twin(staging, staging / TWIN)
        write_warmup(staging, origin.model, interactions)
        manifest.write(staging, origin, interactions)

    def prove_it(staging: Path) -> None:
        say(f"proving {origin.model} in a fresh process")
        prove(staging, model, interactions)

    version = publish(models / origin.model, write=write, prove=prove_it, keep=keep)
    say(f"published {version}")
    return version
