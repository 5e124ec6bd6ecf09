"""The evaluation on data small enough to rank by hand, what is recorded of it, and the command's way through it."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from command import triptych

from export.data.interactions import Interactions
from export.models.registry import MODELS
from export.publishing import recorded_figures
from export.quality import html_report, leaderboard, plots
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


def test_the_summary_is_the_mean_and_deviation_over_seeds(data: Interactions) -> None:
    parts = split(data, "temporal")
    entry = leaderboard.baselines()[3]
    runs = [leaderboard.run(entry, parts, seed=seed) for seed in (1, 2, 3)]
    values = [run.outcome.figures()["mrr"] for run in runs]
    line = leaderboard.summary(runs)[0]
    assert (line["model"], line["seeds"]) == ("ials", 3)
    assert line["mrr"] == (pytest.approx(np.mean(values)), pytest.approx(np.std(values, ddof=1)))


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
