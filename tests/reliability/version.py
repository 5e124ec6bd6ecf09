"""A models folder to attack: one version as large as MovieLens 100k's, not trained, and copies of it to reload."""

from __future__ import annotations

import shutil
from pathlib import Path

import export  # noqa: F401  isort: skip - selects Keras 2

import numpy as np

from export.data.interactions import Interactions
from export.graph.recommender import Recommender
from export.publishing.twin import write_twin
from export.publishing.warmup_requests import write_warmup
from export.waist.factorized import Factorized

MODEL = "attacked"
USERS, ITEMS, COMPONENTS, RATINGS = 943, 1664, 64, 100_000
TAGS = 18  # genres, the commonest of which nearly half of the items have


def write_models(folder: Path) -> Path:
    """Write version 1; return the models folder."""
    rng = np.random.default_rng(42)
    users, items = [str(user + 1) for user in range(USERS)], [f"Film {item}, The (1990)" for item in range(ITEMS)]
    drawn = np.unique(rng.integers(0, USERS * ITEMS, RATINGS))
    tags = {name: tuple(f"genre:{tag}" for tag in range(TAGS) if rng.random() < 0.45 / (1 + tag)) for name in items}
    known = Interactions.from_ids(
        [users[one // ITEMS] for one in drawn], [items[one % ITEMS] for one in drawn], item_tags=tags
    )
    vectors = [rng.normal(size=(len(names), COMPONENTS)).astype(np.float32) for names in (known.users, known.items)]
    model = Factorized(
        user_vectors=vectors[0],
        vectors=vectors[1],
        item_biases=np.zeros(len(known.items), np.float32),
        user_biases=np.zeros(len(known.users), np.float32),
        history=None,
    )
    version = folder / MODEL / "1"
    Recommender(model, known).save(version)
    write_twin(version, version / "assets.extra" / "onnx")
    write_warmup(version, MODEL, known)
    return folder


def publish_again(folder: Path) -> int:
    """Copy the latest version to the next number, whole or not at all, and take the oldest but two away."""
    numbers = sorted(int(path.name) for path in (folder / MODEL).iterdir() if path.name.isdigit())
    coming = folder / MODEL / "coming"
    shutil.copytree(folder / MODEL / str(numbers[-1]), coming)
    coming.rename(folder / MODEL / str(numbers[-1] + 1))
    for number in numbers[:-2]:
        shutil.rmtree(folder / MODEL / str(number))
    return numbers[-1] + 1
