"""The main job on the real MovieLens 100k: trained, published, compared with what was trained, repeated."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path

import numpy as np
import pytest
from conftest import Tiny

from export import pipeline
from export.data import movielens
from export.data.interactions import Interactions
from export.models.lightfm import LightFMConfig
from export.models.registry import MODELS, OURS
from export.publishing.agreement import Answer, session
from export.waist.config import Config
from export.waist.factorized import Factorized
from export.waist.model import Model
from lightfm_adapter.training import Settings, fit
from serving.version.inspect import inspect
from serving.version.saved_model import INIT_OP, read_definitions

pytestmark = pytest.mark.training

ROOT = Path(__file__).parents[2]
TRIPTYCH = [sys.executable, "-m", "export.cli"]

DIGEST = """
import hashlib
from dataclasses import replace
import numpy as np
from export import pipeline
from export.data import movielens
from export.publishing.manifest import Origin
from export.models.registry import MODELS

data = movielens.load()
data = data.rows(np.arange(0, len(data), 4))  # of every user and item, and more than a batch
for model, one in MODELS.items():
    for recipe, config in one.recipes.items():
        quick = {"batch": 1024} if "batch" in one.hyper_parameters and config.batch > 1024 else {}
        short = replace(config, epochs=2, **quick)
        made = pipeline.train(Origin(model=model, recipe=recipe, config=short, seed=7, data="100k"), data)
        digest = hashlib.sha256()
        for part in (made.user_vectors, made.vectors, made.item_biases, made.user_biases):
            digest.update(part.tobytes())
        print(model, recipe, digest.hexdigest())
"""


SHOW = """
import sys
from tensorflow.python.tools.saved_model_cli import create_parser

for version in sys.argv[1:]:
    asked = ["show", "--dir", version, "--tag_set", "serve", "--signature_def", "serving_default"]
    create_parser().parse_args(asked).func()
    print("that is all")
"""
"""What saved_model_cli does for one version, for each of several: it takes seconds to start."""

EPOCHS = 1


@pytest.fixture(scope="module")
def data() -> Interactions:
    return movielens.load("100k")


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Train and publish the three models as a user does: with the tutorial recipe, but for its large batches' time.

    One pass each: what is asked of them here is what they answer, and not how well they recommend.
    """
    folder = tmp_path_factory.mktemp("trained") / "models"
    command = [*TRIPTYCH, "train", "--recipe", "tutorial", "--batch", "1024", "--epochs", str(EPOCHS)]
    command += ["--models", str(folder)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture(scope="module")
def lightfm(models: Path) -> Iterator[Answer]:
    with session(models / "lightfm" / "1") as answer:
        yield answer


def test_the_signatures_of_the_three_models_are_equal_to_the_letter(models: Path) -> None:
    found = []
    for model in OURS:
        assert inspect(models / model / "1").differences == ()
        definitions = read_definitions(models / model / "1")
        found.append({name: definition for name, definition in definitions.items() if name != INIT_OP})
    assert found[0] == found[1] == found[2]


def test_saved_model_cli_shows_the_same_for_the_three_models(models: Path) -> None:
    command = [sys.executable, "-c", SHOW, *(str(models / model / "1") for model in OURS)]
    told = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    shown = told.removesuffix("that is all\n").split("that is all\n")
    assert len(shown) == 3
    assert shown[0] == shown[1] == shown[2]
    assert "inputs['user_id'] tensor_info:\n      dtype: DT_STRING\n      shape: (-1)" in shown[0]
    assert "outputs['item'] tensor_info:\n      dtype: DT_STRING\n      shape: (-1, 10)" in shown[0]
    assert "outputs['score'] tensor_info:\n      dtype: DT_FLOAT\n      shape: (-1, 10)" in shown[0]


def test_lightfm_ranks_every_user_as_its_own_predict_does(lightfm: Answer, data: Interactions) -> None:
    config = MODELS["lightfm"].recipes["tutorial"]
    assert isinstance(config, LightFMConfig)
    settings = Settings(
        components=config.components,
        epochs=EPOCHS,
        learning_rate=config.learning_rate,
        max_sampled=config.max_sampled,
    )
    fitted = fit(data.matrix(), settings, on_epoch=lambda _: None)
    answer = lightfm("serving_default", {"user_id": data.users.astype(object)})
    place = {item: number for number, item in enumerate(data.items.tolist())}
    for user in range(len(data.users)):
        predicted = fitted.model.predict(user, np.arange(len(data.items)))
        found = np.array([place[item] for item in answer["item"][user]])
        np.testing.assert_allclose(predicted[found], np.sort(predicted)[::-1][:10], atol=1e-5)
        np.testing.assert_allclose(answer["score"][user], predicted[found], atol=1e-5)


@pytest.mark.parametrize("rows", [pipeline.SMALL, 0])
def test_a_model_that_asks_for_it_is_trained_beside_the_others_where_data_is_small(
    monkeypatch: pytest.MonkeyPatch, tiny_version: Tiny, rows: int
) -> None:
    """Each of the two waits for the other: both end only where they run at the same time."""
    both = threading.Barrier(2, timeout=300 if rows else 0.1)

    def train(*_: object, **__: object) -> Factorized:
        both.wait()
        return tiny_version.model

    origins = []
    for name in ("alone", "beside"):
        monkeypatch.setitem(
            MODELS, name, Model(summary="", recipes={"own": Config()}, train=train, aside=name == "beside")
        )
        origins.append(pipeline.Origin(model=name, recipe="own", config=Config(), seed=0, data="made up"))
    monkeypatch.setattr(pipeline, "SMALL", rows)
    trained = pipeline.train_each(origins, tiny_version.interactions, during=nullcontext)
    if rows:
        assert [origin for origin, _ in trained] == origins
    else:
        with pytest.raises(threading.BrokenBarrierError):
            next(trained)


def test_training_again_with_the_same_seed_gives_the_same_model_to_the_bit() -> None:
    runs = [
        subprocess.run([sys.executable, "-c", DIGEST], cwd=ROOT, capture_output=True, text=True, check=True).stdout
        for _ in range(2)
    ]
    assert runs[0] == runs[1]
    assert len(set(runs[0].splitlines())) == sum(len(model.recipes) for model in MODELS.values())
