"""The registry: what a model says of itself reaches every command, ours and one from outside the tree alike."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from dataclasses import dataclass, replace
from pathlib import Path

import click
import numpy as np
import pytest
from live import process

from export.cli.commands import app
from export.models.registry import MODELS, OURS, RESERVED
from export.quality.protocols import PROTOCOLS
from export.waist.config import Config, hyper
from export.waist.model import Model
from serving.client import Client

ROOT = Path(__file__).parents[3]

IALS = re.findall(r"```python\n(.*?)```", (ROOT / "docs/models.md").read_text(encoding="utf-8"), re.DOTALL)[0]
"""A model as somebody else writes it: the file that the page on models shows."""

SMALL = ("--components", "8", "--regularization", "1", "--epochs", "7")
"""For 60 users and 40 items."""


@dataclass(frozen=True, kw_only=True)
class Outside:
    """A folder with a package that brings a model, on the path of the commands that are run."""

    folder: Path
    data: Path

    def environment(self) -> dict[str, str]:
        path = os.pathsep.join([str(self.folder), os.environ.get("PYTHONPATH", "")])
        return {**os.environ, "PYTHONPATH": path}

    def run(self, *arguments: str, status: int = 0) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "export.cli", *arguments]
        done = subprocess.run(
            command, cwd=ROOT, env=self.environment(), capture_output=True, text=True, timeout=240, check=False
        )
        assert done.returncode == status, done.stderr
        return done


def bring(folder: Path, name: str, source: str) -> None:
    """Lay a model into a folder as pip would install it: the module and what says that it is there."""
    (folder / f"{name}.py").write_text(source)
    info = folder / f"{name}-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[triptych.models]\n{name} = {name}:MODEL\n")


@pytest.fixture(scope="module")
def outside(tmp_path_factory: pytest.TempPathFactory) -> Outside:
    """IALS from outside the tree, and 60 users of two tastes, who chose only items of their half."""
    folder = tmp_path_factory.mktemp("outside")
    bring(folder, "ials", IALS)
    chosen = np.random.default_rng(3).random((60, 40)) < 0.5
    pairs = [(u, i) for u, i in np.argwhere(chosen).tolist() if u % 2 == i % 2]
    (folder / "taste.csv").write_text("user_id,item\n" + "".join(f"u{u},i{i}\n" for u, i in pairs))
    return Outside(folder=folder, data=folder / "taste.csv")


@pytest.mark.training
def test_a_model_from_outside_is_trained_published_served_and_asked_like_ours(outside: Outside, tmp_path: Path) -> None:
    models = tmp_path / "models"
    outside.run("train", "ials", "--data", str(outside.data), "--models", str(models), *SMALL)
    manifest = json.loads((models / "ials/1/assets.extra/triptych.json").read_text())
    assert (manifest["model"], manifest["recipe"], manifest["packages"]["ials"]) == (
        "ials",
        "tuned, components 8, regularization 1.0, epochs 7",
        "1.0",
    )
    assert manifest["index"] == {"kind": "product"}
    assert "(alternating least squares (implicit))" in outside.run("card", str(models / "ials" / "1")).stdout
    assert manifest["config"] == {"components": 8, "regularization": 1.0, "epochs": 7}
    with (
        process("--models", str(models)) as (_, ready),
        Client(f"http://127.0.0.1:{ready.rest_port}", model="ials") as c,
    ):
        users = [f"u{user}" for user in range(60)]
        answers = c.recommend(users, k=5, unseen=True)
    right = [int(item[1:]) % 2 == user % 2 for user, answer in enumerate(answers) for item in answer.items]
    assert len(right) == 300
    assert np.mean(right) > 0.9
    asked = outside.run("recommend", "--user", "u1", "--model", "ials", "--json", "--url", f"file://{models}/ials/1")
    assert json.loads(asked.stdout)["known"] is True


@pytest.mark.training
def test_a_model_from_outside_is_evaluated_like_ours(outside: Outside, tmp_path: Path) -> None:
    rows = tmp_path / "rows.json"
    data = ("--data", str(outside.data), "--no-baselines", "--json", str(rows), "--report", str(tmp_path))
    outside.run("evaluate", "ials", "lightfm", *SMALL, *data)
    found = {(row["model"], row["recipe"]): row["ndcg@10"] for row in json.loads(rows.read_text())["rows"]}
    ials = ("ials", "tuned, components 8, regularization 1.0, epochs 7")
    assert found.keys() == {ials, ("lightfm", "tuned, components 8, epochs 7")}
    assert found[ials] > 0.3
    assert "ials" in (tmp_path / "report.html").read_text()


def test_help_lists_a_model_from_outside_with_its_defaults(outside: Outside) -> None:
    text = outside.run("train", "--help").stdout
    assert "[two_tower|wide_deep|lightfm|ials]" in text
    assert "  ials       alternating least squares (implicit)\n" in text
    words = " ".join(text.split())
    assert "--epochs INTEGER two_tower, wide_deep, lightfm: passes over the interactions; ials: alternations" in words
    assert "[default: two_tower 140, wide_deep 100, lightfm 117, ials 15]" in words


def test_what_a_model_cannot_is_said_before_anything_is_read(outside: Outside) -> None:
    missing = ("--data", "no.csv")
    told = outside.run("tune", "ials", *missing, status=1).stderr
    lacking = "ials says of no hyper-parameter where to search, expected a model with a space"
    assert told == f"triptych: {lacking}: two_tower, wide_deep, lightfm\n"
    told = outside.run("train", "ials", "--recipe", "tutorial", *missing, status=1).stderr
    assert told == "triptych: ials has no recipe 'tutorial', expected one of tuned\n"
    told = outside.run("train", "ials", "--distribute", *missing, status=1).stderr
    assert told == "triptych: ials: trained on one machine only; --distribute goes with two_tower, wide_deep\n"


@pytest.mark.parametrize(
    ("name", "source", "why"),
    [
        ("broken", "import nowhere", "ModuleNotFoundError: No module named 'nowhere'"),
        ("lightfm", "MODEL = 1", "there is another model of this name"),
        ("number", "MODEL = 1", "it is a int, expected an export.waist.model.Model"),
        (
            "named",
            IALS.replace("components", "seed"),
            "its hyper-parameter 'seed' is named like a flag",
        ),
        ("other", IALS.replace("components", "config"), "its hyper-parameter 'config' is named like a flag of the"),
        ("method", IALS.replace("components", "scores"), "its hyper-parameter 'scores' is named like a flag of the"),
        ("plain", IALS.replace('hyper(10.0, "L2 penalty", least=0.0)', "10.0"), "regularization is a plain field"),
        ("empty", IALS.replace('{"tuned": IALSConfig()}', "{}"), "the classes of its recipes are none, expected one"),
        (
            "lost",
            IALS.replace("train=train", 'train=train, space={"x": (1, 2, False)}'),
            "its space names 'x', expected",
        ),
    ],
)
def test_a_broken_model_from_outside_is_left_out_with_a_word(tmp_path: Path, name: str, source: str, why: str) -> None:
    bring(tmp_path, name, source)
    done = Outside(folder=tmp_path, data=tmp_path).run("train", "--help")
    assert "[two_tower|wide_deep|lightfm]" in done.stdout
    assert done.stderr.startswith(f"triptych: the model {name} ({name}:MODEL) is left out: ")
    assert why in done.stderr
    assert done.stderr.count("\n") == 1


def test_ours_come_first_and_each_says_what_it_is() -> None:
    assert list(MODELS)[: len(OURS)] == list(OURS)
    assert [name for name in OURS if MODELS[name].default != "tuned" or not MODELS[name].summary] == []


def test_names_of_flags_are_no_names_of_hyper_parameters() -> None:
    found = {"help"}
    for command in (app.commands["train"], app.commands["evaluate"]):
        for option in command.params:
            flags = {flag.removeprefix("--").replace("-", "_") for flag in (*option.opts, *option.secondary_opts)}
            found |= {option.name, *flags}
    assert found - {name for model in MODELS.values() for name in model.hyper_parameters} == RESERVED


def test_the_protocols_that_help_lists_are_those_there_are() -> None:
    (protocol,) = [option for option in app.commands["evaluate"].params if option.name == "protocol"]
    assert isinstance(protocol.type, click.Choice)
    assert list(protocol.type.choices) == list(PROTOCOLS)


@dataclass(frozen=True, kw_only=True)
class Named(Config):
    size: int = hyper(1, "size")


def test_without_a_tuned_recipe_the_first_runs() -> None:
    recipes = {"small": Named(), "large": Named(size=9)}
    model = Model(summary="", recipes=recipes, train=MODELS["lightfm"].train)
    assert (model.default, list(model.hyper_parameters)) == ("small", ["size"])


def test_a_recipe_with_a_changed_value_is_named_for_what_it_is() -> None:
    lightfm = MODELS["lightfm"]
    tuned = lightfm.recipes["tuned"]
    assert lightfm.named("tuned", tuned) == "tuned"
    changed = replace(tuned, epochs=5, components=32)
    assert lightfm.named("tuned", changed) == "tuned, components 32, epochs 5"
