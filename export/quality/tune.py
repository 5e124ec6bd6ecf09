"""The search for a recipe: Optuna over the hyper-parameters, on validation parts of the training data only.

Each protocol's training part is parted once more by the same protocol; its test part is never looked at. One recipe
serves all protocols, and what is better on one may be worse on another. So NDCG@10 is taken on two of them in units of
what EASE reaches on the same part, and what is maximized is the lower of the two: where the recipe is weakest.

The searches that the recipes come from are kept in ``searches``, written by ``triptych tune MODEL --json``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from operator import itemgetter
from pathlib import Path
from typing import Any

import optuna

from export import forecast
from export.data.interactions import Interactions
from export.models.registry import MODELS
from export.progress import say
from export.quality.baselines import MEMORY, ease
from export.quality.evaluation import evaluate
from export.quality.leaderboard import entry, run
from export.quality.protocols import Split, validation
from export.waist.config import Config
from export.waist.model import Bounds
from serving.errors import Failure

PROTOCOLS = ("random-80-20", "temporal")
FIGURE = "ndcg@10"

SEARCHES = Path(__file__).with_name("searches")
"""A file for each model: the search whose best trial is its tuned recipe."""

OnTrial = Callable[[str], None]


def search(model: str, interactions: Interactions, *, trials: int, seed: int, on_trial: OnTrial) -> dict[str, Any]:
    """Search one model's space, its own recipe first; returns space, trials and the best of them.

    Raises:
        Failure: the recipe takes more memory than there is, or EASE does.
    """
    protocols = _protocols(interactions)
    parts = [validation(interactions, name) for name in protocols]
    space, config = MODELS[model].space, MODELS[model].recipes[MODELS[model].default]
    _check(model, config, parts)
    yardstick = [evaluate(part, ease(part.train, seed)).figures()[FIGURE] for part in parts]
    tried: list[dict[str, Any]] = []

    def objective(trial: optuna.Trial) -> float:
        chosen = {name: _suggest(trial, name, config, bounds) for name, bounds in space.items()}
        reached = [_ndcg(model, replace(config, **chosen), part, seed) for part in parts]
        value = min(one / unit for one, unit in zip(reached, yardstick, strict=True))
        tried.append({"value": value, **dict(zip(protocols, reached, strict=True)), "config": chosen})
        on_trial(f"{value:.4f} of EASE")
        return value

    with _quiet():
        study = optuna.create_study(direction="maximize", sampler=optuna.samplers.TPESampler(seed=seed))
        study.enqueue_trial({name: getattr(config, name) for name in space}, skip_if_exists=True)
        study.optimize(objective, n_trials=trials)
    return {
        "model": model,
        "data": interactions.fingerprint(),
        "seed": seed,
        "maximized": f"the lower {FIGURE} in units of EASE of validation parts of {' and '.join(protocols)}",
        "ease": dict(zip(protocols, yardstick, strict=True)),
        "fixed": {name: value for name, value in asdict(config).items() if name not in space},
        "space": {name: list(bounds) for name, bounds in space.items()},
        "best": max(tried, key=itemgetter("value")),
        "trials": tried,
    }


def _protocols(interactions: Interactions) -> tuple[str, ...]:
    """Choose the protocols that the data allows, and say so where one of them is left out."""
    if interactions.has_times():
        return PROTOCOLS
    say(f"the data has no timestamps: what is maximized is {FIGURE} of a validation part of {PROTOCOLS[0]} alone")
    return PROTOCOLS[:1]


def _check(model: str, config: Config, parts: list[Split]) -> None:
    """Refuse before the search what its first trial, or what it is measured by, has no memory for."""
    for part in parts:
        forecast.check(model, config, part.train, weighs=MODELS[model].weighs)
    items, free = len(parts[0].train.items), forecast.available()
    if (needed := MEMORY["ease"](items)) > free:
        raise Failure(
            f"EASE, which trials are measured by, takes {needed / forecast.GIGABYTE:.1f} GB for {items:,} items, and "
            f"{free / forecast.GIGABYTE:.1f} GB are free: tune on fewer items"
        )


def _suggest(trial: optuna.Trial, name: str, config: Config, bounds: Bounds) -> float:
    """Draw a value of two digits: what the third changes is less than what a seed does."""
    low, high, log = bounds
    if isinstance(getattr(config, name), int):
        return trial.suggest_int(name, int(low), int(high), log=log)
    return float(f"{trial.suggest_float(name, low, high, log=log):.2g}")


def _ndcg(model: str, config: Config, part: Split, seed: int) -> float:
    return run(entry(model, "tried", config), part, seed=seed).outcome.figures()[FIGURE]


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep Optuna's own log off the screen: the command shows its progress."""
    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    try:
        yield
    finally:
        optuna.logging.set_verbosity(before)
