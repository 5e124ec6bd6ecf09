"""LightFM behind the narrow waist: its vectors, wrapped to look like the other two models."""

from __future__ import annotations

import math

from export.data.interactions import Interactions
from export.models.recipes import LightFMConfig
from export.waist.factorized import Factorized, OnEpoch, quiet
from lightfm_adapter.training import Settings, fit
from lightfm_adapter.vectors import vectors


def train(
    interactions: Interactions, config: LightFMConfig, *, seed: int = 42, on_epoch: OnEpoch = quiet
) -> Factorized:
    """Fit LightFM (WARP) on all interactions given; WARP keeps no loss, so NaN is reported."""
    settings = Settings(
        components=config.components,
        epochs=config.epochs,
        learning_rate=config.learning_rate,
        max_sampled=config.max_sampled,
        user_alpha=config.user_alpha,
        features=config.features,
        threads=config.threads,
        seed=seed,
    )
    users, items = interactions.users[interactions.user].tolist(), interactions.items[interactions.item].tolist()
    fitted = fit(
        interactions.users.tolist(),
        interactions.items.tolist(),
        list(zip(users, items, strict=True)),
        settings,
        user_tags=interactions.user_tags,
        item_tags=interactions.item_tags,
        on_epoch=lambda epoch: on_epoch(epoch, math.nan),
    )
    sides = vectors(fitted)
    return Factorized(
        user_vectors=sides.user_vectors,
        vectors=sides.item_vectors,
        item_biases=sides.item_biases,
        user_biases=sides.user_biases,
    )
