"""What the registry says on the command line: models, recipes, and a flag for each hyper-parameter."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import click

from export.models.registry import MODELS
from export.waist.config import Config
from export.waist.model import Model
from serving.cli.paths import PATH
from serving.errors import Failure

Command = Callable[..., Any]

MODEL = click.Choice(tuple(MODELS))
RECIPE = click.Choice(tuple(dict.fromkeys(recipe for model in MODELS.values() for recipe in model.recipes)))
_RUNS = " or ".join(dict.fromkeys(model.default for model in MODELS.values()))
RECIPE_HELP = f"named set of hyper-parameters  [default: {_RUNS}]"
MODELS_HELP = "\b\nModels:\n" + "\n".join(f"  {name:<10} {model.summary}" for name, model in MODELS.items())

HELD = click.option(
    "--config",
    "held_by",
    type=PATH,
    help="a models.config whose versions are kept, too; the one in the models folder is always heeded",
)


def hyper_parameters(command: Command) -> Command:
    """Add the flags of every model's hyper-parameters to a command; those not given are None."""
    for name, models in reversed(_sharing().items()):
        values = {title: getattr(model.recipes[model.default], name) for title, model in models.items()}
        defaults = ", ".join(f"{title} {value}" for title, value in values.items())
        text = f"{_meaning(name, models)}  [default: {defaults}]"
        option = click.option(_flag(name), name, type=_kind(name, list(models.values())), default=None, help=text)
        command = option(command)
    return command


def those_given(models: Sequence[str], flags: dict[str, Any]) -> dict[str, Any]:
    """Keep the hyper-parameters that were given on the command line.

    >>> those_given(["lightfm"], {"components": 32, "epochs": None})
    {'components': 32}

    Raises:
        Failure: one of them is none of the models' that are asked for.
    """
    values = {name: value for name, value in flags.items() if value is not None}
    for name in values:
        if not any(name in MODELS[model].hyper_parameters for model in models):
            raise Failure(f"{_flag(name)} is no hyper-parameter of {', '.join(models)}")
    return values


def configure(name: str, recipe: str | None, values: dict[str, Any]) -> Config:
    """Take a model's recipe, None for its own default, and put over it which of the values are its hyper-parameters.

    >>> configure("two_tower", "tutorial", {"epochs": "3"}).epochs
    3

    Raises:
        Failure: no such recipe, or a value out of bounds.
    """
    model, recipe = MODELS[name], recipe or MODELS[name].default
    if recipe not in model.recipes:
        raise Failure(f"{name} has no recipe {recipe!r}, expected one of {', '.join(model.recipes)}")
    own = {key: value for key, value in values.items() if key in model.hyper_parameters}
    try:
        read = {key: _kind(key, [model]).convert(value, None, None) for key, value in own.items()}
        return replace(model.recipes[recipe], **read)
    except (ValueError, click.BadParameter) as error:
        raise Failure(f"{name}: {error}") from error


def _flag(name: str) -> str:
    return f"--{name.replace('_', '-')}"


def _kind(name: str, models: Sequence[Model]) -> click.ParamType[Any]:
    """Find the type of a flag's values; text where models differ, for each to read as its own."""
    specs = [model.hyper_parameters[name] for model in models]
    kinds = {type(spec.default) for spec in specs}
    if all(spec.metadata["among"] for spec in specs):
        return click.Choice(tuple(dict.fromkeys(value for spec in specs for value in spec.metadata["among"])))
    return click.types.convert_type(kinds.pop() if len(kinds) == 1 else str)


def _meaning(name: str, models: dict[str, Model]) -> str:
    """Say what a hyper-parameter is; where models mean something else by it, for which of them."""
    told: dict[str, list[str]] = {}
    for title, model in models.items():
        told.setdefault(model.hyper_parameters[name].metadata["help"], []).append(title)
    return "; ".join(told if len(told) == 1 else (f"{', '.join(titles)}: {text}" for text, titles in told.items()))


def _sharing() -> dict[str, dict[str, Model]]:
    """List every hyper-parameter with the models that have it."""
    found: dict[str, dict[str, Model]] = {}
    for title, model in MODELS.items():
        for name in model.hyper_parameters:
            found.setdefault(name, {})[title] = model
    return found
