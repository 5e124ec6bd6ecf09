"""LightFM behind the narrow waist: its vectors, wrapped to look like the other two models."""

from __future__ import annotations

import math

import numpy as np
import tensorflow as tf

from export.data.interactions import Interactions
from export.models.recipes import LightFMConfig
from export.towers import fitting
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
        query_model=_fixed(interactions.users.tolist(), sides.user_vectors),
        vectors=sides.item_vectors,
        item_biases=sides.item_biases,
        user_biases=sides.user_biases,
    )


def _fixed(users: list[str], vectors: np.ndarray[tuple[int, int], np.dtype[np.float32]]) -> tf.keras.Model:
    """Look a user's fixed vector up; index 0, an unknown user, is the zero vector."""
    lookup = tf.keras.layers.StringLookup(vocabulary=users, mask_token=None)
    table = np.vstack([np.zeros_like(vectors[:1]), vectors])
    embedding = tf.keras.layers.Embedding(*table.shape, weights=[table], trainable=False)
    return tf.keras.Sequential([fitting.ids(), lookup, embedding])
