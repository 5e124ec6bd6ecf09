"""Training into models folders as people have them: what cannot be published to is told before the training."""

from __future__ import annotations

import resource
import subprocess
import sys
from pathlib import Path

import pytest
from command import run, triptych

from export import forecast
from export.data import reading
from export.data.source import Source
from export.models.registry import MODELS
from export.publishing.publish import TRIAL
from serving.client import Client

pytestmark = pytest.mark.training

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def ratings(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("ratings") / "ratings.csv"
    rows = [f"{user},Film {item}" for user in range(12) for item in range(9) if (user * item) % 4 != 1]
    path.write_text("user_id,item\n" + "\n".join(rows) + "\n")
    return path


LIGHTFM = ("train", "lightfm", "--recipe", "tutorial")


def test_a_version_is_published_beside_whatever_else_is_called_a_number(ratings: Path, tmp_path: Path) -> None:
    folder, elsewhere = tmp_path / "lightfm", tmp_path / "elsewhere"
    for name in (folder / "00000001", folder / "9999999999999999999999", elsewhere):
        name.mkdir(parents=True)
    (folder / "2").symlink_to(elsewhere)
    (folder / "3").touch()
    (folder / "4").symlink_to(tmp_path / "nowhere")
    done = triptych(*LIGHTFM, "--data", ratings, "--models", tmp_path, "--keep", 0)
    assert done.returncode == 0, done.stderr
    assert f"published {folder / '5'}" in done.stderr
    assert {path.name for path in folder.iterdir()} == {"3", "4", "5", "9999999999999999999999"}
    assert elsewhere.is_dir()


def highest(folder: Path) -> None:
    (folder / "9223372036854775807").mkdir(parents=True)


def a_file(folder: Path) -> None:
    folder.touch()


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (highest, "has a version 9223372036854775807, and no number is above it: give it a lower one\n"),
        (a_file, "is no folder, expected the folder of a model's versions\n"),
    ],
)
def test_a_folder_that_takes_no_version_is_told_before_the_training(ratings, tmp_path, make, sentence) -> None:
    make(tmp_path / "lightfm")
    done = triptych(*LIGHTFM, "--data", ratings, "--models", tmp_path)
    assert done.returncode == 1
    assert done.stderr.endswith(f"\ntriptych: {tmp_path / 'lightfm'} {sentence}")
    assert "training" not in done.stderr


def test_a_folder_that_cannot_be_made_is_told_with_its_path(ratings) -> None:
    done = triptych("train", "lightfm", "--data", ratings, "--models", "/proc/none")
    assert (done.returncode, done.stderr.splitlines()[-1]) == (
        1,
        "triptych: /proc/none/lightfm cannot be made: No such file or directory",
    )


@pytest.fixture
def memory_for_lightfm_alone(ratings, monkeypatch, tmp_path) -> None:
    """As much memory as LightFM is told to take and a little more, which wide_deep is told to exceed."""
    data = reading.read(Source(data=(str(ratings),)))
    small, large = (
        forecast.needs(MODELS[name].recipes["tuned"], rows=len(data), users=len(data.users), items=len(data.items))
        for name in ("lightfm", "wide_deep")
    )
    (tmp_path / "meminfo").write_text(f"MemAvailable: {(small + large) / 2048:.0f} kB\n")
    monkeypatch.setattr(forecast, "MEMORY", (tmp_path / "meminfo", *[tmp_path / "none"] * 3))


@pytest.mark.usefixtures("memory_for_lightfm_alone")
def test_a_model_that_does_not_fit_is_refused_before_any_is_trained(ratings, tmp_path) -> None:
    models = ("lightfm", "wide_deep", "--data", ratings)
    for done in (triptych("train", *models, "--models", tmp_path / "models"), triptych("evaluate", *models)):
        assert done.returncode == 1
        assert done.stderr.splitlines()[-1].startswith("triptych: wide_deep: ")
        assert "training" not in done.stderr
        assert "seed 42" not in done.stderr
    assert list((tmp_path / "models" / "lightfm").iterdir()) == []


