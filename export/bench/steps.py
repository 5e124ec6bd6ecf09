"""One size and one model, step by step, in a process of its own: what each took, as lines of JSON.

Run as ``python -m export.bench.steps MODEL FOLDER SEED``. The memory of a step is the most that the process, or the
one that proved the version, has held up to its end.
"""

from __future__ import annotations

import json
import resource
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from scipy import sparse

from export import pipeline
from export.data import reading
from export.data.interactions import Interactions, Ints
from export.data.source import Source
from export.models.registry import MODELS
from export.publishing.manifest import Origin
from export.publishing.proof import prove
from export.publishing.publish import publish
from export.publishing.twin import twin
from export.quality.baselines import ials, popular
from export.quality.evaluation import Scorer, Scores, evaluate
from export.quality.protocols import Split
from export.waist.factorized import Factorized
from serving.contract import TWIN
from serving.errors import Failure

SAMPLE = 1000
"""Users who are asked for NDCG."""

ASKED = 200

IALS_ROWS = 5_000_000
"""Interactions up to which implicit matrix factorization is fitted beside, on one thread."""


def main() -> None:
    """Run the steps; a Failure is the last line."""
    model, folder, seed = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])
    try:
        _run(model, folder, seed)
    except Failure as failure:
        _tell(stopped=str(failure))


def _run(model: str, folder: Path, seed: int) -> None:
    with _step("read"):
        interactions = reading.read(Source(data=(str(folder / "train.parquet"),)))
    _tell(rows=len(interactions), users=len(interactions.users), items=len(interactions.items))
    recipe = MODELS[model].default
    config = MODELS[model].recipes[recipe]
    origin = Origin(model=model, recipe=recipe, config=config, seed=seed, data="generated")
    with _step("train"):
        ((_, trained),) = pipeline.train_each([origin], interactions, during=nullcontext)

    def write(staging: Path) -> None:
        with _step("export"):
            pipeline.write(staging, trained, interactions, origin)

    def proven(staging: Path) -> None:
        with _step("prove"):
            prove(staging, trained, interactions)

    version = publish(folder / model, write=write, prove=proven)
    _ask(version, interactions)
    _rate(model, trained, interactions, folder)


def _ask(version: Path, interactions: Interactions) -> None:
    """Ask the twin for one user at a time."""
    answer, taken = twin(version / TWIN), []
    for user in np.resize(interactions.users, ASKED):
        inputs: dict[str, Any] = {
            "user_id": np.array([user], object),
            "k": np.array([10], np.int32),
            "exclude": np.array([[""]], object),
            "unseen": np.array([True]),
        }
        start = time.perf_counter()
        answer("recommend", inputs)
        taken.append(time.perf_counter() - start)
    _tell(step="ask", microseconds=round(1e6 * median(taken)))


def _rate(model: str, trained: Factorized, train: Interactions, folder: Path) -> None:
    """Compare with the baselines on what was held out."""
    split = Split(protocol="generated", train=train, given=train, test=_held(folder / "test.parquet", train))
    scorers: dict[str, Scorer] = {model: _scorer(trained), "popular": popular(train, 0)}
    if len(train) <= IALS_ROWS:
        scorers["ials"] = ials(train, 0)
    for name, scorer in scorers.items():
        _tell(ndcg=name, value=evaluate(split, scorer, users=SAMPLE).figures()["ndcg@10"])


def _scorer(trained: Factorized) -> Scorer:
    def score(users: Ints, given: sparse.csr_matrix) -> Scores:
        return np.asarray(trained.user_vectors[users] @ trained.vectors.T + trained.item_biases)

    return score


def _held(file: Path, train: Interactions) -> Interactions:
    """Read what was held out of users and items that training knows."""
    held = reading.read(Source(data=(str(file),)))
    sides = []
    for known, names, at in ((train.users, held.users, held.user), (train.items, held.items, held.item)):
        places = {name: place for place, name in enumerate(known.tolist())}
        sides.append(np.array([places.get(name, -1) for name in names.tolist()])[at])
    user, item = sides
    both = (user >= 0) & (item >= 0)
    return Interactions.of(
        users=train.users, items=train.items, user=user[both], item=item[both], timestamp=held.timestamp[both]
    )


@contextmanager
def _step(name: str) -> Iterator[None]:
    wall, cpu = time.perf_counter(), _used("ru_utime") + _used("ru_stime")
    yield
    spent = _used("ru_utime") + _used("ru_stime") - cpu
    most = max(resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    _tell(step=name, seconds=round(time.perf_counter() - wall, 1), cpu=round(spent, 1), peak=1024 * most)


def _used(what: str) -> float:
    return sum(getattr(resource.getrusage(who), what) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))


def _tell(**what: object) -> None:
    print(json.dumps(what), flush=True)


if __name__ == "__main__":
    main()
