"""The main job: data in, a published version out; the same steps for every model."""

from __future__ import annotations

import math
from pathlib import Path

import tensorflow as tf

from export.data.interactions import Interactions
from export.graph.plan import plan
from export.graph.recommender import Recommender
from export.models.registry import MODELS
from export.progress import bar, say
from export.publishing import manifest
from export.publishing.manifest import Origin
from export.publishing.names import write_names
from export.publishing.proof import prove
from export.publishing.publish import publish
from export.publishing.twin import write_twin
from export.publishing.warmup_requests import write_warmup
from export.waist.config import Config
from export.waist.factorized import Factorized
from export.waist.from_tags import complete
from serving.contract import TWIN
from serving.errors import Failure

__all__ = ["Origin", "epochs", "export", "train"]


def train(origin: Origin, interactions: Interactions) -> Factorized:
    """Train one model and show its epochs."""
    with bar(f"training {origin.model}", epochs(origin.config)) as advance:
        trained = MODELS[origin.model].train(
            interactions,
            origin.config,
            seed=origin.seed or 0,  # None stands for what was trained elsewhere, and does not come here
            on_epoch=lambda _, loss: advance("" if math.isnan(loss) else f"loss {loss:.4g}"),
        )
    return complete(trained, interactions)


def epochs(config: Config) -> int:
    """Tell how often ``on_epoch`` will be called: by the hyper-parameter of this name; once where there is none."""
    return int(getattr(config, "epochs", 1))


def export(
    model: Factorized,
    interactions: Interactions,
    origin: Origin,
    *,
    models: Path,
    keep: int,
    config: Path | None = None,
) -> Path:
    """Publish a trained model as the next version of its folder under ``models``; returns the version's folder."""
    scan = plan(model, interactions)

    def write(staging: Path) -> None:
        say(f"exporting {origin.model}")
        try:
            Recommender(model, interactions, scan).save(staging)
            write_twin(staging, staging / TWIN)
            write_warmup(staging, origin.model, interactions)
        except tf.errors.OpError as error:  # a full disk is no OSError in TensorFlow's writer, and of many kinds
            said = f"TensorFlow could not write it: {error.message}"
            raise Failure(f"{origin.model} was not published to {models / origin.model}: {said}") from error
        write_names(staging, interactions)
        manifest.write(staging, origin, interactions, scan)

    def prove_it(staging: Path) -> None:
        say(f"proving {origin.model} in a fresh process")
        prove(staging, model, interactions)

    version = publish(models / origin.model, write=write, prove=prove_it, keep=keep, config=config)
    say(f"published {version}")
    return version
