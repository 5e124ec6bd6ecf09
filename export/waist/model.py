"""What a model says of itself: all that commands, evaluation, search and publication know of it before it is trained.

Standard library only: ``triptych --help`` reads it of every model, and loads no TensorFlow.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any, Protocol

from export.waist.config import Config

if TYPE_CHECKING:  # types only: both are read when something is trained
    from export.data.interactions import Interactions
    from export.waist.factorized import Factorized, OnEpoch

TUTORIAL = "tutorial"
TUNED = "tuned"

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*")
"""A model's name is a folder's, a part of URLs and an argument of commands."""

Bounds = tuple[float, float, bool]
"""Lowest, highest, and whether steps are drawn on a logarithmic scale; whole numbers stay whole."""


class Train(Protocol):
    """Train on all interactions given; what is heavy is imported inside, so that ``--help`` need not wait for it."""

    def __call__(self, interactions: Interactions, config: Any, *, seed: int, on_epoch: OnEpoch) -> Factorized:
        """Return the vectors; ``on_epoch`` is told each epoch's number, from 1, and its loss or NaN."""


@dataclass(frozen=True, kw_only=True)
class Model:
    """One model, as the registry holds it under its name.

    Attributes:
        summary: what it is, in a line.
        recipes: its named hyper-parameters, all of one class; ``tuned`` runs by default, or else the first.
        train: what trains it.
        space: what ``triptych tune`` searches, by hyper-parameter; empty: it has no search.
        distributes: whether processes on several machines can train it together.
        reads_tags: whether it learns from genres, ages and what else the interactions know of users and items.
        weighs: whether it heeds what interactions weigh, ``Interactions.weights``.
        aside: whether its training takes one core and leaves Python free, so that others are trained meanwhile.
        shown: items that the demo shows of it.

    Raises:
        ValueError: there is no recipe, they are not of one class of ``Config``, or the space names no hyper-parameter.
    """

    summary: str
    recipes: Mapping[str, Config]
    train: Train
    space: Mapping[str, Bounds] = field(default_factory=dict)
    distributes: bool = False
    reads_tags: bool = False
    weighs: bool = False
    aside: bool = False
    shown: int = 5

    def __post_init__(self) -> None:
        kinds = {type(recipe).__name__ for recipe in self.recipes.values()}
        if len(kinds) != 1 or not all(isinstance(recipe, Config) for recipe in self.recipes.values()):
            found = ", ".join(sorted(kinds)) or "none"
            raise ValueError(f"the classes of its recipes are {found}, expected one, of export.waist.config.Config")
        for name in self.space:
            if name not in self.hyper_parameters:
                raise ValueError(f"its space names {name!r}, expected one of {', '.join(self.hyper_parameters)}")

    @property
    def default(self) -> str:
        """The recipe that runs when none is named."""
        return TUNED if TUNED in self.recipes else next(iter(self.recipes))

    @property
    def hyper_parameters(self) -> dict[str, Any]:
        """The fields of its recipes, by name, each with its help and its bounds."""
        return {spec.name: spec for spec in fields(self.recipes[self.default])}

    def named(self, recipe: str, config: Config) -> str:
        """Name a config for what it is: the recipe's name, and behind it what was changed, ``tuned, epochs 5``."""
        own = self.recipes[recipe]
        changed = [name for name in self.hyper_parameters if getattr(config, name) != getattr(own, name)]
        return ", ".join([recipe, *(f"{name} {getattr(config, name)}" for name in changed)])
