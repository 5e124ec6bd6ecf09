"""The narrow waist: what training hands over, and all that index, export, ONNX and evaluation know of a model.

A model module has ``train(interactions, config, *, seed, on_epoch) -> Factorized``; everything after it is
written once, so a fourth model is one file. What is handed over is numpy arrays and nothing else: vectors that were
made elsewhere fit as well as our own.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from export.data.interactions import Interactions
from serving.contract import PADDING
from serving.errors import Failure

OnEpoch = Callable[[int, float], None]
"""Told after each epoch: its number, from 1, and the training loss (NaN where the model has none)."""

Floats = npt.NDArray[np.float32]

LARGEST = 1e15
"""A component of a vector at the most: a product of two vectors stays a float32."""


def quiet(epoch: int, loss: float) -> None:
    """Report nothing: the default ``on_epoch``."""


@dataclass(frozen=True, kw_only=True)
class History:
    """How a model makes a vector of m items that someone has: ``start + Σ vectors[i] / √m``, followed by ``wide``.

    Attributes:
        start: `[e]` float32, what everyone has who has no id.
        vectors: `[n_items, e]` float32.
        wide: `[w]` items each of which is a component of its own, past the first e: ``1 / √m`` for who has it, else 0.
            A model's ``d`` is ``e + w``.
    """

    start: Floats
    vectors: Floats
    wide: npt.NDArray[np.int64]


@dataclass(frozen=True, kw_only=True)
class Factorized:
    """A trained model whose score is ``q(user)·v(item) + item_bias + user_bias``.

    Users and items are aligned with the ``Interactions`` the model was trained on. A known user's vector is a constant
    until the next version, whatever it was computed from: it is kept, not computed again with each request.

    Attributes:
        user_vectors: `[n_users, d]` float32.
        vectors: `[n_items, d]` float32, the item embeddings: what ``similar`` takes the cosine of.
        item_biases: `[n_items]` float32, part of the ranking.
        user_biases: `[n_users]` float32, added to a user's scores after ranking: it moves no item, and inside
            the dot product it would only cost digits.
        history: for a model that has learnt to read what one has; None: ``recommend_from`` folds in by least squares.
    """

    user_vectors: Floats
    vectors: Floats
    item_biases: Floats
    user_biases: Floats
    history: History | None = None


def check(model: Factorized, interactions: Interactions) -> None:
    """Refuse a model that does not fit the interactions, or that training has driven to infinity.

    Raises:
        Failure: see the sentences.
    """
    users, items = len(interactions.users), len(interactions.items)
    found = tuple(map(len, (model.user_vectors, model.vectors, model.item_biases, model.user_biases)))
    if found != (users, items, items, users):
        raise Failure(
            f"the model has {found} user vectors, item vectors, item biases and user biases, "
            f"expected {(users, items, items, users)}"
        )
    if PADDING in interactions.items:
        raise Failure("an item has the empty name, which stands for no item in requests and answers, expected a name")
    for name in ("user_vectors", "vectors", "item_biases", "user_biases"):
        if not (np.abs(getattr(model, name)) < LARGEST).all():  # nor is NaN
            raise Failure(f"{name} of the model hold NaN, infinity or more than {LARGEST:g}: try a lower learning rate")
