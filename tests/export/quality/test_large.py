"""Evaluation of much data: blocks of users, a sample of them, and baselines that there is no memory for."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from export import forecast
from export.data.interactions import Interactions
from export.quality import evaluation, jobs, leaderboard, tune
from export.quality.baselines import MEMORY, popular
from export.quality.evaluation import evaluate
from export.quality.protocols import Split, split
from serving.errors import Failure


@pytest.fixture(scope="module")
def parts() -> Split:
    pairs = np.argwhere(np.random.default_rng(5).random((90, 120)) < np.linspace(0.5, 0.02, 120))
    return split(Interactions.from_ids([f"u{u}" for u, _ in pairs], [f"i{i}" for _, i in pairs]), "random-80-20")


def test_blocks_of_any_size_give_the_same_figures(parts: Split, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = evaluate(parts, popular(parts.train, 0)).figures()
    for block in (1, 7 * 4 * 120):
        monkeypatch.setattr(evaluation, "BLOCK", block)
        assert evaluate(parts, popular(parts.train, 0)).figures() == pytest.approx(whole)


def test_a_sample_is_of_so_many_users_and_each_scores_as_among_all(parts: Split) -> None:
    whole, some = (evaluate(parts, popular(parts.train, 0), users=users) for users in (None, 20))
    assert len(some.users) == 20
    assert np.array_equal(some.users, evaluate(parts, popular(parts.train, 0), users=20).users)
    places = np.searchsorted(whole.users, some.users)
    for name, values in some.per_user.items():
        np.testing.assert_array_equal(values, whole.per_user[name][places])


def test_a_baseline_without_the_memory_for_it_says_so_and_is_left_out_unless_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "meminfo").write_text("MemAvailable:  10000000 kB\n")
    monkeypatch.setattr(forecast, "MEMORY", (tmp_path / "meminfo", *[tmp_path / "none"] * 3))
    every = leaderboard.baselines()
    assert [entry.name for entry in jobs._baselines(every, (), 1664)] == [
        "popular",
        "item_knn",
        "ease",
        "ials",
    ]
    assert [entry.name for entry in jobs._baselines(every, (), 15_000)] == [
        "popular",
        "item_knn",
        "ials",
    ]
    told = " ".join(capsys.readouterr().err.split())
    assert told == ("ease is left out: it takes 7.2 GB for 15,000 items, 10.2 GB are free; --baseline ease tries it")
    assert [entry.name for entry in jobs._baselines(every, ("ease",), 15_000)] == ["ease"]


def test_a_search_without_the_memory_for_what_it_is_measured_by_ends_before_it_begins(
    parts: Split, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "meminfo").write_text("MemAvailable:  1000000 kB\n")
    monkeypatch.setattr(forecast, "MEMORY", (tmp_path / "meminfo", *[tmp_path / "none"] * 3))
    monkeypatch.setitem(MEMORY, "ease", lambda items: 2e7 * items)
    with pytest.raises(Failure, match=r"^EASE, which .* takes 2\.4 GB for 120 items, and 1\.0 GB are free: tune on "):
        tune.search("lightfm", parts.train, trials=1, seed=1, on_trial=print)
    (tmp_path / "meminfo").write_text("MemAvailable:  10 kB\n")
    with pytest.raises(Failure, match=r"^lightfm: .* takes about .* GB more memory, and 0\.0 GB are free"):
        tune.search("lightfm", parts.train, trials=1, seed=1, on_trial=print)
