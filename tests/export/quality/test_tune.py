"""Tuned recipes: what a search tries and reports, that it found those that are kept, and that they find tastes."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from operator import itemgetter

import pytest

from export.data.interactions import Interactions
from export.models.registry import MODELS, OURS
from export.quality import leaderboard, tune
from export.quality.baselines import popular
from export.quality.evaluation import TFRS_FIGURE, evaluate
from export.quality.protocols import split
from export.waist.model import TUNED

pytestmark = pytest.mark.training


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
