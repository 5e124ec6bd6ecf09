"""Read a fitted LightFM as plain vectors: score(u, i) = q_u·p_i + b_i + b_u (Kula 2015, arXiv:1507.08439, eq. 1)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from lightfm_adapter.training import Fitted

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True, kw_only=True)
class Vectors:
    """The two sides of a LightFM model.

    Attributes:
        user_vectors: `[n_users, d]` float32.
        user_biases: `[n_users]` float32; they move no item in a user's ranking.
        item_vectors: `[n_items, d]` float32.
        item_biases: `[n_items]` float32.
    """

    user_vectors: Floats
    user_biases: Floats
    item_vectors: Floats
    item_biases: Floats


def vectors(fitted: Fitted) -> Vectors:
    """Take the vectors and biases out of a fitted model, in the order of its users and items.

    What a user or an item is known by has its own vector, and theirs is the weighted sum (eq. 1 there).
    """
    user_biases, user_vectors = fitted.model.get_user_representations(fitted.user_features)
    item_biases, item_vectors = fitted.model.get_item_representations(fitted.item_features)
    return Vectors(
        user_vectors=np.asarray(user_vectors, np.float32),
        user_biases=np.asarray(user_biases, np.float32),
        item_vectors=np.asarray(item_vectors, np.float32),
        item_biases=np.asarray(item_biases, np.float32),
    )
