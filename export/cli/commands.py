"""The `triptych` command: adds train and what else needs TensorFlow to the commands of serving.cli.

TensorFlow is imported only when a command runs, so that `--help` answers at once.
"""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Callable
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from typing import Any

import click

from export import interrupt
from export.cli import data, flags
from export.cli.bulk import batch, embeddings
from export.cli.data import data_flags, show_data
from export.cli.flags import configure, hyper_parameters, those_given
from export.cli.heavy import with_tensorflow
from export.cli.publish import publish
from export.cli.quality import SEED, bench_answer, bench_index, bench_scale, evaluate, tune
from export.models.registry import LEFT_OUT, MODELS
from serving.cli.commands import app, bench
from serving.cli.paths import FILE, FOLDER
from serving.errors import Failure
from serving.installed import not_installed, require
from serving.printable import printable

app.add_command(batch)
app.add_command(embeddings)
app.add_command(evaluate)
app.add_command(tune)
app.add_command(show_data)
app.add_command(publish)
bench.add_command(bench_index)
bench.add_command(bench_answer)
bench.add_command(bench_scale)


def main() -> None:
    """Run the command line; a Failure, or a package that is missing, is one sentence on stderr and exit status 1."""
    _hush_tensorflow()
    interrupt.listen()
    if isinstance(
        sys.stdout, io.TextIOWrapper
    ):  # a title that a terminal's encoding lacks is no reason for a traceback
        sys.stdout.reconfigure(errors="backslashreplace")
    for sentence in LEFT_OUT:
        print(f"triptych: {printable(sentence)}", file=sys.stderr)
    try:
        app()
    except (Failure, OSError) as failure:  # no space left, no permission: the system's sentence says what and where
        print(f"triptych: {printable(failure)}", file=sys.stderr)
        sys.exit(1)
    except ModuleNotFoundError as error:  # who only asks a server has neither extra
        print(f"triptych: {not_installed(error.name or str(error))}", file=sys.stderr)
        sys.exit(1)
    except Exception:
        if not interrupt.asked():
            raise
        sys.exit("\nAborted!")  # what TensorFlow made of Ctrl-C, as click says it: below the ^C that a terminal shows


def job(command: Callable[..., None]) -> Callable[..., None]:
    """Add what train and demo have in common: the recipe, the data, the folder, the seed."""
    for option in (
        click.option("--seed", default=42, show_default=True, type=SEED, help="the same seed gives the same model"),
        click.option("--models", "folder", type=FOLDER, default="models", show_default=True, help="models folder"),
        click.option("--recipe", type=flags.RECIPE, help=flags.RECIPE_HELP),
    ):
        command = option(command)
    return data_flags(command)


@app.command(epilog=flags.MODELS_HELP)
@click.argument("models", nargs=-1, type=flags.MODEL)
@job
@click.option("--keep", default=3, show_default=True, type=click.IntRange(min=0), help="old versions to keep")
@flags.HELD
@click.option("--distribute", is_flag=True, help="train with the others that TF_CONFIG names; one publishes")
@click.option("--trained", type=FILE, help="publish what was trained before, kept in this file when the disk was full")
@hyper_parameters
def train(
    models: tuple[str, ...],
    recipe: str | None,
    folder: Path,
    seed: int,
    keep: int,
    held_by: Path | None = None,
    distribute: bool = False,
    trained: Path | None = None,
    **given: Any,
) -> None:
    """Train models and publish each as its next version.

    All of them are trained unless some are named.

    Example: triptych train two_tower lightfm --recipe tutorial --seed 7
    """
    able = tuple(name for name, model in MODELS.items() if model.distributes)
    models = models or (able if distribute else tuple(MODELS))
    source = data.source(given)
    values = those_given(models, given)
    configs = {model: configure(model, recipe, values) for model in models}
    unable = [model for model in models if model not in able]
    if distribute and unable:
        raise Failure(f"{', '.join(unable)}: trained on one machine only; --distribute goes with {', '.join(able)}")
    if trained and len(models) != 1:
        raise Failure(f"{trained} holds one model, expected its name beside --trained, not {', '.join(models)}")
    cluster = _cluster() if distribute else None
    interactions = data.load(source)
    publishes = cluster is None or cluster.publishes
    if publishes:  # what keeps a version from being published is told before the training, not after
        from export.publishing.publish import prepare

        for model in models:
            prepare(folder / model, config=held_by)
    pipeline = with_tensorflow()
    made_by = partial(pipeline.Origin, seed=seed, data=source.origin)
    names = {model: MODELS[model].named(recipe or MODELS[model].default, configs[model]) for model in models}
    origins = [made_by(model=model, recipe=names[model], config=configs[model]) for model in models]
    if trained:
        each = iter([(origins[0], pipeline.take(trained, interactions, origins[0]))])
    else:
        each = pipeline.train_each(origins, interactions, during=cluster.training if cluster else nullcontext)
    for origin, made in each:
        if publishes:
            pipeline.export(made, interactions, origin, models=folder, keep=keep, config=held_by)


@app.command()
@click.argument("model")
@click.option("--to", metavar="VERSION", type=int, help="go back to this one, not to the one before the newest")
@click.option("--models", "folder", type=FOLDER, default="models", show_default=True, help="models folder")
@click.option("--keep", default=3, show_default=True, type=click.IntRange(min=0), help="old versions to keep")
@flags.HELD
def rollback(*, model: str, to: int | None, folder: Path, keep: int, held_by: Path | None) -> None:
    """Publish an earlier version again, as the next one.

    It is proven anew, and a running server takes it up. Done twice it is undone.

    A model that bears labels is served at those versions only: move them with triptych label.

    Example: triptych rollback two_tower --to 6
    """
    require("tensorflow")  # a process of its own needs it, for the proof
    from export.publishing.rollback import rollback as publish_again

    source, version = publish_again(folder / model, to=to, keep=keep, config=held_by)
    click.echo(f"published {printable(version)}, a copy of version {source}")


@app.command()
@job
@click.option("--user", default="42", show_default=True, help="whose recommendations to show")
@click.pass_context
def demo(context: click.Context, /, user: str, folder: Path, **given: Any) -> None:
    """Train, publish and serve every model, and ask them.

    It shows what each recommends to one user, and stops.

    Example: triptych demo --user 7
    """
    context.invoke(train, folder=folder, **given)
    from export.cli.demo import show

    show(user, models=folder)


def _cluster() -> Any:
    from export.towers.distribution import Cluster

    return Cluster()


def _hush_tensorflow() -> None:
    """Keep TensorFlow's start-up messages off the screen, unless somebody asks for them."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
