"""The proof: what a server would not answer, or not answer right, is never published."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import psutil
import pytest
from conftest import Tiny

from export.publishing import proof
from export.publishing.agreement import cases, requests
from export.publishing.oracle import Oracle
from export.publishing.proof import check, prove, prove_again, prover
from export.publishing.publish import publish
from export.waist.factorized import Factorized
from serving.errors import Failure
from serving.version.inspect import inspect

pytestmark = pytest.mark.training

ROOT = Path(__file__).parents[3]

KERAS_3 = """
import os, sys
os.environ["TF_USE_LEGACY_KERAS"] = "0"
sys.modules |= dict.fromkeys(("matplotlib", "sklearn"))  # Keras imports them where it can, which takes seconds
import keras
import tensorflow as tf
from serving.contract import SIGNATURES

FILL = {"string": "", "float32": 0.0, "bool": True}
NUMBERS = {"string": tf.string, "int32": tf.int32, "bool": tf.bool}
model = keras.Sequential([keras.layers.StringLookup(vocabulary=["1", "2"]), keras.layers.Embedding(3, 10)])

def signature(name, wanted):
    def answer(**inputs):
        if name == "serving_default":
            score = model(inputs["user_id"])
            return {"item": tf.as_string(score), "score": score}
        rows = tf.shape(next(iter(inputs.values())))[0]
        width = tf.reduce_max(inputs.get("k", [1]))
        shape = lambda tensor: [rows, width][: len(tensor.shape)]
        return {output: tf.fill(shape(tensor), FILL[tensor.dtype]) for output, tensor in wanted.outputs.items()}

    specs = {key: tf.TensorSpec(t.shape, NUMBERS[t.dtype], name=key) for key, t in wanted.inputs.items()}
    return tf.function(answer, autograph=False).get_concrete_function(**specs)

holder = tf.Module()
holder.model = model
tf.saved_model.save(holder, sys.argv[1], signatures={name: signature(name, s) for name, s in SIGNATURES.items()})
answer = tf.saved_model.load(sys.argv[1]).signatures["serving_default"](user_id=tf.constant(["1"]))
print(answer["score"].shape)
"""


def copy(version: Tiny, folder: Path) -> Path:
    return Path(shutil.copytree(version.folder, folder / "copy"))


def altered(model: Factorized) -> Factorized:
    """Return the model as it would be had training gone on a little."""
    return replace(model, vectors=model.vectors + np.float32(0.001))


def test_a_version_that_answers_as_its_model_is_proven(tiny_version: Tiny, tmp_path: Path) -> None:
    version = copy(tiny_version, tmp_path)
    prove(version, tiny_version.model, tiny_version.interactions)
    assert check(version) is None  # and it carries what it takes to be proven again


@pytest.mark.parametrize("path", [None, ""])
def test_no_file_of_the_current_folder_stands_before_the_standard_librarys(
    tiny_version: Tiny, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, path: str | None
) -> None:
    (tmp_path / "here").mkdir()
    (tmp_path / "here" / "random.py").write_text('raise SystemExit("shadowed by random.py")\n')
    monkeypatch.chdir(tmp_path / "here")
    monkeypatch.delenv("PYTHONPATH", raising=False)
    if path is not None:
        monkeypatch.setenv("PYTHONPATH", path)
    version = copy(tiny_version, tmp_path)
    prove(version, tiny_version.model, tiny_version.interactions)
    assert check(version) is None


def test_no_process_is_left_where_what_it_was_to_prove_was_not_written() -> None:
    started: set[psutil.Process] = set()

    def write_without_room() -> None:
        before = set(psutil.Process().children())
        with prover():
            started.update(set(psutil.Process().children()) - before)
            raise OSError("no space")

    with pytest.raises(OSError, match="no space"):
        write_without_room()
    assert [process.is_running() for process in started] == [False]


def test_a_version_of_the_first_contract_is_proven_again_by_the_cases_that_it_carries(first_contract: Tiny) -> None:
    asked = (request for request in requests(first_contract.interactions) if request[0] != "recommend_within")
    proof._write(
        first_contract.folder / proof.CASES,
        cases(Oracle(first_contract.model, first_contract.interactions).answer, asked),
    )
    prove_again(first_contract.folder)
    assert inspect(first_contract.folder).differences == ()


def test_a_version_of_another_model_is_refused_with_what_differs(tiny_version: Tiny, tmp_path: Path) -> None:
    with pytest.raises(Failure, match=r"serving_default asked with .*: score\[0, 0\] is .*, expected "):
        prove(copy(tiny_version, tmp_path), altered(tiny_version.model), tiny_version.interactions)


def test_a_twin_of_another_model_is_refused(tiny_versions: dict[str, Tiny], tmp_path: Path) -> None:
    version = tiny_versions["item_biases"]
    folder = copy(version, tmp_path)
    twin = Path("assets.extra") / "onnx"
    shutil.rmtree(folder / twin)
    shutil.copytree(tiny_versions["plain"].folder / twin, folder / twin)
    with pytest.raises(Failure, match="the ONNX twin answers something else: serving_default asked with"):
        prove(folder, version.model, version.interactions)


def test_a_saved_model_that_answers_in_python_and_fails_in_a_session_is_not_published(
    tiny_version: Tiny, tmp_path: Path
) -> None:
    def write(staging: Path) -> None:
        command = [sys.executable, "-c", KERAS_3, str(staging)]
        env = {**os.environ, "PYTHONPATH": str(ROOT)}
        done = subprocess.run(command, capture_output=True, text=True, env=env, check=True)
        assert done.stdout.split("\n")[-2] == "(1, 10)"  # it does answer there
        assert inspect(staging).differences == ()  # and it keeps the contract

    with pytest.raises(
        Failure, match=r"was not published: it cannot be loaded and asked in a session: .* not find variable"
    ):
        publish(
            tmp_path, write=write, prove=lambda staging: prove(staging, tiny_version.model, tiny_version.interactions)
        )
    (aside,) = tmp_path.iterdir()
    assert aside.name.startswith("failed-")
