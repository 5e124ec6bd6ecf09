"""The models' hyper-parameters and the recipes, named sets of them; standard library only.

They stand apart from the models so that ``triptych train --help`` can list every flag without importing
TensorFlow. Each field is written once: flags, manifest and the README's table come from it.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import Any

TUTORIAL = "tutorial"
DEFAULT_RECIPE = TUTORIAL


def _hyper(default: Any, text: str, *, least: float | None = None, below: float | None = None) -> Any:
    return field(default=default, metadata={"help": text, "least": least, "below": below})


@dataclass(frozen=True, kw_only=True)
class Config:
    """Base of the three: checks each field against the bounds it is declared with.

    Raises:
        ValueError: a field is outside its bounds; the message names field, value and bound.
    """

    def __post_init__(self) -> None:
        for spec in fields(self):
            value, least, below = getattr(self, spec.name), spec.metadata["least"], spec.metadata["below"]
            if (least is not None and not value >= least) or (below is not None and not value < below):
                bound = f"at least {least}" if below is None else f"at least {least} and below {below}"
                raise ValueError(f"{spec.name} is {value}, expected {bound}")


@dataclass(frozen=True, kw_only=True)
class TwoTowerConfig(Config):
    """Hyper-parameters of the two-tower model; the defaults are the TFRS quickstart's."""

    embedding: int = _hyper(64, "components of the user and item embeddings", least=1)
    epochs: int = _hyper(3, "passes over the interactions", least=1)
    batch: int = _hyper(4096, "interactions in a step", least=1)
    learning_rate: float = _hyper(0.5, "step size of Adagrad", least=0.0)


@dataclass(frozen=True, kw_only=True)
class WideDeepConfig(Config):
    """Hyper-parameters of the wide & deep model; the defaults are the tutorials', which have no wide part."""

    embedding: int = _hyper(64, "components of the user and item embeddings", least=1)
    hidden: int = _hyper(64, "units of each tower's dense layer: the components of its vectors", least=1)
    wide: int = _hyper(0, "cross-product features an item is paired with; 0: no wide part", least=0, below=449)
    epochs: int = _hyper(3, "passes over the interactions", least=1)
    batch: int = _hyper(4096, "interactions in a step", least=1)
    learning_rate: float = _hyper(0.5, "step size of Adagrad", least=0.0)


@dataclass(frozen=True, kw_only=True)
class LightFMConfig(Config):
    """Hyper-parameters of the LightFM model (WARP loss)."""

    components: int = _hyper(64, "components of the user and item embeddings", least=1)
    epochs: int = _hyper(10, "passes over the interactions", least=1)
    learning_rate: float = _hyper(0.05, "initial step size of Adagrad", least=0.0)
    max_sampled: int = _hyper(10, "negatives tried for each positive by WARP", least=1)
    threads: int = _hyper(1, "threads; more than one never repeats exactly", least=1)


RECIPES: dict[str, dict[str, Config]] = {
    "two_tower": {TUTORIAL: TwoTowerConfig()},
    "wide_deep": {TUTORIAL: WideDeepConfig()},
    "lightfm": {TUTORIAL: LightFMConfig()},
}
"""Recipe by model and recipe name."""
