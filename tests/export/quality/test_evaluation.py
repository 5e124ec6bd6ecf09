"""The evaluation on data small enough to rank by hand, and the models' and commands' way through it."""

from __future__ import annotations

import io
import json
import re
from dataclasses import asdict, replace
from datetime import date
from operator import itemgetter
from pathlib import Path
from typing import Literal

import matplotlib
import numpy as np
import pytest
from axe_playwright_python.sync_playwright import Axe
from browser import chromium, picture
from command import triptych
from rich.console import Console

from export.data.interactions import Interactions
from export.models.registry import MODELS, OURS
from export.publishing import recorded_figures
from export.quality import html_report, leaderboard, plots, tune
from export.quality.baselines import popular
from export.quality.evaluation import TFRS_FIGURE, best, evaluate
from export.quality.protocols import Split, split
from export.waist.model import TUNED
from serving.errors import Failure

pytestmark = pytest.mark.training


def interactions(*pairs: str) -> Interactions:
    """Read ``"ab"`` as: user a has item b; all three users and four items are known in each."""
    whole = Interactions.from_ids([pair[0] for pair in (*pairs, *ALL)], [pair[1] for pair in (*pairs, *ALL)])
    kept = {(f"{pair[0]}", f"{pair[1]}") for pair in pairs}
    rows = [(str(whole.users[u]), str(whole.items[i])) for u, i in zip(whole.user, whole.item, strict=True)]
    seen: set[tuple[str, str]] = set()
    mask = [row in kept and not (row in seen or seen.add(row)) for row in rows]  # type: ignore[func-returns-value]
    return whole.rows(np.array(mask))


ALL = tuple(user + item for user in "abc" for item in "wxyz")


def by_hand(train: Interactions, test: Interactions) -> Split:
    return Split(protocol="by hand", train=train, given=train, test=test)


@pytest.fixture(scope="module")
def data() -> Interactions:
    """60 users of three tastes over 30 items, with times."""
    rng = np.random.default_rng(1)
    pairs = [(u, i) for u in range(60) for i in range(30) if rng.random() < (0.7 if i % 3 == u % 3 else 0.08)]
    return Interactions.from_ids(
        [f"{u + 1}" for u, _ in pairs], [f"i{i:02}" for _, i in pairs], rng.permutation(len(pairs))
    )


def test_figures_of_three_users_are_those_worked_out_by_hand() -> None:
    # a has w and is to find z; b has x and is to find w and y; c has y and its one test item is y, so it is skipped.
    parts = by_hand(interactions("aw", "bx", "cy"), interactions("az", "bw", "by", "cy"))
    scores = np.array([[4, 3, 2, 1], [1, 4, 3, 2], [0, 0, 0, 0]], np.float32)  # a: x y z; b: y z w
    outcome = evaluate(parts, lambda users, given: scores[users])
    assert outcome.users.tolist() == [0, 1]
    second = (1 + 1 / np.log2(4)) / (1 + 1 / np.log2(3))
    assert {name: values.tolist() for name, values in outcome.per_user.items()} == {
        "ndcg@10": [1 / np.log2(4), pytest.approx(second)],
        "recall@10": [1.0, 1.0],
        "recall@100": [1.0, 1.0],
        "precision@10": [0.1, 0.2],
        "map@10": [pytest.approx(1 / 3), pytest.approx((1 + 2 / 3) / 2)],
        "mrr": [pytest.approx(1 / 3), 1.0],
        "hit_rate@10": [1.0, 1.0],
    }
    assert outcome.figures()[TFRS_FIGURE] == 1.0  # four items: each is among the first hundred


def test_what_is_given_is_left_out_of_the_ranking() -> None:
    parts = by_hand(interactions("aw", "ax"), interactions("ay"))
    outcome = evaluate(parts, lambda users, given: np.array([[9, 8, 1, 0]], np.float32))
    assert outcome.top[0, :2].tolist() == [2, 3]


def test_a_list_has_no_more_items_than_are_left_of_the_catalogue() -> None:
    parts = by_hand(interactions("aw", "ax", "bx", "by", "bz"), interactions("ay", "bw"))
    scores = np.array([[4, 3, 2, 1], [1, 4, 3, 2]], np.float32)  # a: y z, and no more; b: w
    outcome = evaluate(parts, lambda users, given: scores[users])
    assert outcome.top.tolist() == [[2, 3, -1, -1], [0, -1, -1, -1]]
    assert outcome.figures()["coverage@10"] == 3 / 4
    run = leaderboard.Run(name="lightfm", recipe="own", seed=1, seconds=0.0, losses=(), outcome=outcome)
    assert html_report.lists(parts, [run], "a") == [("lightfm own", [("y", True), ("z", False)])]
    assert plots.popular_share(parts, outcome.top) == 0  # x is the most popular, and both have it


