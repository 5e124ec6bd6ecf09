"""A version that no server can load is told from one that can, without loading it; and a wrong folder is told too."""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path

import pytest
from command import triptych

import export  # noqa: F401  isort: skip - before TensorFlow

import tensorflow as tf

from serving.version.inspect import inspect

TWIN = Path("assets.extra") / "onnx"
INDEX, DATA = "variables/variables.index", "variables/variables.data-00000-of-00001"


@pytest.fixture
def version(tiny_version, tmp_path) -> Path:
    return Path(shutil.copytree(tiny_version.folder, tmp_path / "models" / "m" / "1"))


def cut(path: Path, by: int = 1) -> None:
    os.truncate(path, path.stat().st_size - by)


def test_what_tensorflow_wrote_is_whole_and_every_file_of_it_is_needed_to_its_last_byte(tiny_versions, tmp_path):
    for kind, tiny in tiny_versions.items():
        assert inspect(tiny.folder).damage == (), kind
        for name in (INDEX, DATA, str(TWIN / "weights.bin")):
            folder = Path(shutil.copytree(tiny.folder, tmp_path / kind / name.replace("/", "-")))
            cut(folder / name)
            (told,) = {each.split(" ")[0] for each in inspect(folder).damage} - {""}
            assert told.endswith(name.rsplit("/", 1)[1]), name


@pytest.mark.parametrize(
    ("harm", "sentences"),
    [
        (lambda v: shutil.rmtree(v / "variables"), [f"there is no {INDEX}, and the graph has variables"]),
        (lambda v: (v / DATA).unlink(), [f"there is no {DATA}, and {INDEX} names it"]),
        (lambda v: os.truncate(v / DATA, 100), [f"{DATA} holds 100 bytes, expected at least [0-9]+"]),
        (lambda v: (v / INDEX).write_bytes(b"\0" * 4096), [f"{INDEX} is cut off or no checkpoint's index"]),
        (lambda v: (v / INDEX).write_bytes(b""), [f"{INDEX} is cut off or no checkpoint's index"]),
        (
            lambda v: (v / TWIN / "score.onnx").write_bytes(b"\xff"),
            ["assets.extra/onnx/score.onnx is cut off or no ONNX graph: .*"],
        ),
    ],
    ids=["no variables", "no data", "data cut off", "index of zeros", "index empty", "a graph cut off"],
)
def test_inspect_says_which_file_keeps_a_version_from_being_loaded(version, harm, sentences):
    harm(version)
    done = triptych("inspect", version)
    assert (done.returncode, done.stderr) == (1, "")
    assert done.stdout.startswith(f"{version} cannot be loaded: ")
    told = re.findall(r"^  ! (.*)$", done.stdout, re.MULTILINE)
    assert [bool(re.fullmatch(*pair)) for pair in zip(sentences, told, strict=True)] == [True] * len(told)


def test_weights_that_are_gone_are_told_of_each_graph_that_has_some(version):
    (version / TWIN / "weights.bin").unlink()
    told = inspect(version).damage
    assert {each.split(" ")[0] for each in told} <= {f"{TWIN}/{path.name}" for path in (version / TWIN).glob("*.onnx")}
    assert told[0].endswith(" keeps tensors in 'weights.bin', expected a file in the same folder")


def test_a_file_that_the_graph_reads_is_missed(tmp_path):
    (tmp_path / "vocabulary.txt").write_text("a\nb\n")
    module = tf.Module()
    module.asset = tf.saved_model.Asset(str(tmp_path / "vocabulary.txt"))
    tf.saved_model.save(module, str(tmp_path / "1"))
    assert inspect(tmp_path / "1").damage == ()
    (tmp_path / "1" / "assets" / "vocabulary.txt").unlink()
    assert inspect(tmp_path / "1").damage == ("there is no assets/vocabulary.txt, and the graph reads it",)


def test_a_graph_without_variables_needs_none(tmp_path):
    module = tf.Module()
    module.double = tf.function(lambda x: x * 2, input_signature=[tf.TensorSpec([], tf.float32)])
    tf.saved_model.save(module, str(tmp_path / "1"), signatures=module.double)
    shutil.rmtree(tmp_path / "1" / "variables")
    assert inspect(tmp_path / "1").damage == ()


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ("models/m", "models/m is a model's folder, with version 1, expected a models folder: name models"),
        ("models/m/1", "models/m/1 is a version's folder, expected a models folder: name models"),
        (".", ". holds the models folder models, expected a models folder: name models"),
        ("empty", "empty holds no version, expected a models folder: `triptych train` puts one into models/<model>/"),
        ("named", "named/m/v1 holds a SavedModel, and 'v1' is no version's number: rename it to 1, or to a higher one"),
        ("dotted", "dotted/m/1.0 holds a SavedModel, and '1.0' is no version's number: rename it to 1, or to a high"),
    ],
)
def test_serve_and_config_say_which_folder_was_named_and_which_is_meant(
    version, tmp_path, monkeypatch, wrong, sentence
):
    (tmp_path / "empty").mkdir()
    for name in ("named/m/v1", "dotted/m/1.0", "named/m/failed-1"):
        shutil.copytree(version, tmp_path / name)
    monkeypatch.chdir(tmp_path)
    served = triptych("serve", "--models", wrong, "--rest-port", "0", "--grpc-port", "0")
    assert (served.returncode, served.stdout) == (1, "")
    assert served.stderr.splitlines()[-1].startswith(f"triptych: nothing to serve: {sentence}")
    written = triptych("config", wrong)
    if wrong != ".":
        assert (written.returncode, written.stdout) == (1, "")
        assert written.stderr.startswith(f"triptych: nothing to serve: {sentence}")
