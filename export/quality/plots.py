"""The drawings of the report: one colour a model in each of them, greys for baselines, text that can be read."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable, Sequence
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from export.publishing.recorded_figures import BASELINE
from export.quality.leaderboard import Run, summary
from export.quality.protocols import Split

POPULAR = 0.1
"""The share of the catalogue, most popular first, that popularity bias is measured on."""

GROUPS = 4
"""Groups of users by activity, equally many in each."""

COLOURS = {"two_tower": "#3b6fc4", "wide_deep": "#c2641d", "lightfm": "#2f8557"}
"""Those of the page of `triptych explore`, too."""

FURTHER = "#7d54b8"
GREYS = ("#4d4d4d", "#777777", "#a0a0a0", "#c8c8c8")
LIGHTER = (1.0, 0.55, 0.3)
"""A model's further recipes have its colour, ever paler."""

STYLE: Any = {"font.size": 11, "axes.spines.top": False, "axes.spines.right": False, "svg.hashsalt": "triptych"}


def colours(runs: Sequence[Run]) -> dict[str, tuple[float, float, float]]:
    """Choose the colour of each run, by its label."""
    chosen: dict[str, tuple[float, float, float]] = {}
    recipes: dict[str, int] = {}
    for run in runs:
        place = recipes.setdefault(run.recipe if run.recipe == BASELINE else run.name, 0)
        recipes[run.recipe if run.recipe == BASELINE else run.name] += 1
        if run.recipe == BASELINE:
            chosen[label(run)] = mpl.colors.to_rgb(GREYS[place % len(GREYS)])
        else:
            full = np.array(mpl.colors.to_rgb(COLOURS.get(run.name, FURTHER)))
            red, green, blue = (1 - LIGHTER[place % len(LIGHTER)] * (1 - full)).tolist()
            chosen[label(run)] = (red, green, blue)
    return chosen


def label(run: Run) -> str:
    """Name a run in a drawing: its recipe is left out where it is a baseline, which has but one."""
    return run.name if run.recipe == BASELINE else f"{run.name} {run.recipe}"


def popular_share(split: Split, items: np.ndarray) -> float:
    """Compute the share of items, any shape, -1 is none, that are among the most popular tenth of all in training."""
    popularity = split.train.popularity()
    popular = np.argsort(-popularity, kind="stable")[: max(1, round(len(popularity) * POPULAR))]
    return float(np.isin(items[items >= 0], popular).mean())


def by_activity(split: Split, run: Run) -> list[tuple[str, float]]:
    """Compute the mean NDCG@10 of each quarter of the users, fewest given items first, with their range."""
    given = np.bincount(split.given.user, minlength=len(split.given.users))[run.outcome.users]
    groups = np.array_split(np.argsort(given, kind="stable"), min(GROUPS, len(given)))
    ndcg = run.outcome.per_user["ndcg@10"]
    return [(f"{given[group].min()} to {given[group].max()}", float(ndcg[group].mean())) for group in groups]


def draw(split: Split, first: Sequence[Run], runs: Sequence[Run]) -> dict[str, str]:
    """Draw what the report shows: the image of each title, as a ``data:`` address.

    Args:
        split: what was measured on.
        first: the first run of each entry, in the order to show.
        runs: all of them.
    """
    shades = colours(first)
    drawn = {
        "NDCG@10 by how many items are given of a user": _plot(lambda axes: _activity(axes, split, first, shades)),
        f"How much of the lists is among the {POPULAR:.0%} most popular items": _plot(
            lambda axes: _popularity(axes, split, first, shades)
        ),
        "Seconds to train, until ready to be asked": _plot(lambda axes: _seconds(axes, first, runs, shades)),
    }
    if any(has_curve(run) for run in first):
        drawn["Training loss"] = _plot(lambda axes: _losses(axes, first, shades))
    return drawn


def has_curve(run: Run) -> bool:
    """Tell whether a run told a loss after more than one pass."""
    return len(run.losses) > 1 and bool(np.isfinite(run.losses).all())


def _activity(axes: Axes, split: Split, runs: Sequence[Run], shades: dict[str, tuple[float, float, float]]) -> None:
    width = 0.84 / len(runs)
    for place, run in enumerate(runs):
        names, values = zip(*by_activity(split, run), strict=True)
        axes.bar(np.arange(len(values)) + place * width, values, width, label=label(run), color=shades[label(run)])
    axes.set_xticks(np.arange(len(values)) + 0.42 - width / 2, names)
    axes.set_xlabel("given items, a quarter of the users each")
    axes.set_ylabel("NDCG@10")


def _popularity(axes: Axes, split: Split, runs: Sequence[Run], shades: dict[str, tuple[float, float, float]]) -> None:
    shares = [popular_share(split, run.outcome.top) for run in runs]
    axes.barh([label(run) for run in runs], shares, color=[shades[label(run)] for run in runs])
    own = popular_share(split, split.test.item)
    axes.axvline(own, color="black", linestyle="--", label=f"what users chose themselves: {own:.0%}")
    axes.set_xlim(0, 1)
    axes.xaxis.set_major_formatter("{x:.0%}")
    axes.set_xlabel("share of the recommended items")
    axes.invert_yaxis()


def _losses(axes: Axes, runs: Sequence[Run], shades: dict[str, tuple[float, float, float]]) -> None:
    for run in filter(has_curve, runs):
        losses, name = np.array(run.losses), f"{label(run)}, {len(run.losses)} passes"
        axes.plot(np.linspace(0, 1, len(losses)), losses / losses[0], label=name, color=shades[label(run)])
    axes.set_xlabel("part of the training")
    axes.set_ylabel("loss, first pass = 1")


def _seconds(
    axes: Axes, first: Sequence[Run], runs: Sequence[Run], shades: dict[str, tuple[float, float, float]]
) -> None:
    means = {(line["model"], line["recipe"]): line["train_seconds"][0] for line in summary(runs)}
    seconds = [means[run.name, run.recipe] for run in first]
    bars = axes.barh([label(run) for run in first], seconds, color=[shades[label(run)] for run in first])
    axes.bar_label(bars, [f" {value:.1f}" for value in seconds])
    axes.set_xlabel("seconds, mean over the seeds")
    axes.margins(x=0.1)
    axes.invert_yaxis()


def _plot(paint: Callable[[Axes], None]) -> str:
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(7, 4.4), layout="constrained")
        axes = figure.subplots()
        paint(axes)
        if axes.get_legend_handles_labels()[0]:
            figure.legend(loc="outside lower center", ncols=3, frameon=False)  # beside the bars, never on them
        image = io.BytesIO()
        figure.savefig(image, format="svg", metadata={"Date": None})
    return "data:image/svg+xml;base64," + base64.b64encode(image.getvalue()).decode()
