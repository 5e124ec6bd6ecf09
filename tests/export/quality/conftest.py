"""Tastes to be measured by: small enough to be trained on again and again, large enough to be found."""

from __future__ import annotations

import numpy as np
import pytest

from export.data.interactions import Interactions


@pytest.fixture(scope="module")
def data() -> Interactions:
    """60 users of three tastes over 30 items, with times."""
    rng = np.random.default_rng(1)
    pairs = [(u, i) for u in range(60) for i in range(30) if rng.random() < (0.7 if i % 3 == u % 3 else 0.08)]
    return Interactions.from_ids(
        [f"{u + 1}" for u, _ in pairs], [f"i{i:02}" for _, i in pairs], rng.permutation(len(pairs))
    )