def little_room() -> None:
    """Let a file grow to what is tried before the training and no further: TensorFlow's writer fails in the midst."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (TRIAL, TRIAL))


def test_a_disk_that_fills_inside_tensorflows_writer_is_one_sentence_and_leaves_nothing(tmp_path) -> None:
    many = tmp_path / "many.csv"
    many.write_text("user_id,item\n" + "".join(f"{item % 12},Film {item}\n" for item in range(20_000)))
    command = [sys.executable, "-m", "export.cli", *LIGHTFM, "--data", many, "--models", tmp_path, "--epochs", "1"]
    done = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, timeout=280, check=False, preexec_fn=little_room
    )
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    last = done.stderr.splitlines()[-1]
    assert last.startswith(f"triptych: lightfm was not published to {tmp_path / 'lightfm'}: TensorFlow could not write")
    assert last.count("File too large") == 2  # as which what was trained could not be kept, either
    assert list((tmp_path / "lightfm").iterdir()) == []


def test_tags_from_files_reach_the_model_and_its_filter_and_stand_in_for_interactions(tmp_path: Path) -> None:
    rows = [f"u{user},{item}" for user in range(20) for item in range(12) if user % 2 == item % 2 and user * item % 5]
    data, items, users = tmp_path / "own.csv", tmp_path / "items.csv", tmp_path / "users.tsv"
    data.write_text("user_id,item\n" + "\n".join(rows) + "\n")
    genres = [f"{item};{('Drama', 'Comedy|Odd')[item % 2]};{1990 + item % 3}" for item in range(14)]  # five are new
    items.write_text("id;genre;year\n" + "\n".join(genres) + "\n")
    users.write_text("user_id\tkind\n" + "".join(f"u{user}\t{('even', 'odd')[user % 2]}\n" for user in range(22)))
    flags = ["--items", items, "--users", users, "--columns", "items.item=id", "--features", "1.0", "--epochs", 30]
    done = triptych(*LIGHTFM, "--data", data, "--models", tmp_path / "models", *flags)
    assert done.returncode == 0, done.stderr
    assert f"{items} describes 9 of 9 items, and 5 that have no interactions" in done.stderr

    odd, even = {str(item) for item in range(1, 14, 2)}, {str(item) for item in range(0, 14, 2)}
    with Client((tmp_path / "models" / "lightfm" / "1").as_uri(), model="lightfm") as client:
        (comedies,) = client.recommend(["u1"], k=20, tags=["genre:Comedy"])
        assert (set(comedies.items), len(comedies.items)) == (odd, len(odd))
        (both,) = client.recommend(["u1"], k=20, tags=["genre:Odd", "year:1990"])
        assert set(both.items) == {"3", "9"}
        (none,) = client.recommend(["u1"], tags=["genre:Western"])
        assert none.items == ()
        for new, liked in {"u20": even, "u21": odd}.items():  # of whom there is nothing but a tag
            (ranked,) = client.recommend([new], k=len(liked))
            assert (ranked.known, set(ranked.items)) == (True, liked)


PRESSED = """
import os, signal
from dataclasses import replace
from export.models.registry import MODELS

lightfm = MODELS["lightfm"]

class Finalized:
    def __del__(self):
        os.kill(os.getpid(), signal.SIGINT)

def called(value):
    os.kill(os.getpid(), signal.SIGINT)
    return value

def write(instead):
    from export import pipeline
    pipeline.write = instead

def train(*arguments, **named):
    import tensorflow as tf
    MOMENT
    return lightfm.train(*arguments, **named)

MODELS["lightfm"] = replace(lightfm, train=train)
"""
"""For the process of the command: Ctrl-C comes at a moment where KeyboardInterrupt is not what comes out."""


@pytest.mark.parametrize(
    "moment",
    [
        pytest.param("Finalized()", id="dropped"),
        pytest.param("tf.py_function(called, [1], tf.int32)", id="another error"),
        pytest.param("write(lambda *_: tf.py_function(called, [1], tf.int32))", id="an error like that of a full disk"),
    ],
)
def test_ctrl_c_that_gets_lost_in_tensorflow_ends_the_command(ratings: Path, tmp_path: Path, moment: str) -> None:
    press = PRESSED.replace("MOMENT", moment)
    done = run(*LIGHTFM, "--data", str(ratings), "--models", str(tmp_path / "models"), before=press)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == "Aborted!"
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "models/lightfm/1").exists()
