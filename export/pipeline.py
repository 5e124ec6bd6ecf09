"""The main job: data in, a published version out; the same steps for every model."""

from __future__ import annotations

import math
import tempfile
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path
from threading import Thread

import tensorflow as tf

from export import forecast, interrupt
from export.data.interactions import Interactions
from export.graph.plan import plan
from export.graph.recommender import Recommender
from export.models.registry import MODELS
from export.progress import bar, say
from export.publishing import manifest, rescue
from export.publishing.manifest import Origin
from export.publishing.names import write_names
from export.publishing.proof import prove, prover
from export.publishing.publish import publish
from export.publishing.twin import write_twin
from export.publishing.warmup_requests import write_warmup
from export.waist.config import Config
from export.waist.factorized import Factorized
from export.waist.from_tags import complete
from serving.contract import TWIN
from serving.errors import Failure

__all__ = ["Origin", "export", "passes", "take", "train", "train_each", "write"]

SMALL = 1_000_000
"""Interactions up to which two models are trained at a time; beyond, each has the memory to itself."""


def train_each(
    origins: Sequence[Origin], interactions: Interactions, *, during: Callable[[], AbstractContextManager[object]]
) -> Iterator[tuple[Origin, Factorized]]:
    """Train one model after the other, each ``during`` a context; beside them, where data is small, who asks for it.

    Raises:
        Failure: one of them cannot be trained on this data or in this memory; none of them is trained then.
    """
    for origin in origins:
        forecast.check(origin.model, origin.config, interactions, weighs=MODELS[origin.model].weighs)
    begun = {}
    if len(origins) > 1 and len(interactions) <= SMALL:
        aside = [origin for origin in origins if MODELS[origin.model].aside]
        begun = {origin.model: _beside(partial(train, origin, interactions)) for origin in aside}
    for origin in origins:
        if origin.model in begun:
            yield origin, begun[origin.model].result()
        else:
            with during():
                trained = train(origin, interactions)
            yield origin, trained


def train(origin: Origin, interactions: Interactions) -> Factorized:
    """Train one model and show its epochs."""
    with bar(f"training {origin.model}", passes(origin.config, interactions)) as advance:

        def told(_: int, loss: float) -> None:
            interrupt.check()
            advance("" if math.isnan(loss) else f"loss {loss:.4g}")

        trained = MODELS[origin.model].train(
            interactions,
            origin.config,
            seed=origin.seed or 0,  # None stands for what was trained elsewhere, and does not come here
            on_epoch=told,
        )
    return complete(trained, interactions)


def _beside(work: Callable[[], Factorized]) -> Future[Factorized]:
    """Begin in a thread that does not hold up the end of the process, as those of a pool would."""
    begun: Future[Factorized] = Future()

    def run() -> None:
        try:
            begun.set_result(work())
        except BaseException as error:  # whoever asks for the result is told
            begun.set_exception(error)

    Thread(target=run, daemon=True).start()
    return begun


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
        prove(staging, model, interactions, hold)

    try:
        with prover() as hold:
            version = publish(models / origin.model, write=write_it, prove=prove_it, keep=keep, config=config)
    except (OSError, tf.errors.OpError) as error:  # a full disk is no OSError in TensorFlow's writer, and of many kinds
        interrupt.check()  # of Ctrl-C, too, TensorFlow makes such an error
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
