"""The narrow waist: what training hands over, and all that index, export, ONNX and evaluation know of a model.

A model module has ``train(interactions, config, *, seed, on_epoch) -> Factorized``; everything after it is
written once, so a fourth model is one file.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import tensorflow as tf

OnEpoch = Callable[[int, float], None]
"""Told after each epoch: its number, from 1, and the training loss (NaN where the model has none)."""


def quiet(epoch: int, loss: float) -> None:
    """Report nothing: the default ``on_epoch``."""


@dataclass(frozen=True, kw_only=True)
class Factorized:
    """A trained model whose score is ``q(user)·v(item) + item_bias + user_bias``.

    Users and items are aligned with the ``Interactions`` the model was trained on.

    Attributes:
        query_model: Keras model, `[batch]` user id strings -> `[batch, d]` float32.
        vectors: `[n_items, d]` float32, the item embeddings: what ``similar`` takes the cosine of.
        item_biases: `[n_items]` float32, part of the ranking.
        user_biases: `[n_users]` float32, added to a user's scores after ranking: it moves no item, and inside
            the dot product it would only cost digits.
        history_model: Keras model, `[batch, n]` item strings padded with ``""`` -> `[batch, d]` float32, for a
            model whose user tower reads a history; None: ``recommend_from`` folds in by least squares.
    """

    query_model: tf.keras.Model
    vectors: npt.NDArray[np.float32]
    item_biases: npt.NDArray[np.float32]
    user_biases: npt.NDArray[np.float32]
    history_model: tf.keras.Model | None = None