def test_where_all_that_is_to_be_found_is_given_nothing_is_measured(tmp_path: Path) -> None:
    parts = by_hand(interactions("aw", "ax"), interactions("ax"))
    with pytest.raises(Failure, match="none of 1 users has a test item that is not given"):
        evaluate(parts, lambda users, given: np.zeros((1, 4), np.float32))
    (tmp_path / "own.csv").write_text("user_id,item\n" + "a,x\nb,x\n" * 40)
    done = triptych("evaluate", "lightfm", "--data", tmp_path / "own.csv")
    assert done.returncode == 1
    assert "triptych: none of 2 users has a test item that is not given" in done.stderr
    assert "popular" not in done.stderr


def test_only_a_user_with_something_to_be_found_can_be_shown() -> None:
    parts = by_hand(interactions("aw", "bx"), interactions("az", "bx"))
    html_report.check_user(parts, "a")
    with pytest.raises(Failure, match="user 'b' has nothing to be found under by hand"):
        html_report.check_user(parts, "b")


def test_the_tfrs_figure_counts_rows_and_leaves_nothing_out() -> None:
    rng = np.random.default_rng(0)
    names = [f"i{i:03}" for i in range(300)]
    whole = Interactions.from_ids(["u", "v"] * 150, names)
    parts = by_hand(whole.rows(np.arange(0, 300, 2)), whole.rows(np.arange(1, 300, 2)))
    scores = rng.normal(size=(2, 300)).astype(np.float32)
    test = list(zip(parts.test.user, parts.test.item, strict=True))
    expected = np.mean([(scores[u] > scores[u, i]).sum() < 100 for u, i in test])
    assert evaluate(parts, lambda users, given: scores[users]).figures()[TFRS_FIGURE] == pytest.approx(expected)


def test_users_pass_in_blocks_without_a_difference(data: Interactions, monkeypatch: pytest.MonkeyPatch) -> None:
    parts = split(data, "random-80-20")
    whole = evaluate(parts, popular(parts.train, 0)).figures()
    monkeypatch.setattr("export.quality.evaluation.BLOCK", 7)
    assert evaluate(parts, popular(parts.train, 0)).figures() == pytest.approx(whole)


def test_best_ranks_equal_scores_by_column() -> None:
    scores = np.random.default_rng(4).integers(0, 4, (50, 30)).astype(np.float32)
    expected = np.argsort(-scores, axis=1, kind="stable")[:, :10]
    assert best(scores, 10).tolist() == expected.tolist()


@pytest.mark.parametrize("protocol", ["random-80-20", "new-users"])
@pytest.mark.parametrize("model", OURS)
def test_each_tuned_model_finds_tastes_that_popularity_does_not(data: Interactions, model: str, protocol: str) -> None:
    parts = split(data, protocol)
    config = replace(MODELS[model].recipes[TUNED], epochs=15)
    run = leaderboard.run(leaderboard.entry(model, TUNED, config), parts, seed=3)
    floor = evaluate(parts, popular(parts.train, 0)).figures()["ndcg@10"]
    assert run.outcome.figures()["ndcg@10"] > 1.25 * floor
    assert len(run.losses) == 15
    assert set(run.row()) >= {"model", "recipe", "seed", "ndcg@10", "recall@10", "coverage@10", TFRS_FIGURE}


def test_the_summary_is_the_mean_and_deviation_over_seeds(data: Interactions) -> None:
    parts = split(data, "temporal")
    entry = leaderboard.baselines()[3]
    runs = [leaderboard.run(entry, parts, seed=seed) for seed in (1, 2, 3)]
    values = [run.outcome.figures()["mrr"] for run in runs]
    line = leaderboard.summary(runs)[0]
    assert (line["model"], line["seeds"]) == ("ials", 3)
    assert line["mrr"] == (pytest.approx(np.mean(values)), pytest.approx(np.std(values, ddof=1)))


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


