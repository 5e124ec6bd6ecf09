"""Weights, through every model: what weighs more ranks higher, by a column's weights and by age."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from export.data.interactions import DAY, Interactions
from export.models.registry import MODELS as ALL
from export.models.registry import OURS
from export.waist.factorized import quiet

pytestmark = pytest.mark.training

LIKES = 24
"""Users who have each of two items; nobody has both, and everyone has one more, so that there is something given."""


@pytest.fixture(scope="module")
def rows() -> Interactions:
    """Half of the users have what is old, half what is new; one more has neither."""
    pairs = [(f"u{n:02}", item) for n in range(2 * LIKES) for item in ("given", "new" if n % 2 else "old")]
    pairs += [("asked", "given"), ("asked", "other")]
    times = np.array([0 if item == "old" else 100 * DAY for _, item in pairs])
    return Interactions.from_ids([user for user, _ in pairs], [item for _, item in pairs], times)


def lead(rows: Interactions, name: str, recipe: str, half_life: float = 0.0) -> float:
    """Train, and tell by how much what is new is ahead of what is old for the one who has neither."""
    config = replace(ALL[name].recipes[recipe], epochs=40, half_life=half_life)
    made = ALL[name].train(rows, config, seed=3, on_epoch=quiet)
    asked = rows.users.tolist().index("asked")
    scores = made.vectors @ made.user_vectors[asked] + made.item_biases
    return float(scores[rows.items.tolist().index("new")] - scores[rows.items.tolist().index("old")])


@pytest.mark.untraced
@pytest.mark.parametrize("name", OURS)
def test_what_weighs_more_ranks_higher(rows: Interactions, name: str) -> None:
    new = rows.items[rows.item] == "new"
    heavy = replace(rows, weight=np.where(new, 20, 1).astype(np.float32))
    light = replace(rows, weight=np.where(new, 0.05, 1).astype(np.float32))
    assert lead(heavy, name, "tuned") > 0 > lead(light, name, "tuned")


@pytest.mark.untraced
@pytest.mark.parametrize("name", OURS)
def test_with_a_half_life_what_is_recent_ranks_higher_than_without(rows: Interactions, name: str) -> None:
    assert lead(rows, name, "tuned", half_life=10.0) > max(0.0, lead(rows, name, "tuned"))


@pytest.mark.parametrize("name", ["two_tower", "wide_deep"])
def test_the_batch_loss_takes_weights_too(rows: Interactions, name: str) -> None:
    ones = replace(rows, weight=np.full(len(rows), 7, np.float32))
    aged = lead(rows, name, "tutorial", half_life=10.0)
    assert lead(ones, name, "tutorial") == lead(rows, name, "tutorial") != aged
