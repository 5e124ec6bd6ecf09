"""The main job: data in, a published version out; the same steps for every model."""

from __future__ import annotations

import math
import tempfile
from pathlib import Path

import tensorflow as tf

from export import forecast
from export.data.interactions import Interactions
from export.graph.plan import plan
from export.graph.recommender import Recommender
from export.models.registry import MODELS
from export.progress import bar, say
from export.publishing import manifest, rescue
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

__all__ = ["Origin", "export", "passes", "take", "train", "write"]


def train(origin: Origin, interactions: Interactions) -> Factorized:
    """Train one model and show its epochs."""
    forecast.check(origin.model, origin.config, interactions, weighs=MODELS[origin.model].weighs)
    with bar(f"training {origin.model}", passes(origin.config, interactions)) as advance:
        trained = MODELS[origin.model].train(
            interactions,
            origin.config,
            seed=origin.seed or 0,  # None stands for what was trained elsewhere, and does not come here
            on_epoch=lambda _, loss: advance("" if math.isnan(loss) else f"loss {loss:.4g}"),
        )
    return complete(trained, interactions)


def take(file: Path, interactions: Interactions, origin: Origin) -> Factorized:
    """Read what was trained before and could not be published."""
    return rescue.take(file, interactions, origin)


def passes(config: Config, interactions: Interactions) -> int:
    """Tell how often ``on_epoch`` will be called: fewer times than ``epochs`` where there are many interactions."""
    return config.passes(rows=len(interactions), users=interactions.active())


def write(staging: Path, model: Factorized, interactions: Interactions, origin: Origin) -> None:
    """Write all that a version is, but for its proof, into a folder."""
    scan = plan(model, interactions)
    Recommender(model, interactions, scan).save(staging)
    write_twin(staging, staging / TWIN)
    write_warmup(staging, origin.model, interactions)
    write_names(staging, interactions)
    manifest.write(staging, origin, interactions, scan)


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

    def write_it(staging: Path) -> None:
        say(f"exporting {origin.model}")
        write(staging, model, interactions, origin)

    def prove_it(staging: Path) -> None:
        say(f"proving {origin.model} in a fresh process")
        prove(staging, model, interactions)

    try:
        version = publish(models / origin.model, write=write_it, prove=prove_it, keep=keep, config=config)
    except (OSError, tf.errors.OpError) as error:  # a full disk is no OSError in TensorFlow's writer, and of many kinds
        said = getattr(error, "strerror", None) or f"TensorFlow could not write it: {str(error).splitlines()[0]}"
        raise Failure(
            f"{origin.model} was not published to {models / origin.model}: {said}; {_kept(model, interactions, origin)}"
        ) from error
    say(f"published {version}")
    return version


def _kept(model: Factorized, interactions: Interactions, origin: Origin) -> str:
    try:
        file = rescue.keep(model, interactions, origin)
    except OSError as error:
        where = tempfile.gettempdir()
        return f"nor was what was trained kept in {where} ({error.strerror}): point TMPDIR to a folder with room"
    return f"what was trained is in {file}: with the same data and flags, --trained FILE publishes it"
