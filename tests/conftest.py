"""What many tests need; TensorFlow only where it comes to be needed, for who hands the tests out does without."""

from __future__ import annotations

import fcntl
import gc
import os
import shutil
import sys
import threading
from collections import defaultdict
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from export.data.interactions import Interactions
from export.waist.factorized import Factorized, History

if TYPE_CHECKING:
    from export.graph.recommender import Recommender

gc.disable()  # until the tests are collected: see pytest_collection_finish

collect_ignore_glob = ["reliability/*"]  # programs, with the folder they run in on their path

USERS, ITEMS, COMPONENTS = 30, 40, 8
TAGS = ("genre:Comedy", "genre:Drama", "jahr:1999", "ジャンル:映画", "a,b|c", "genre:Western", "rare")
KINDS = ("plain", "item_biases", "user_biases", "history")
SCORED = ("user_biases", "history")
"""Of these the users' scores are kept, as of any small version; of the others they are multiplied."""


@dataclass(frozen=True, kw_only=True)
class Tiny:
    """A version of a model that was not trained: its folder, and what it was made from."""

    folder: Path
    model: Factorized
    interactions: Interactions
    recommender: Recommender


@pytest.fixture(scope="session")
def tiny_interactions():
    """30 users and 40 items, one of each without interactions; titles as MovieLens has them and worse."""
    rng = np.random.default_rng(7)
    items = [f"Film {i} ({1990 + i % 9})" for i in range(ITEMS - 4)] + ["<img src=x onerror=alert(1)>"]
    items += ["Amélie (2001)", 'A, "B"\\C', "日本"]
    pairs = [(u, i) for u in range(USERS) for i in range(ITEMS) if rng.random() < 0.2 or u == 1 or i == 2]
    users = [str(u + 1) for u in range(USERS)]
    tags = {name: TAGS[: i % 5] + TAGS[i % 7 : i % 3 + 4] for i, name in enumerate(items)}  # some twice, some none
    full = Interactions.from_ids([users[u] for u, _ in pairs], [items[i] for _, i in pairs], item_tags=tags)
    return full.rows((full.user != 4) & (full.item != 9))


def tiny_history():
    rng = np.random.default_rng(9)
    vectors = rng.standard_normal((ITEMS, COMPONENTS - 3), dtype=np.float32)
    return History(start=vectors[7] / 2, vectors=vectors, wide=np.array([2, 39, 5]))


def tiny_model(interactions, kind):
    """Vectors of quarters, so that every score is exact in float32; equal and zero vectors among them."""
    rng = np.random.default_rng(KINDS.index(kind))
    quarters = [rng.integers(-6, 7, (n, COMPONENTS)).astype(np.float32) / 4 for n in (USERS, ITEMS)]
    users, items = quarters
    items[5], items[11], items[20] = items[3], items[3], 0
    biases = [rng.integers(-9, 10, n).astype(np.float32) / 4 for n in (ITEMS, USERS)]
    return Factorized(
        user_vectors=users,
        vectors=items,
        item_biases=biases[0] * (kind in ("item_biases", "user_biases")),
        user_biases=biases[1] * (kind == "user_biases"),
        history=tiny_history() if kind == "history" else None,
    )


def pytest_collection_modifyitems(items):
    """Begin with the files that train, which take longest: begun last, one would keep a single process busy.

    After them those of a folder are spread over the whole run, for what waits lies together, and what computes does;
    from the last to the first, for the longest of them stand late in the alphabet.
    """
    training = {item.path for item in items if item.get_closest_marker("training")}
    folders = defaultdict(dict)
    for item in items:
        files = folders[item.path.parent]
        files.setdefault(item.path, len(files))
    place = {file: -number / len(files) for files in folders.values() for file, number in files.items()}
    items.sort(key=lambda item: (item.path not in training, place[item.path]))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item):
    """Do not count the lines of what is ``untraced``, fixtures and threads that are begun there included.

    Not by pytest-cov's own ``no_cover``: in a process of pytest-xdist, beneath what that pauses, another counts on.
    """
    if not item.get_closest_marker("untraced"):
        return (yield)
    counting = sys.gettrace(), threading.gettrace()
    sys.settrace(None)
    threading.settrace(None)
    try:
        return (yield)
    finally:
        sys.settrace(counting[0])
        threading.settrace(counting[1])


def pytest_collection_finish():
    """Keep what was imported and collected out of the garbage collector's turns, as serving.lasting does."""
    gc.freeze()
    gc.enable()


@contextmanager
def once_for_all_workers(tmp_path_factory, name):
    """Give a folder that the processes of a run share, and whether the caller is the first, who is to fill it."""
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / name
    filled = folder.with_suffix(".filled")
    with folder.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield folder, not filled.exists()
        filled.touch()


@pytest.fixture(scope="session")
def tiny_versions(tmp_path_factory, tiny_interactions):
    """One version of each kind of model: SavedModel and twin, at tiny/<kind>/1."""
    from export.graph.query import KEPT
    from export.graph.recommender import Recommender
    from export.publishing.twin import write_twin

    made = {}
    with once_for_all_workers(tmp_path_factory, "tiny") as (models, first):
        for kind in KINDS:
            model, folder = tiny_model(tiny_interactions, kind), models / kind / "1"
            recommender = Recommender(model, tiny_interactions, kept=KEPT if kind in SCORED else 0)
            if first:
                recommender.save(folder)
                write_twin(folder, folder / "assets.extra" / "onnx")
            made[kind] = Tiny(folder=folder, model=model, interactions=tiny_interactions, recommender=recommender)
    return made


@pytest.fixture(scope="session")
def tiny_version(tiny_versions):
    """The version with the most in it: item biases and user biases."""
    return tiny_versions["user_biases"]


@pytest.fixture
def first_contract(tiny_version, tmp_path):
    """The same version as it was published before contract 2, at first/1: without recommend_within."""
    from tensorflow.core.protobuf import saved_model_pb2

    folder = tmp_path / "first" / "1"
    shutil.copytree(tiny_version.folder, folder)
    saved = saved_model_pb2.SavedModel.FromString((folder / "saved_model.pb").read_bytes())
    for graph in saved.meta_graphs:
        del graph.signature_def["recommend_within"]
    (folder / "saved_model.pb").write_bytes(saved.SerializeToString())
    (folder / "assets.extra" / "onnx" / "recommend_within.onnx").unlink()
    (folder / "assets.extra" / "triptych.json").write_text('{"contract": 1, "model": "first"}')
    return replace(tiny_version, folder=folder)


@pytest.fixture(scope="session")
def conformance_twin(tmp_path_factory):
    """The conformance model, both versions, with a twin of every signature that converts.

    `binary` does not, and `recommend` does but then fails on an empty `exclude`: TensorFlow answers those two.
    """
    from twins import convert

    with once_for_all_workers(tmp_path_factory, "conformance") as (folder, first):
        if first:
            shutil.copytree(Path(__file__).parent / "data" / "tfs" / "conformance", folder)
            for version in ("1", "2"):
                convert(folder / version, ("serving_default", "single", "special", "scalar", "typed"))
    return folder
