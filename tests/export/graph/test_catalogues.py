"""Catalogues of every size, whole and in parts: what is published of them answers like numpy, and can be read back."""

import numpy as np
import pytest

from export.bulk.embeddings import read_vectors
from export.data.interactions import Interactions
from export.graph import parts
from export.graph.parts import BLOCK, PART, SMALL
from export.graph.plan import Plan
from export.graph.query import KEPT
from export.graph.recommender import Recommender
from export.publishing.agreement import cases, first_difference, session
from export.publishing.agreement import requests as proof
from export.publishing.oracle import Oracle
from export.publishing.twin import twin, write_twin
from export.waist.factorized import Factorized, History

pytestmark = pytest.mark.training

SCAN = Plan(head=2, candidates=64, falls_back=0.0, cost=0.1)
CASES = (
    (3, None, KEPT, PART),
    (SMALL + 700, None, KEPT, PART),
    (SMALL + 700, None, KEPT, 9 * BLOCK),
    (SMALL + 700, None, 0, 9 * BLOCK),
    (SMALL + 700, SCAN, KEPT, 9 * BLOCK),
    (300, SCAN, KEPT, PART),
)


@pytest.mark.parametrize(
    ("size", "scan", "kept", "part"),
    [*(pytest.param(*case, marks=pytest.mark.untraced) for case in CASES[:-1]), CASES[-1]],
)
def test_catalogues_of_a_few_items_of_many_and_of_those_that_are_scanned_answer_like_numpy(
    size, scan, kept, part, tmp_path, monkeypatch
):
    monkeypatch.setattr(parts, "PART", part)
    rng = np.random.default_rng(size)
    names = [f"item {i}" for i in range(size)]
    interactions = Interactions.from_ids([str(i % 9) for i in range(size)], names)
    users = interactions.users
    users_like = rng.standard_normal((size + 1, 3), dtype=np.float32)
    model = Factorized(
        user_vectors=rng.standard_normal((len(users), 5), dtype=np.float32),
        vectors=rng.standard_normal((size, 5), dtype=np.float32),
        item_biases=rng.standard_normal(size, dtype=np.float32),
        user_biases=rng.standard_normal(len(users), dtype=np.float32),
        history=None if scan is None else History(start=users_like[0], vectors=users_like[1:], wide=np.array([0, 2])),
    )
    Recommender(model, interactions, scan, kept=kept).save(tmp_path)
    write_twin(tmp_path, tmp_path / "twin")
    expected = list(cases(Oracle(model, interactions).answer, proof(interactions)))
    with session(tmp_path) as answer:
        assert first_difference(expected, answer) is None
    assert first_difference(expected, twin(tmp_path / "twin")) is None
    vectors, right = read_vectors(tmp_path, items=size), model.user_vectors @ model.vectors.T + model.item_biases
    np.testing.assert_allclose(vectors.users @ vectors.items.T, right, atol=1e-5)
    assert np.array_equal(vectors.popularity, interactions.popularity())
