"""One command-line flag for each hyper-parameter, made from the recipes' dataclasses."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields, replace
from typing import Any

import click

from export.models.recipes import RECIPES, TUTORIAL
from export.waist.config import Config
from serving.errors import Failure

Command = Callable[..., Any]


def hyper_parameters(command: Command) -> Command:
    """Add the flags of every model's hyper-parameters to a command; those not given are None."""
    for name, models in reversed(_fields().items()):
        spec = next(iter(models.values()))
        defaults = ", ".join(f"{model} {field.default}" for model, field in models.items())
        text = f"{spec.metadata['help']}  [tutorial: {defaults}]"
        option = click.option(f"--{name.replace('_', '-')}", name, type=type(spec.default), default=None, help=text)
        command = option(command)
    return command


def configure(models: tuple[str, ...], recipe: str, given: dict[str, Any]) -> dict[str, Config]:
    """Choose each model's recipe and put the values given on the command line over it.

    Raises:
        Failure: no such recipe, a value out of bounds, or a flag that none of the models has.
    """
    values = {name: value for name, value in given.items() if value is not None}
    configs = {}
    for model in models:
        if recipe not in RECIPES[model]:
            raise Failure(f"{model} has no recipe {recipe!r}, expected one of {', '.join(RECIPES[model])}")
        config = RECIPES[model][recipe]
        own = {name: value for name, value in values.items() if name in {field.name for field in fields(config)}}
        try:
            configs[model] = replace(config, **own)
        except ValueError as error:
            raise Failure(f"{model}: {error}") from error
    for name in values:
        if not any(hasattr(config, name) for config in configs.values()):
            raise Failure(f"--{name.replace('_', '-')} is no hyper-parameter of {', '.join(models)}")
    return configs


def _fields() -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    for model, recipes in RECIPES.items():
        for field in fields(recipes[TUTORIAL]):
            found.setdefault(field.name, {})[model] = field
    return found
