"""The report: one page of HTML that holds everything it shows, for whoever asks how good the models are, and why."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable, Sequence
from pathlib import Path

import matplotlib as mpl
import numpy as np
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from export.quality.leaderboard import SHOWN, Run, shown, summary
from export.quality.protocols import Split

POPULAR = 0.1
"""The share of the catalogue, most popular first, that popularity bias is measured on."""

GROUPS = 4
"""Groups of users by activity, equally many in each."""

NAME = "report.html"


def write(folder: Path, split: Split, runs: Sequence[Run], *, user: str = "42") -> Path:
    """Write ``report.html`` into a folder, which is made if it is not there; returns its path.

    Lists, groups and curves are those of each entry's first seed; the leaderboard is over all.
    """
    first = list({(run.name, run.recipe): run for run in reversed(runs)}.values())[::-1]
    mpl.rcParams["svg.hashsalt"] = "triptych"  # the same runs give the same page
    page = Environment(
        loader=FileSystemLoader(Path(__file__).parent), autoescape=True, undefined=StrictUndefined
    ).get_template("report.jinja")
    text = page.render(
        split=split,
        columns=SHOWN,
        board=sorted(summary(runs), key=lambda line: -line["ndcg@10"][0]),
        shown=shown,
        plots={
            "NDCG@10 by activity of the user": _plot(lambda axes: _activity(axes, split, first)),
            f"Share of the {POPULAR:.0%} most popular items": _plot(lambda axes: _popularity(axes, split, first)),
            "Training loss": _plot(lambda axes: _losses(axes, first)),
            "Seconds to train": _plot(lambda axes: _seconds(axes, runs)),
        },
        user=user,
        lists=lists(split, first, user),
    )
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / NAME
    path.write_text(text, encoding="utf-8")
    return path


def popular_share(split: Split, items: np.ndarray) -> float:
    """Compute the share of items, any shape, that are among the most popular tenth of the catalogue in training."""
    popularity = split.train.popularity()
    popular = np.argsort(-popularity, kind="stable")[: max(1, round(len(popularity) * POPULAR))]
    return float(np.isin(items, popular).mean())


def by_activity(split: Split, run: Run) -> list[tuple[str, float]]:
    """Compute the mean NDCG@10 of each quarter of the users, fewest given items first, with their range."""
    given = np.bincount(split.given.user, minlength=len(split.given.users))[run.outcome.users]
    groups = np.array_split(np.argsort(given, kind="stable"), min(GROUPS, len(given)))
    ndcg = run.outcome.per_user["ndcg@10"]
    return [(f"{given[group].min()} to {given[group].max()}", float(ndcg[group].mean())) for group in groups]


def lists(split: Split, runs: Sequence[Run], user: str) -> list[tuple[str, list[tuple[str, bool]]]]:
    """List what each run recommends to a user, and whether it was to be found; nothing where it was not asked."""
    wanted = {(int(u), int(i)) for u, i in zip(split.test.user, split.test.item, strict=True)}
    found = []
    for run in runs:
        for place in np.flatnonzero(split.train.users[run.outcome.users] == user):
            index = int(run.outcome.users[place])
            items = run.outcome.top[place].tolist()
            found.append((run.name, [(str(split.train.items[item]), (index, item) in wanted) for item in items]))
    return found


def _activity(axes: Axes, split: Split, runs: Sequence[Run]) -> None:
    for place, run in enumerate(runs):
        names, values = zip(*by_activity(split, run), strict=True)
        axes.bar(np.arange(len(values)) + place * 0.8 / len(runs), values, 0.8 / len(runs), label=_label(run))
    axes.set_xticks(np.arange(len(values)) + 0.4, names)
    axes.set_xlabel("given items")
    axes.legend(fontsize="small")


def _popularity(axes: Axes, split: Split, runs: Sequence[Run]) -> None:
    axes.barh([_label(run) for run in runs], [popular_share(split, run.outcome.top) for run in runs])
    own = popular_share(split, split.test.item)
    axes.axvline(own, color="black", linestyle="--", label=f"what users chose: {own:.0%}")
    axes.set_xlim(0, 1)
    axes.legend(fontsize="small")


def _losses(axes: Axes, runs: Sequence[Run]) -> None:
    for run in runs:
        if np.isfinite(run.losses).any():
            losses = np.array(run.losses)
            axes.plot(np.linspace(0, 1, len(losses)), losses / losses[0], label=f"{_label(run)}, {len(losses)} epochs")
    axes.set_xlabel("part of the training")
    axes.set_ylabel("loss, first epoch = 1")
    if axes.lines:
        axes.legend(fontsize="small")


def _seconds(axes: Axes, runs: Sequence[Run]) -> None:
    board = summary(runs)
    axes.barh([f"{line['model']} {line['recipe']}" for line in board], [line["train_seconds"][0] for line in board])


def _label(run: Run) -> str:
    return f"{run.name} {run.recipe}"


def _plot(draw: Callable[[Axes], None]) -> str:
    figure = Figure(figsize=(7, 4), layout="constrained")
    draw(figure.subplots())
    image = io.BytesIO()
    figure.savefig(image, format="svg", metadata={"Date": None})
    return "data:image/svg+xml;base64," + base64.b64encode(image.getvalue()).decode()
