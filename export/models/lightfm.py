"""LightFM behind the narrow waist: its vectors, wrapped to look like the other two models."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from export.waist.config import HALF_LIFE, Config, hyper
from export.waist.model import TUNED, TUTORIAL, Model
from serving.errors import Failure

if TYPE_CHECKING:
    from export.data.interactions import Interactions
    from export.waist.factorized import Factorized, OnEpoch


OURS = "steps", "half_life"
"""Hyper-parameters that LightFM does not have: what comes of them is computed before."""


@dataclass(frozen=True, kw_only=True)
class LightFMConfig(Config):
    """Hyper-parameters of the LightFM model (WARP loss)."""

    components: int = hyper(64, "components of the user and item embeddings", least=1)
    epochs: int = hyper(10, "passes over the interactions", least=1)
    learning_rate: float = hyper(0.05, "initial step size of Adagrad", least=0.0)
    max_sampled: int = hyper(10, "negatives tried for each positive by WARP", least=1, below=2**31)
    user_alpha: float = hyper(0.0, "L2 penalty on the users' embeddings", least=0.0)
    features: float = hyper(0.0, "weight of genre, year, age … beside the identity; 0: identity only", least=0.0)
    half_life: float = hyper(0.0, HALF_LIFE, least=0.0)
    steps: int = hyper(100_000_000, "most steps of the training: passes that would exceed them are left out", least=1)
    threads: int = hyper(1, "threads; more than one never repeats exactly", least=1, below=1025)


def train(interactions: Interactions, config: LightFMConfig, *, seed: int, on_epoch: OnEpoch) -> Factorized:
    """Fit LightFM (WARP) on all interactions given; WARP keeps no loss, so NaN is reported."""
    import numpy as np

    from export.waist.factorized import Factorized
    from lightfm_adapter.training import Settings, fit
    from lightfm_adapter.vectors import vectors

    try:
        with np.errstate(invalid="ignore", over="ignore"):  # what comes of it is told below
            fitted = fit(
                interactions.matrix(),
                Settings(**_values(config, interactions), seed=seed),
                weights=interactions.weights(config.half_life),
                user_tags=interactions.user_tags,
                item_tags=interactions.item_tags,
                on_epoch=lambda epoch: on_epoch(epoch, math.nan),
            )
    except ValueError as error:  # it looks at its own numbers after each epoch
        what = str(error).rstrip(".")
        raise Failure(f"lightfm: {what}: try a lower --learning-rate than {config.learning_rate:g}") from error
    sides = vectors(fitted)
    return Factorized(
        user_vectors=sides.user_vectors,
        vectors=sides.item_vectors,
        item_biases=sides.item_biases,
        user_biases=sides.user_biases,
    )


def _values(config: LightFMConfig, interactions: Interactions) -> dict[str, Any]:
    """Give the hyper-parameters that are LightFM's own; of the epochs, as many as are run."""
    own = {name: value for name, value in asdict(config).items() if name not in OURS}
    return own | {"epochs": config.passes(rows=len(interactions), users=interactions.active())}


MODEL = Model(
    summary="LightFM: matrix factorization by ranking (WARP), with features",
    recipes={
        TUNED: LightFMConfig(epochs=117, learning_rate=0.015, max_sampled=74, user_alpha=1e-5, features=0.14),
        TUTORIAL: LightFMConfig(),
    },
    space={
        "learning_rate": (0.01, 0.03, True),
        "epochs": (50, 120, False),
        "max_sampled": (20, 120, True),
        "user_alpha": (1e-6, 5e-5, True),
        "features": (0.1, 1.0, True),
    },
    train=train,
    reads_tags=True,
    weighs=True,
    aside=True,
    shown=3,  # as many as LightFM's own examples print; the TFRS tutorials print more
)
