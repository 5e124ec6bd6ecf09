"""LightFM with what is known of users and items beside who they are."""

from __future__ import annotations

import math
import subprocess
import sys

import numpy as np
from modules import ROOT
from scipy import sparse

from lightfm_adapter.training import Settings, fit, weighed_features
from lightfm_adapter.vectors import vectors

USERS, ITEMS = ["u", "v"], ["a", "b", "c"]
USER_TAGS, ITEM_TAGS = [("age:25",), ()], [("genre:Crime", "genre:Drama"), ("genre:Drama",), ()]


def rows(*pairs: tuple[str, str]) -> sparse.coo_matrix:
    at = [USERS.index(user) for user, _ in pairs], [ITEMS.index(item) for _, item in pairs]
    return sparse.coo_matrix((np.ones(len(pairs), np.float32), at), shape=(len(USERS), len(ITEMS)))


WITHOUT_SKLEARN = """
import sys
sys.modules["sklearn"] = None
from scipy.sparse import identity
from lightfm_adapter.training import Settings, fit
settings = Settings(components=2, epochs=1, learning_rate=0.1, max_sampled=5, features=0.5)
fit(identity(3, "float32").tocoo(), settings, user_tags=[("a",)] * 3, on_epoch=print)
"""

SETTINGS = Settings(components=4, epochs=3, learning_rate=0.1, max_sampled=5, features=0.5)


def test_tags_weigh_what_they_are_told_to_and_many_as_much_as_one() -> None:
    fitted = fit(rows(("u", "a")), SETTINGS, user_tags=USER_TAGS, item_tags=ITEM_TAGS, on_epoch=print)
    assert fitted.user_features is not None
    assert fitted.item_features is not None
    np.testing.assert_allclose(fitted.user_features.toarray(), [[1, 0, 0.5], [0, 1, 0]])
    crime_and_drama = 0.5 / np.sqrt(2)
    np.testing.assert_allclose(
        fitted.item_features.toarray(),
        [[1, 0, 0, crime_and_drama, crime_and_drama], [0, 1, 0, 0, 0.5], [0, 0, 1, 0, 0]],
    )


def test_a_training_imports_no_scikit_learn() -> None:
    subprocess.run([sys.executable, "-c", WITHOUT_SKLEARN], cwd=ROOT, check=True)


def test_the_features_of_the_tags_are_those_that_lightfm_makes_of_them() -> None:
    from lightfm.data import Dataset  # here: it imports scikit-learn

    rng = np.random.default_rng(3)
    names = [f"item {item}" for item in range(40)]
    tags = [tuple(rng.choice(["a", "b", "c", "d", "a"], rng.integers(5))) for _ in names]
    dataset = Dataset()
    dataset.fit(["nobody"], names, item_features=[tag for own in tags for tag in own])
    weighed = (
        (name, dict.fromkeys(own, 0.3 / math.sqrt(len(own) or 1))) for name, own in zip(names, tags, strict=True)
    )
    expected, found = dataset.build_item_features(weighed, normalize=False), weighed_features(len(names), tags, 0.3)
    assert found.shape == expected.shape
    for part in ("indptr", "indices", "data"):  # LightFM adds up in their order
        made, right = getattr(found, part), getattr(expected, part)
        assert (made.dtype, made.tolist()) == (right.dtype, right.tolist())


def test_vectors_and_biases_score_as_the_model_with_its_features_does() -> None:
    pairs = rows(("u", "a"), ("u", "b"), ("v", "c"))
    fitted = fit(pairs, SETTINGS, user_tags=USER_TAGS, item_tags=ITEM_TAGS, on_epoch=print)
    sides = vectors(fitted)
    scores = sides.user_vectors @ sides.item_vectors.T + sides.item_biases + sides.user_biases[:, None]
    features = {"user_features": fitted.user_features, "item_features": fitted.item_features}
    expected = fitted.model.predict(np.repeat([0, 1], 3), np.tile([0, 1, 2], 2), **features)
    np.testing.assert_allclose(scores.ravel(), expected, atol=1e-6)


def test_without_a_weight_tags_change_nothing() -> None:
    plain = Settings(components=4, epochs=3, learning_rate=0.1, max_sampled=5)
    pairs = rows(("u", "a"), ("v", "c"))
    tagged = fit(pairs, plain, user_tags=USER_TAGS, item_tags=ITEM_TAGS, on_epoch=print)
    untagged = fit(pairs, plain, on_epoch=print)
    assert tagged.item_features is None
    np.testing.assert_array_equal(vectors(tagged).item_vectors, vectors(untagged).item_vectors)
