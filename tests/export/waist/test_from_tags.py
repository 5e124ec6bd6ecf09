"""Vectors from tags: whoever has tags and no interactions is placed among its like; everyone else stays."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from export.data.interactions import Interactions
from export.models.registry import MODELS
from export.quality import leaderboard
from export.quality.baselines import popular, tag_overlap
from export.quality.evaluation import AMONG_NEW, evaluate
from export.quality.protocols import split
from export.waist.factorized import Factorized
from export.waist.from_tags import RIDGE, complete


@pytest.fixture(scope="module")
def data() -> Interactions:
    """90 users of three tastes over 60 items of three genres, which their tags name."""
    rng = np.random.default_rng(1)
    pairs = [(u, i) for u in range(90) for i in range(60) if rng.random() < (0.6 if i % 3 == u % 3 else 0.05)]
    item_tags = {f"i{i:02}": (f"genre:{i % 3}", f"year:{1990 + i % 4}") for i in range(60)}
    return Interactions.from_ids([f"u{u:02}" for u, _ in pairs], [f"i{i:02}" for _, i in pairs], item_tags=item_tags)


def model(n_users: int, n_items: int) -> Factorized:
    rng = np.random.default_rng(2)
    users, items = (rng.normal(size=(n, 4)).astype(np.float32) for n in (n_users, n_items))
    biases = (rng.normal(size=n).astype(np.float32) for n in (n_items, n_users))
    return Factorized(user_vectors=users, vectors=items, item_biases=next(biases), user_biases=next(biases))


def test_a_new_item_gets_what_ridge_regression_on_tags_says_and_the_others_stay(data: Interactions) -> None:
    known = data.rows(data.item != 7)
    before = model(len(data.users), len(data.items))
    after = complete(before, known)
    others = np.arange(60) != 7
    kinds = sorted({tag for own in data.item_tags for tag in own})
    tags = np.array([[tag in own for tag in kinds] for own in data.item_tags], float)
    target = np.column_stack([before.vectors, before.item_biases])[others].astype(float)
    mean = target.mean(axis=0)
    gram = tags[others].T @ tags[others] + RIDGE * np.eye(len(kinds))
    expected = mean + tags[7] @ np.linalg.solve(gram, tags[others].T @ (target - mean))
    np.testing.assert_allclose(np.append(after.vectors[7], after.item_biases[7]), expected, rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(after.vectors[others], before.vectors[others])
    np.testing.assert_array_equal(after.user_vectors, before.user_vectors)


def test_with_everyone_met_or_without_tags_nothing_changes(data: Interactions) -> None:
    before = model(len(data.users), len(data.items))
    bare = replace(data.rows(data.item != 7), item_tags=((),) * 60)
    for interactions in (data, bare):
        after = complete(before, interactions)
        np.testing.assert_array_equal(after.vectors, before.vectors)
        np.testing.assert_array_equal(after.item_biases, before.item_biases)


@pytest.mark.training
@pytest.mark.parametrize("name", MODELS)
def test_new_items_are_found_by_their_tags_in_every_model(data: Interactions, name: str) -> None:
    parts = split(data, "new-items")
    assert parts.new_items is not None
    assert parts.new_items.sum() == 6
    assert not parts.new_items[parts.train.item].any()
    assert parts.new_items[parts.test.item].all()
    config = replace(MODELS[name].recipes["tuned"], epochs=15)
    reached = leaderboard.run(leaderboard.entry(name, "short", config), parts, seed=3).outcome.figures()[AMONG_NEW]
    assert reached > 1.2 * evaluate(parts, popular(parts.train, 0)).figures()[AMONG_NEW]


def test_tag_overlap_ranks_what_shares_tags_with_what_one_has(data: Interactions) -> None:
    parts = split(data, "new-items")
    figures = evaluate(parts, tag_overlap(parts.train, 0)).figures()
    assert figures[AMONG_NEW] > 1.2 * evaluate(parts, popular(parts.train, 0)).figures()[AMONG_NEW]
