"""The report: one page of HTML that holds everything it shows, for whoever asks how good the models are, and why."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from export.publishing.recorded_figures import BASELINE
from export.quality import plots
from export.quality.evaluation import to_be_found
from export.quality.leaderboard import Run, measured, shown, summary
from export.quality.protocols import SEED, Split, meaning
from export.waist.config import Config
from serving.errors import Failure

MOST_GIVEN = 30
"""Items shown of what a user had; of more, the latest."""

NAME = "report.html"


@dataclass(frozen=True, kw_only=True)
class About:
    """What a page says of how it came about.

    Attributes:
        data: the name of the data.
        command: the command line that writes it.
        configs: the values of each recipe by model.
        day: when it was written.
    """

    data: str
    command: str
    configs: Mapping[str, Mapping[str, Config]]
    day: date


def write(folder: Path, split: Split, runs: Sequence[Run], about: About, *, user: str | None = None) -> Path:
    """Write ``report.html`` into a folder, which is made if it is not there; returns its path.

    Lists, groups and curves are those of each entry's first seed; the leaderboard is over all. Models come first and
    baselines after, the best of each first.

    Raises:
        Failure: the user is not among those asked about.
    """
    board = sorted(summary(runs), key=lambda line: (line["recipe"] == BASELINE, -line["ndcg@10"][0]))
    by_entry = {(run.name, run.recipe): run for run in reversed(runs)}
    first = [by_entry[line["model"], line["recipe"]] for line in board]
    shows = user if user is not None else typical_user(split, first)
    page = Environment(
        loader=FileSystemLoader(Path(__file__).parent), autoescape=True, undefined=StrictUndefined
    ).get_template("report.jinja")
    text = page.render(
        about=about,
        split=split,
        split_seed=SEED,
        meaning=meaning(split.protocol),
        seeds=sorted({run.seed for run in runs}),
        board=board,
        best={figure: max(shown(line[figure][0], math.nan) for line in board) for figure in measured(board)},
        shown=shown,
        plots=plots.draw(split, first, runs),
        without_curve=[plots.label(run) for run in first if not plots.has_curve(run)],
        user=shows,
        chosen=user is not None,
        given=had(split, shows)[-MOST_GIVEN:],
        had=len(had(split, shows)),
        lists=lists(split, first, shows),
        values=_values(about),
    )
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / NAME
    path.write_text(text, encoding="utf-8")
    return path


def check_user(split: Split, user: str | None) -> None:
    """See, before anything is trained, that a user can be shown.

    Raises:
        Failure: nothing is to be found of the user, or of anybody.
    """
    asked = split.test.users[to_be_found(split)]
    if user is not None and user not in asked:
        raise Failure(
            f"user {user!r} has nothing to be found under {split.protocol}, expected a user who is asked about"
        )


def typical_user(split: Split, runs: Sequence[Run]) -> str:
    """Choose whom to show: of the users with a hit in each model's list, the one nearest to the mean NDCG@10."""
    models = [run for run in runs if run.recipe != BASELINE] or runs
    ndcg = np.stack([run.outcome.per_user["ndcg@10"] for run in models])
    hit = (ndcg > 0).all(axis=0)
    far = np.abs(ndcg.mean(axis=0) - ndcg.mean()) + np.where(hit, 0, 2)
    return str(split.train.users[models[0].outcome.users[int(far.argmin())]])


def had(split: Split, user: str) -> list[str]:
    """List what is given of a user, the earliest first."""
    rows = np.flatnonzero(split.given.users[split.given.user] == user)
    order = rows[np.argsort(split.given.timestamp[rows], kind="stable")]
    return [str(item) for item in split.given.items[split.given.item[order]]]


def lists(split: Split, runs: Sequence[Run], user: str) -> list[tuple[str, list[tuple[str, bool]]]]:
    """List what each run recommends to a user, and whether it was to be found; nothing where it was not asked."""
    wanted = {(int(u), int(i)) for u, i in zip(split.test.user, split.test.item, strict=True)}
    found = []
    for run in runs:
        for place in np.flatnonzero(split.train.users[run.outcome.users] == user):
            index = int(run.outcome.users[place])
            items = run.outcome.top[place].tolist()
            ranking = [(str(split.train.items[item]), (index, item) in wanted) for item in items if item >= 0]
            found.append((plots.label(run), ranking))
    return found


def _values(about: About) -> list[tuple[str, str, dict[str, Any]]]:
    return [(model, recipe, asdict(one)) for recipe, models in about.configs.items() for model, one in models.items()]