def test_a_search_tries_the_recipe_first_and_reports_every_trial(
    data: Interactions, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, space = MODELS["lightfm"], {"epochs": (1, 3, False), "learning_rate": (0.01, 0.1, True)}
    short = {TUNED: replace(model.recipes[TUNED], epochs=2)}
    monkeypatch.setitem(MODELS, "lightfm", replace(model, recipes=short, space=space))
    told: list[str] = []
    found = tune.search("lightfm", data, trials=3, seed=1, on_trial=told.append)
    assert len(found["trials"]) == len(told) == 3
    assert found["trials"][0]["config"]["epochs"] == 2
    assert found["best"]["value"] == max(trial["value"] for trial in found["trials"])
    assert found == tune.search("lightfm", data, trials=3, seed=1, on_trial=told.append)


@pytest.mark.parametrize("model", OURS)
def test_the_tuned_recipe_is_the_best_of_the_search_that_is_kept(model: str) -> None:
    kept = json.loads((tune.SEARCHES / f"{model}.json").read_text(encoding="utf-8"))
    assert kept["best"] == max(kept["trials"], key=itemgetter("value"))
    assert kept["fixed"] | kept["best"]["config"] == asdict(MODELS[model].recipes[TUNED])
    assert kept["space"] == {name: list(bounds) for name, bounds in MODELS[model].space.items()}


def test_recorded_figures_are_found_for_the_same_values_and_data_only(data: Interactions, tmp_path: Path) -> None:
    parts, file = split(data, "random-80-20"), tmp_path / "figures.json"
    config = MODELS["lightfm"].recipes["tutorial"]
    run = leaderboard.run(leaderboard.entry("lightfm", "tutorial", config), parts, seed=1)
    recorded_figures.record("random-80-20", leaderboard.summary([run]), data, machine="here", file=file)
    recorded_figures.record("temporal", leaderboard.summary([run]), data, machine="here", file=file)
    found = recorded_figures.figures("lightfm", config, data, file=file)
    assert found is not None
    assert found["random-80-20"]["ndcg@10"] == round(run.outcome.figures()["ndcg@10"], 4)
    assert set(found) == {"random-80-20", "temporal"}
    baseline = leaderboard.run(leaderboard.baselines()[0], parts, seed=1)
    recorded_figures.record("temporal", leaderboard.summary([baseline]), data, machine="here", file=file)
    again = recorded_figures.figures("lightfm", config, data, file=file)
    assert again is not None
    measured = {name: round(value, 4) for name, value in baseline.outcome.figures().items()}
    kept = again["temporal"].pop("baselines")[baseline.name]
    assert {name: kept[name] for name in measured} == measured
    assert again == found
    assert recorded_figures.figures("lightfm", replace(config, epochs=11), data, file=file) is None
    assert recorded_figures.figures("lightfm", config, parts.train, file=file) is None
    before = recorded_figures.figures("lightfm", config, data, file=file)
    recorded_figures.record("ua", leaderboard.summary([run]), parts.train, machine="there", file=file)
    assert set(recorded_figures.figures("lightfm", config, parts.train, file=file) or ()) == {"ua"}
    assert recorded_figures.figures("lightfm", config, data, file=file) == before


def test_the_command_writes_rows_and_a_report(data: Interactions, tmp_path: Path) -> None:
    table = tmp_path / "own.csv"
    rows = zip(data.users[data.user], data.items[data.item], data.timestamp, strict=True)
    table.write_text("user_id,item,timestamp\n" + "".join(f"{u},{i},{t}\n" for u, i, t in rows), encoding="utf-8")
    options = ["--seeds", "2", "--epochs", "3", "--json", tmp_path / "o.json", "--report", tmp_path / "r"]
    done = triptych("evaluate", "lightfm", "--data", table, "--protocol", "temporal", *options)
    assert done.returncode == 0, done.stderr
    written = json.loads((tmp_path / "o.json").read_text(encoding="utf-8"))
    assert written["protocol"] == "temporal"
    runs = [(row["model"], row["recipe"], row["seed"]) for row in written["rows"]]
    base = [("popular", "baseline", 42), ("item_knn", "baseline", 42), ("ease", "baseline", 42)]
    assert runs == [
        *base,
        ("ials", "baseline", 42),
        ("ials", "baseline", 43),
        ("lightfm", f"{TUNED}, epochs 3", 42),
        ("lightfm", f"{TUNED}, epochs 3", 43),
    ]
    assert "lightfm" in done.stdout
    assert (tmp_path / "r" / html_report.NAME).exists()
