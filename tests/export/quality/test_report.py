"""What people see of an evaluation: the report with its plots, and the table on a terminal."""

from __future__ import annotations

import io
import re
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Literal

import matplotlib
import numpy as np
import pytest
from axe_playwright_python.sync_playwright import Axe
from browser import chromium, picture
from rich.console import Console

from export.data.interactions import Interactions
from export.models.registry import MODELS
from export.quality import html_report, leaderboard, plots
from export.quality.protocols import Split, split
from serving.errors import Failure

pytestmark = pytest.mark.training

ABOUT = html_report.About(
    data="<own>.csv",
    command="triptych evaluate --report report",
    configs={"tutorial": {"lightfm": replace(MODELS["lightfm"].recipes["tutorial"], epochs=3)}},
    day=date(2026, 1, 2),
)


@pytest.fixture(scope="module")
def measured(data: Interactions) -> tuple[Split, list[leaderboard.Run]]:
    """The baselines, each over one seed, and after them a model over two."""
    parts = split(data, "random-80-20")
    model = leaderboard.entry("lightfm", "tutorial", ABOUT.configs["tutorial"]["lightfm"])
    runs = [leaderboard.run(entry, parts, seed=1) for entry in leaderboard.baselines()]
    return parts, [*runs, *(leaderboard.run(model, parts, seed=seed) for seed in (1, 2))]


def test_the_report_is_one_page_with_all_it_shows(
    measured: tuple[Split, list[leaderboard.Run]], tmp_path: Path
) -> None:
    parts, runs = measured
    page = html_report.write(tmp_path / "new", parts, runs, ABOUT, user="42").read_text(encoding="utf-8")
    assert re.findall(r"(?:src|href)=\"(?!data:)", page) == []
    assert page.count("data:image/svg+xml;base64,") == 3
    assert "There is no curve of the training loss for lightfm tutorial, " in page
    told = [
        "&lt;own&gt;.csv: ",
        "2026-01-02 by <code>triptych evaluate",
        "Hold out a random 20 % of all rows",
        "epochs 3, ",
    ]
    assert [text for text in told if text not in page] == []
    first = html_report.lists(parts, runs, "42")[0]
    assert first[0] == "popular"
    assert [f">{item}" in page for item, _ in first[1]] == [True] * 10
    assert "What user 42 had" in page
    assert html_report.write(tmp_path / "new", parts, runs, ABOUT, user="42").read_text(encoding="utf-8") == page


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_report_can_be_read_by_everyone_in_either_theme_and_on_a_phone(
    measured: tuple[Split, list[leaderboard.Run]], tmp_path: Path, scheme: Literal["light", "dark"]
) -> None:
    report = html_report.write(tmp_path, *measured, ABOUT)
    with chromium() as browser:
        page = browser.new_page(viewport={"width": 390, "height": 844}, color_scheme=scheme)
        page.goto(report.as_uri())
        found = Axe().run(page)
        assert found.violations_count == 0, found.generate_report()
        assert page.evaluate("document.documentElement.scrollWidth") == 390
        picture(page, f"report-phone-{scheme}")
        page.set_viewport_size({"width": 1280, "height": 800})
        assert page.evaluate("document.documentElement.scrollWidth") == 1280
        picture(page, f"report-{scheme}")


def test_the_report_shows_models_first_and_the_best_of_each_column_in_bold(
    measured: tuple[Split, list[leaderboard.Run]], tmp_path: Path
) -> None:
    parts, runs = measured
    page = html_report.write(tmp_path, parts, runs, ABOUT).read_text(encoding="utf-8")
    rows = re.findall(r"<tr class=\"[a-z ]*\"><td>(\w+)<td>(\w+)<td>\d(.*)", page)
    board = {(line["model"], line["recipe"]): line for line in leaderboard.summary(runs)}
    worst_first = sorted((key for key in board if key[1] == "baseline"), key=lambda key: board[key]["ndcg@10"][0])
    assert [(name, recipe) for name, recipe, _ in rows] == [("lightfm", "tutorial"), *worst_first[::-1]]
    for place, figure in enumerate(leaderboard.measured(list(board.values()))):
        best = f"{max(line[figure][0] for line in board.values()):.3f}"
        for name, recipe, cells in rows:
            bold = cells.split("<td>")[1 + place].startswith("<b>")
            assert bold == (f"{board[name, recipe][figure][0]:.3f}" == best), (figure, name)


