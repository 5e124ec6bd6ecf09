"""The models' hyper-parameters and the recipes, named sets of them; standard library only.

They stand apart from the models so that ``triptych train --help`` can list every flag without importing
TensorFlow. Each field is written once: flags, manifest and the README's table come from it.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import Any

TUTORIAL = "tutorial"
TUNED = "tuned"
DEFAULT_RECIPE = TUNED

BATCH, CATALOGUE = LOSSES = "batch", "catalogue"
"""What the softmax of the two TFRS models runs over: see ``export.towers.retriever``."""


def _hyper(
    default: Any, text: str, *, least: float | None = None, below: float | None = None, among: tuple[str, ...] = ()
) -> Any:
    return field(default=default, metadata={"help": text, "least": least, "below": below, "among": among})


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
            if spec.metadata["among"] and value not in spec.metadata["among"]:
                raise ValueError(f"{spec.name} is {value!r}, expected {' or '.join(spec.metadata['among'])}")


@dataclass(frozen=True, kw_only=True)
class TowersConfig(Config):
    """What the two TFRS models share. ``dropout`` to ``averaging`` belong to the catalogue loss."""

    loss: str = _hyper(BATCH, "softmax over the items of the batch, or over the whole catalogue", among=LOSSES)
    embedding: int = _hyper(64, "components of the user and item embeddings", least=1)
    epochs: int = _hyper(3, "passes over the interactions", least=1)
    batch: int = _hyper(4096, "in a step: interactions (batch loss) or users (catalogue loss)", least=1)
    learning_rate: float = _hyper(0.5, "step size of Adagrad (batch loss) or Adam (catalogue loss)", least=0.0)
    dropout: float = _hyper(0.0, "share of a history, of ids and of components hidden in a step", least=0.0, below=1.0)
    future: float = _hyper(0.0, "share of users parted by time, not at random", least=0.0, below=1.0)
    l2: float = _hyper(0.0, "weight of the embeddings' mean squared length", least=0.0)
    averaging: float = _hyper(
        0.0, "most momentum of the moving average of the weights, which is kept; 0: the last", least=0.0, below=1.0
    )


@dataclass(frozen=True, kw_only=True)
class TwoTowerConfig(TowersConfig):
    """Hyper-parameters of the two-tower model; the defaults are the TFRS quickstart's."""


@dataclass(frozen=True, kw_only=True)
class WideDeepConfig(TowersConfig):
    """Hyper-parameters of the wide & deep model; the defaults are the tutorials', which have no wide part."""

    hidden: int = _hyper(
        64, "units of the dense layer over each embedding, the components of vectors; 0: none", least=0
    )
    wide: int = _hyper(0, "items that are crossed with the candidate; 0: no wide part", least=0, below=449)
    wide_scale: float = _hyper(1.0, "what the wide part's first weights are multiplied by", least=0.0)
    wide_ridge: float = _hyper(400.0, "L2 penalty of the least squares the first weights are from", least=0.0)
    wide_l2: float = _hyper(1.0, "weight of the squared distance from the first weights", least=0.0)
    wide_hidden: float = _hyper(0.0, "share of users from whom the wide part is hidden in a step", least=0.0, below=1.0)


@dataclass(frozen=True, kw_only=True)
class LightFMConfig(Config):
    """Hyper-parameters of the LightFM model (WARP loss)."""

    components: int = _hyper(64, "components of the user and item embeddings", least=1)
    epochs: int = _hyper(10, "passes over the interactions", least=1)
    learning_rate: float = _hyper(0.05, "initial step size of Adagrad", least=0.0)
    max_sampled: int = _hyper(10, "negatives tried for each positive by WARP", least=1)
    user_alpha: float = _hyper(0.0, "L2 penalty on the users' embeddings", least=0.0)
    features: float = _hyper(0.0, "weight of genre, year, age … beside the identity; 0: identity only", least=0.0)
    threads: int = _hyper(1, "threads; more than one never repeats exactly", least=1)


RECIPES: dict[str, dict[str, Config]] = {
    "two_tower": {
        TUNED: TwoTowerConfig(
            loss=CATALOGUE,
            epochs=140,
            batch=128,
            learning_rate=0.0033,
            dropout=0.37,
            future=0.1,
            l2=0.15,
            averaging=0.99,
        ),
        TUTORIAL: TwoTowerConfig(),
    },
    "wide_deep": {
        TUNED: WideDeepConfig(
            loss=CATALOGUE,
            epochs=100,
            batch=128,
            learning_rate=0.0032,
            dropout=0.42,
            future=0.12,
            l2=0.11,
            averaging=0.99,
            hidden=0,
            wide=448,
            wide_scale=12.0,
            wide_l2=10.0,
            wide_hidden=0.71,
        ),
        TUTORIAL: WideDeepConfig(),
    },
    "lightfm": {
        TUNED: LightFMConfig(epochs=117, learning_rate=0.015, max_sampled=74, user_alpha=1e-5, features=0.14),
        TUTORIAL: LightFMConfig(),
    },
}
"""Recipe by model and recipe name; the tuned ones were chosen on validation parts: see ``export.quality.tune``."""
