"""The leaderboard: models and baselines trained on one split, scored, and told as rows and as a table.

A model is asked through the same graph that is published (``Recommender``), so that what is measured is what is served:
its user tower for users of the split, ``recommend_from``'s way for new users.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import groupby
from statistics import mean, stdev
from time import perf_counter
from typing import Any

import numpy as np
import tensorflow as tf
from rich.table import Table
from scipy import sparse

from export.data.interactions import Ints
from export.graph.recommender import Recommender
from export.models.registry import MODELS
from export.publishing.recorded_figures import BASELINE
from export.quality.baselines import BASELINES, tag_overlap
from export.quality.evaluation import AMONG_NEW, Outcome, Scorer, Scores, evaluate
from export.quality.protocols import Split
from export.waist.config import Config
from export.waist.factorized import Factorized, OnEpoch, quiet
from export.waist.from_tags import complete

SHOWN = ("ndcg@10", AMONG_NEW, "recall@10", "recall@100", "precision@10", "map@10", "mrr", "hit_rate@10", "coverage@10")
"""The figures of the table, on the terminal as many as fit, the first ones first; JSON has all."""

LEAST = 3
"""Columns that stay on the narrowest terminal: the model, its recipe and the first figure."""


@dataclass(frozen=True, kw_only=True)
class Entry:
    """What is measured: a model with a recipe, or a baseline; ``fit`` makes its scorer."""

    name: str
    recipe: str
    fit: Callable[[Split, int, OnEpoch], Scorer]


@dataclass(frozen=True, kw_only=True)
class Run:
    """One entry trained once with one seed, in ``seconds``, and what it reached; ``losses`` are those of its epochs."""

    name: str
    recipe: str
    seed: int
    seconds: float
    losses: tuple[float, ...]
    outcome: Outcome

    def row(self) -> dict[str, Any]:
        """Write the run as a row of ``--json``."""
        head = {"model": self.name, "recipe": self.recipe, "seed": self.seed}
        return {**head, **self.outcome.figures(), "train_seconds": round(self.seconds, 2)}


def entry(model: str, recipe: str, config: Config) -> Entry:
    """Make an entry of a model and its hyper-parameters."""

    def fit(split: Split, seed: int, on_epoch: OnEpoch) -> Scorer:
        return scorer(
            complete(MODELS[model].train(split.train, config, seed=seed, on_epoch=on_epoch), split.train), split
        )

    return Entry(name=model, recipe=recipe, fit=fit)


def baselines(*, new_items: bool = False) -> list[Entry]:
    """List the baselines as entries; tag overlap where new items are asked for, of which the others know nothing.

    >>> [each.name for each in baselines()]
    ['popular', 'item_knn', 'ease', 'ials']
    """
    known = BASELINES | ({"tag_overlap": tag_overlap} if new_items else {})

    def made(name: str) -> Entry:
        return Entry(name=name, recipe=BASELINE, fit=lambda split, seed, on_epoch: known[name](split.train, seed))

    return [made(name) for name in known]


def scorer(model: Factorized, split: Split) -> Scorer:
    """Score by the graph that would be published."""
    recommender = Recommender(model, split.train)
    size = recommender.index.size

    def score(users: Ints, given: sparse.csr_matrix) -> Scores:
        if split.new_users:
            query = recommender.taste(tf.constant(_columns(given)))
        else:
            query = tf.gather(recommender.known.queries, users)
        scores: Scores = recommender.index.scores(query).numpy()[:, :size]
        return scores

    return score


def run(what: Entry, split: Split, *, seed: int, users: int | None = None, on_epoch: OnEpoch = quiet) -> Run:
    """Train an entry on a split and score it; the seconds are those of training and of making it ready to be asked."""
    losses: list[float] = []

    def keep(epoch: int, loss: float) -> None:
        losses.append(loss)
        on_epoch(epoch, loss)

    start = perf_counter()
    score = what.fit(split, seed, keep)
    seconds = perf_counter() - start
    outcome = evaluate(split, score, users=users)
    return Run(name=what.name, recipe=what.recipe, seed=seed, seconds=seconds, losses=tuple(losses), outcome=outcome)


def summary(runs: Sequence[Run]) -> list[dict[str, Any]]:
    """Sum up the seeds of each entry: ``{"model", "recipe", "seeds", figure: (mean, sd), …}``, in order of the runs."""
    found = []
    for (name, recipe), group in groupby(runs, key=lambda one: (one.name, one.recipe)):
        rows = [one.row() for one in group]
        figures = {
            figure: (mean(values), stdev(values) if len(values) > 1 else math.nan)
            for figure in rows[0]
            if figure not in ("model", "recipe", "seed")
            for values in [[float(row[figure]) for row in rows]]
        }
        found.append({"model": name, "recipe": recipe, "seeds": len(rows), **figures})
    return found


def table(protocol: str, runs: Sequence[Run], *, width: int = 180) -> tuple[Table, list[str]]:
    """Lay the runs out for a terminal, best NDCG@10 first; returns which figures did not fit into its width too."""
    lines = sorted(summary(runs), key=lambda one: -one["ndcg@10"][0])
    several = any(line["seeds"] > 1 for line in lines)
    over = "mean ± standard deviation over seeds" if several else f"seed {runs[-1].seed}"
    figures = measured(lines)
    columns = {name: [str(line[name]) for line in lines] for name in ("model", "recipe")}
    columns |= {figure: [shown(*line[figure]) for line in lines] for figure in figures}
    seconds = {"train s": [f"{line['train_seconds'][0]:.1f}" for line in lines]}
    wide = {name: max(map(len, (name, *cells))) + 3 for name, cells in (columns | seconds).items()}
    while sum(map(wide.__getitem__, columns | seconds)) + 1 > width and len(columns) > LEAST:
        columns.popitem()
    made = Table(title=f"{protocol}, {over}, given items left out")
    for column in columns | seconds:
        made.add_column(column, justify="left" if column in ("model", "recipe") else "right", no_wrap=True)
    for cells in zip(*columns.values(), *seconds.values(), strict=True):
        made.add_row(*cells)
    return made, [figure for figure in figures if figure not in columns]


def measured(lines: Sequence[dict[str, Any]]) -> list[str]:
    """Choose which of the figures that are shown there are in lines of ``summary``: new items are asked of seldom.

    >>> measured([{"model": "popular", "mrr": (0.5, 0.0), "ndcg@10": (0.2, 0.0)}])
    ['ndcg@10', 'mrr']
    """
    return [figure for figure in SHOWN if all(figure in line for line in lines)]


def shown(middle: float, deviation: float) -> str:
    """Write a figure and, where there are several seeds, its standard deviation.

    >>> shown(0.4512, 0.001), shown(0.4412, math.nan)
    ('0.451 ± 0.001', '0.441')
    """
    return f"{middle:.3f}" if math.isnan(deviation) else f"{middle:.3f} ± {deviation:.3f}"


def _columns(given: sparse.csr_matrix) -> np.ndarray:
    """List the items of `[b, n_items]` rows: `[b, m]` int32, padded with n_items."""
    counts = np.diff(given.indptr)
    columns = np.full((len(counts), max(1, counts.max(initial=0))), given.shape[1], np.int32)
    columns[np.arange(columns.shape[1]) < counts[:, None]] = given.indices
    return columns