def test_the_user_shown_has_a_hit_in_every_models_list_unless_one_is_named(
    measured: tuple[Split, list[leaderboard.Run]], data: Interactions
) -> None:
    parts, runs = measured
    user = html_report.typical_user(parts, runs)
    for name, ranking in html_report.lists(parts, runs, user):
        assert name != "lightfm tutorial" or any(hit for _, hit in ranking)
    given = set(zip(parts.given.users[parts.given.user], parts.given.items[parts.given.item], strict=True))
    assert sorted(html_report.had(parts, user)) == sorted(item for who, item in given if who == user)
    with pytest.raises(Failure, match="user 'nobody' has nothing to be found under random-80-20"):
        html_report.check_user(parts, "nobody")


def test_a_model_has_one_colour_and_baselines_are_grey(measured: tuple[Split, list[leaderboard.Run]]) -> None:
    runs = measured[1]
    shades = plots.colours([*runs[:-1], replace(runs[-1], recipe="tuned")])
    assert [len(set(shades[name])) for name in ("popular", "item_knn", "ease", "ials")] == [1] * 4
    assert len(set(shades.values())) == 6
    assert plots.label(runs[-1]) == "lightfm tutorial"
    assert shades["lightfm tutorial"] == matplotlib.colors.to_rgb(plots.COLOURS["lightfm"])


@pytest.mark.parametrize("width", [60, 80, 120, 180])
def test_the_table_fits_its_terminal_and_names_what_does_not(
    measured: tuple[Split, list[leaderboard.Run]], width: int
) -> None:
    table, left_out = leaderboard.table("random-80-20", measured[1], width=width)
    console = Console(width=width, record=True, file=io.StringIO())
    console.print(table)
    text = console.export_text()
    assert "…" not in text
    assert max(map(len, text.splitlines())) <= width
    figures = leaderboard.measured(leaderboard.summary(measured[1]))
    assert [figure for figure in figures if f" {figure} " not in text] == left_out
    assert ("mean ± standard deviation" in " ".join(text.split())) is True
    assert (left_out == []) == (width == 180)


def test_new_items_among_themselves_are_the_second_figure_of_table_and_report(
    data: Interactions, tmp_path: Path
) -> None:
    tags = tuple((f"genre:{number % 3}",) for number in range(len(data.items)))
    parts = split(replace(data, item_tags=tags), "new-items")
    runs = [leaderboard.run(one, parts, seed=1) for one in leaderboard.baselines(new_items=True)]
    names = ["ndcg@10", "ndcg@10_among_new", "recall@10"]
    table, _ = leaderboard.table("new-items", runs)
    assert [column.header for column in table.columns][2:5] == names
    page = html_report.write(tmp_path, parts, runs, ABOUT).read_text(encoding="utf-8")
    assert re.findall(r"<th>(ndcg@10[^<]*|recall@10)(?=<)", page)[:3] == names


def test_with_one_seed_no_deviation_is_spoken_of(measured: tuple[Split, list[leaderboard.Run]]) -> None:
    table, _ = leaderboard.table("ua", measured[1][:4])
    assert table.title == "ua, seed 1, given items left out"


def test_popularity_bias_is_the_share_of_the_most_popular_tenth(data: Interactions) -> None:
    parts = split(data, "random-80-20")
    run = leaderboard.run(leaderboard.baselines()[0], parts, seed=1)
    popularity = parts.train.popularity()
    top = np.argsort(-popularity, kind="stable")[:3].tolist()
    expected = np.mean([item in top for items in run.outcome.top.tolist() for item in items])
    assert plots.popular_share(parts, run.outcome.top) == pytest.approx(expected)
