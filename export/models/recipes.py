"""The models' recipes, named sets of hyper-parameters; standard library only.

They stand apart from the models so that ``triptych train --help`` can list every flag without importing
TensorFlow.
"""

from __future__ import annotations

from dataclasses import dataclass

from export.towers.config import CATALOGUE, TowersConfig
from export.waist.config import Config, hyper

TUTORIAL = "tutorial"
TUNED = "tuned"
DEFAULT_RECIPE = TUNED


@dataclass(frozen=True, kw_only=True)
class TwoTowerConfig(TowersConfig):
    """Hyper-parameters of the two-tower model; the defaults are the TFRS quickstart's."""


@dataclass(frozen=True, kw_only=True)
class WideDeepConfig(TowersConfig):
    """Hyper-parameters of the wide & deep model; the defaults are the tutorials', which have no wide part."""

    hidden: int = hyper(64, "units of the dense layer over each embedding, the components of vectors; 0: none", least=0)
    wide: int = hyper(0, "items that are crossed with the candidate; 0: no wide part", least=0, below=449)
    wide_scale: float = hyper(1.0, "what the wide part's first weights are multiplied by", least=0.0)
    wide_ridge: float = hyper(400.0, "L2 penalty of the least squares the first weights are from", least=0.0)
    wide_l2: float = hyper(1.0, "weight of the squared distance from the first weights", least=0.0)
    wide_hidden: float = hyper(0.0, "share of users from whom the wide part is hidden in a step", least=0.0, below=1.0)


@dataclass(frozen=True, kw_only=True)
class LightFMConfig(Config):
    """Hyper-parameters of the LightFM model (WARP loss)."""

    components: int = hyper(64, "components of the user and item embeddings", least=1)
    epochs: int = hyper(10, "passes over the interactions", least=1)
    learning_rate: float = hyper(0.05, "initial step size of Adagrad", least=0.0)
    max_sampled: int = hyper(10, "negatives tried for each positive by WARP", least=1)
    user_alpha: float = hyper(0.0, "L2 penalty on the users' embeddings", least=0.0)
    features: float = hyper(0.0, "weight of genre, year, age … beside the identity; 0: identity only", least=0.0)
    threads: int = hyper(1, "threads; more than one never repeats exactly", least=1)


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
