"""The commands that measure: evaluate, tune, bench index; export.cli adds them to the `triptych` command."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from export.cli import data, flags
from export.cli.data import data_flags
from export.cli.flags import configure, hyper_parameters, those_given
from export.cli.heavy import with_tensorflow
from export.models.registry import MODELS
from export.waist.config import Config
from serving.cli.paths import FILE, FOLDER, PATH
from serving.errors import Failure

EVALUATE: tuple[str, ...] = "protocol", "validated", "seed", "seeds", "baselines"
EVALUATE += "json_file", "report_folder", "user", "record", "named"
LAST_SEED = 2**32 - 1
"""What numpy and LightFM take for a seed at the most."""

SEED = click.IntRange(0, LAST_SEED)
BY_ITEM = "by-item-75-25"
PROTOCOLS = "random-80-20", "temporal", "ua", "new-users", "new-items", BY_ITEM
"""Those of ``export.quality.protocols``, which takes numpy to ask."""
BASELINES = "popular", "item_knn", "ease", "ials"
"""Those of ``export.quality.baselines``, likewise."""


@click.command("index")
@click.option("--version", type=FOLDER, help="spread the vectors of this version; random ones if not given")
@click.option(
    "--items",
    multiple=True,
    type=click.IntRange(min=1),
    help="how many; may be repeated  [default: 1664, 100000 and 1000000]",
)
def bench_index(*, version: Path | None, items: tuple[int, ...]) -> None:
    """Measure the index against TFRS's and the product alone.

    All three answer for the same vectors, and every answer is compared.

    Example: triptych bench index --version models/two_tower/1 --items 1000000
    """
    from serving.version.find import find

    versions = find(version) if version else []
    if len(versions) > 1:
        raise Failure(f"{version} holds versions of {len(versions)} models, expected one: name {versions[0]}")
    with_tensorflow()
    from export.bench import index, spread

    own = spread.read(versions[0]) if versions else None
    sizes = items or index.SIZES
    title = f"the vectors of {versions[0]}, spread" if versions else f"random vectors of {spread.COMPONENTS} components"
    index.print_bench((spread.spread(own, size) if own else spread.gaussian(size) for size in sizes), title)


@click.command("answer")
@click.argument("paths", nargs=-1, type=PATH)
def bench_answer(paths: tuple[Path, ...]) -> None:
    """Measure what one row costs by twin and session.

    PATHS are version folders, models' folders or models folders; the folder models when none is given.

    Example: triptych bench answer models/two_tower
    """
    from serving.version.find import find

    versions = [version for path in paths or (Path("models"),) for version in find(path)]
    with_tensorflow()
    from export.quality.answer_bench import print_bench

    print_bench(versions)


@click.command("scale")
@click.option("--model", default="two_tower", show_default=True, type=flags.MODEL, help="which one goes all the way")
@click.option(
    "--rows",
    multiple=True,
    type=click.IntRange(min=100),
    help="interactions; may be repeated  [default: 100000, 1000000, 5000000 and 25000000]",
)
@click.option("--users", type=click.IntRange(min=2), help="how many users, if not as many as MovieLens would have")
@click.option("--items", type=click.IntRange(min=2), help="how many items, likewise")
@click.option("--seed", default=42, show_default=True, type=SEED, help="of the data and of training")
@click.option("--json", "json_file", type=FILE, help="write what was measured")
def bench_scale(
    *, model: str, rows: tuple[int, ...], users: int | None, items: int | None, seed: int, json_file: Path | None
) -> None:
    """Measure each step on generated data.

    Example: triptych bench scale --rows 100000 --rows 1000000 --model lightfm
    """
    from export.bench import scale
    from export.bench.generated import Size

    sizes = [Size.of(each, users, items) for each in rows or scale.ROWS]
    scale.measure(model, sizes, seed=seed, json_file=json_file)


@click.command(epilog=flags.MODELS_HELP)
@click.argument("models", nargs=-1, type=flags.MODEL)
@click.option(
    "--protocol", type=click.Choice(PROTOCOLS), default=PROTOCOLS[0], show_default=True, help="which part is held out"
)
@click.option(
    "--validation",
    "validated",
    is_flag=True,
    help="score on a part of the training data, parted by the same protocol: for choices",
)
@click.option("--recipe", "recipes", multiple=True, type=flags.RECIPE, help=f"{flags.RECIPE_HELP}; may be repeated")
@data_flags
@click.option("--seed", default=42, show_default=True, type=SEED, help="the first seed of training")
@click.option("--seeds", default=1, show_default=True, type=click.IntRange(min=1), help="how many seeds to train with")
@click.option(
    "--baselines/--no-baselines", default=True, show_default=True, help="popular, item_knn, ease and ials too"
)
@click.option(
    "--baseline", "named", multiple=True, type=click.Choice(BASELINES), help="only this one, whatever memory it takes"
)
@click.option("--json", "json_file", type=FILE, help="write a row for each run")
@click.option("--report", "report_folder", type=FOLDER, help="write one page of HTML with plots into this folder")
@click.option("--user", help="whose lists the page shows; a typical user with hits if not given")
@click.option("--record", is_flag=True, help="keep the figures for the manifests of versions with these recipes")
@hyper_parameters
def evaluate(models: tuple[str, ...], recipes: tuple[str, ...], **given: Any) -> None:
    r"""Score models on data that was kept from training.

    Each is trained, all unless some are named, on a part of the data, and scored on the rest. A whole number for
    --users is no file: it scores a sample of so many users.

    \b
    triptych evaluate two_tower lightfm --protocol temporal --seeds 5 \
      --report report
    """
    users, given["users"] = _sample(given["users"])
    source, options = data.source(given), {name: given.pop(name) for name in EVALUATE}
    models = models or tuple(MODELS)
    values = those_given(models, given)
    configs: dict[str, dict[str, Config]] = {}
    for model in models:
        for recipe in recipes or (MODELS[model].default,):
            configs.setdefault(recipe, {})[model] = configure(model, recipe, values)
    if options["record"] and options["validated"]:
        raise Failure("--record keeps figures of test parts, expected no --validation beside it")
    if options["record"] and users:
        raise Failure("--record keeps the figures of all users, expected no number of --users beside it")
    if options["record"] and values:
        raise Failure("--record keeps the figures of recipes as they are, expected no hyper-parameter beside it")
    if options["seed"] + options["seeds"] > LAST_SEED + 1:
        raise Failure(f"--seed {options['seed']} and {options['seeds']} --seeds go past the last seed, {LAST_SEED}")
    interactions = data.load(replace(source, movie_ids=options["protocol"] == BY_ITEM))
    with_tensorflow()
    from export.quality.jobs import measure

    measure(configs, interactions, data=source.origin, users=users, **options)


def _sample(given: tuple[str, ...]) -> tuple[int | None, tuple[str, ...]]:
    """Part what --users was given into how many users to score, None for all, and files.

    Raises:
        Failure: there are two numbers, or it is 0.
    """
    numbers = [text for text in given if text.isdecimal()]
    if len(numbers) > 1 or any(int(number) < 1 for number in numbers):
        raise Failure(f"--users is {' and '.join(numbers)}, expected one number, 1 or more, or a file of users")
    return (int(numbers[0]) if numbers else None), tuple(text for text in given if not text.isdecimal())


@click.command()
@click.argument("model", type=flags.MODEL)
@click.option("--trials", default=20, show_default=True, type=click.IntRange(min=1), help="recipes to try")
@data_flags
@click.option("--seed", default=42, show_default=True, type=SEED, help="of the search and of training")
@click.option("--json", "json_file", type=FILE, help="write the space and every trial")
def tune(model: str, trials: int, seed: int, json_file: Path | None, **given: Any) -> None:
    """Search a model's hyper-parameters.

    Each trial is scored on validation parts of the training data.

    Example: triptych tune two_tower --trials 40 --json tuned.json
    """
    if not MODELS[model].space:
        others = ", ".join(name for name, one in MODELS.items() if one.space)
        raise Failure(f"{model} says of no hyper-parameter where to search, expected a model with a space: {others}")
    interactions = data.load(data.source(given))
    with_tensorflow()
    from export.quality.jobs import tune_model

    tune_model(model, interactions, trials=trials, seed=seed, json_file=json_file)
