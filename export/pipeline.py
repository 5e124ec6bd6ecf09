"""The main job: data in, a published version out; the same steps for every model."""

from __future__ import annotations

import importlib
import math
from pathlib import Path
from typing import Any

from export.data import reading
from export.data.interactions import Interactions
from export.data.source import Source
from export.graph.recommender import Recommender
from export.progress import bar, say
from export.publishing import manifest
from export.publishing.manifest import Origin
from export.publishing.names import write_names
from export.publishing.proof import prove
from export.publishing.publish import prepare, publish
from export.publishing.twin import write_twin
from export.publishing.warmup_requests import write_warmup
from export.waist.factorized import Factorized
from serving.contract import TWIN

__all__ = ["Origin", "export", "load", "prepare", "train", "trainer"]

TRAINERS = {
    "two_tower": "export.models.two_tower",
    "wide_deep": "export.models.wide_deep",
    "lightfm": "export.models.lightfm",
}
"""The module of each model: a fourth is one file with a ``train``, a line here and one in ``export.models.recipes``."""


def load(data: str) -> Interactions:
    """Read interactions: files of one's own by their path, or MovieLens by its size (``100k``).

    Raises:
        Failure: see ``export.data.reading.load``.
    """
    return reading.load(Source(data=(data,)))


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
        write_names(staging, interactions)
        manifest.write(staging, origin, interactions)

    def prove_it(staging: Path) -> None:
        say(f"proving {origin.model} in a fresh process")
        prove(staging, model, interactions)

    version = publish(models / origin.model, write=write, prove=prove_it, keep=keep)
    say(f"published {version}")
    return version
