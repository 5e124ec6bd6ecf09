"""The registry: every model by its name, ours and those that other installed packages bring.

A fourth model of ours is a file in this folder, which defines ``MODEL``, and a line below. A model from outside is a
package with an entry point in the group ``triptych.models``, in its pyproject.toml:

    [project.entry-points."triptych.models"]
    ials = "my_package.ials:MODEL"

Commands, ``--help``, demo, evaluation, search, figures, configuration and tests derive from here.
"""

from __future__ import annotations

from importlib.metadata import Distribution, EntryPoint, entry_points

from export.waist.config import Config
from export.waist.model import NAME, Model
from serving.errors import Failure

GROUP = "triptych.models"

OURS = {
    "two_tower": "export.models.two_tower:MODEL",
    "wide_deep": "export.models.wide_deep:MODEL",
    "lightfm": "export.models.lightfm:MODEL",
}
"""The models of this project, in the order in which they are shown."""

RESERVED = {"baseline", "baselines", "columns", "config", "data", "distribute", "encoding", "folder", "held_by", "help"}
RESERVED |= {"items", "json", "json_file", "keep", "min_rating", "models", "named", "no_baselines", "protocol"}
RESERVED |= {"recipe", "recipes", "record", "report", "report_folder", "seed", "seeds", "separator", "trained"}
RESERVED |= {"user", "users", "validated", "validation", "weight"}
"""What the commands call their flags, outside and inside: no name for a hyper-parameter, a flag beside them."""

MODELS: dict[str, Model] = {name: EntryPoint(name, value, GROUP).load() for name, value in OURS.items()}
"""Model by name."""

PROVIDERS: dict[str, Distribution] = {}
"""The package that a model from outside came with, by the model's name."""

LEFT_OUT: list[str] = []
"""A sentence for each model from outside that cannot be used: one that is broken does not take the others along."""


def _load(point: EntryPoint) -> Model:
    if not NAME.fullmatch(point.name):
        raise Failure(f"its name is {point.name!r}, expected letters, digits, - and _")
    if point.name in MODELS:
        raise Failure("there is another model of this name")
    model = point.load()
    if not isinstance(model, Model):
        raise Failure(f"it is a {type(model).__name__}, expected an export.waist.model.Model")
    for name in model.hyper_parameters:
        if name in RESERVED or hasattr(Config, name):
            raise Failure(
                f"its hyper-parameter {name!r} is named like a flag of the commands or a method of Config, "
                "expected another name"
            )
    return model


for _point in sorted(entry_points(group=GROUP), key=lambda point: point.name):
    try:
        MODELS[_point.name] = _load(_point)
    except Exception as error:  # whatever the import of somebody's file raises
        why = error if isinstance(error, Failure | ValueError) else f"{type(error).__name__}: {error}"
        LEFT_OUT.append(f"the model {_point.name} ({_point.value}) is left out: {why}")
    else:
        if _point.dist is not None:
            PROVIDERS[_point.name] = _point.dist
