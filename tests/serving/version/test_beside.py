"""What lies beside a SavedModel is told, and what is wrong with it: the manifest, the warm-up requests, the twin."""

from __future__ import annotations

import json
import re
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from command import run, triptych
from twins import write_twin

import export  # noqa: F401  isort: skip - before TensorFlow

import tensorflow as tf
from tensorboard.compat.tensorflow_stub.pywrap_tensorflow import masked_crc32c
from tensorflow_serving.apis import prediction_log_pb2, regression_pb2

from export.data import movielens
from export.models.registry import MODELS
from export.publishing import manifest
from export.publishing.manifest import Origin
from serving.contract import SIGNATURES
from serving.version import inspect
from serving.version.inspect import WarmUp


@pytest.fixture(scope="module")
def write_manifest() -> Callable[[Path], dict[str, Any]]:
    """Write into a version's folder what `triptych train` writes: the recipe, and what was measured of it."""
    interactions = movielens.load("100k")

    def write(version: Path) -> dict[str, Any]:
        config = MODELS["two_tower"].recipes["tuned"]
        origin = Origin(model="two_tower", recipe="tuned", config=config, seed=42, data="100k")
        manifest.write(version, origin, interactions)
        return json.loads((version / "assets.extra/triptych.json").read_text())

    return write


def write_warmup(version: Path, *logs) -> Path:
    path = version / "assets.extra/tf_serving_warmup_requests"
    path.parent.mkdir(exist_ok=True)
    with tf.io.TFRecordWriter(str(path)) as writer:
        for log in logs:
            writer.write(log.SerializeToString())
    return path


def predict_log(signature: str, **inputs):
    log = prediction_log_pb2.PredictionLog()
    log.predict_log.request.model_spec.signature_name = signature
    for name, values in inputs.items():
        log.predict_log.request.inputs[name].CopyFrom(tf.make_tensor_proto(values))
    return log


def test_all_that_lies_beside_the_saved_model_is_told(version, write_manifest):
    write_warmup(version, predict_log("score", user_id=["42", "1"], item=["a", "b"]), predict_log("", user_id=["42"]))
    write_twin(version)
    written = write_manifest(version)
    found = inspect.inspect(version)
    assert (found.differences, found.damage) == ((), ())
    assert found.manifest == written
    assert found.warmup == (
        WarmUp(signature="score", inputs=("item", "user_id"), rows=2),
        WarmUp(signature="serving_default", inputs=("user_id",), rows=1),
    )
    assert found.twin == tuple(sorted(SIGNATURES))
    du = {path: path.stat().st_size for path in version.rglob("*") if path.is_file()}
    assert found.sizes == {
        "graph": du[version / "saved_model.pb"],
        "variables": sum(size for path, size in du.items() if path.parent.name == "variables"),
        "twin": sum(size for path, size in du.items() if path.parent.name == "onnx"),
        "total": sum(du.values()),
    }


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"{", "assets.extra/triptych.json cannot be read: "),
        (b"[]", "assets.extra/triptych.json cannot be read: it is no object with a number called contract"),
        (b"{}", "assets.extra/triptych.json cannot be read: it is no object with a number called contract"),
        (b'{"contract": 99}', "assets.extra/triptych.json is for contract 99, expected 1 to 2"),
        (b"[" * 100_000, "assets.extra/triptych.json cannot be read: it is nested more than 20 levels deep"),
        (
            b'{"contract": 2, "data": ' + b'{"a":' * 300 + b"1" + b"}" * 301,
            "assets.extra/triptych.json cannot be read: it is nested more than 20 levels deep",
        ),
        (b'{"contract": 2, "data": "\\ud800"}', "assets.extra/triptych.json cannot be read: it holds '\\ud800', which"),
        (b'{"contract": 2, "data": NaN}', "assets.extra/triptych.json cannot be read: NaN is no number in JSON"),
        (b'{"contract": ' + b"9" * 5000 + b"}", "assets.extra/triptych.json cannot be read: Exceeds the limit"),
        (b'{"contract": 2, "data": "\xff"}', "assets.extra/triptych.json cannot be read: 'utf-8' codec can't decode"),
        (b" " * (200 << 20), "assets.extra/triptych.json cannot be read: it holds 209715200 bytes, expected 1048576"),
    ],
)
def test_a_manifest_that_is_none_or_for_another_contract_is_a_difference(version, content, sentence):
    path = version / "assets.extra/triptych.json"
    path.parent.mkdir()
    path.write_bytes(content)
    (difference,) = inspect.inspect(version).differences
    assert difference.startswith(sentence)
    (told,) = json.loads(triptych("inspect", str(version), "--json").stdout)["versions"]
    assert (told["manifest"] is None or told["manifest"]["contract"] == 99, told["differences"]) == (True, [difference])


@pytest.mark.parametrize("damage", [lambda d: d[:-1], lambda d: d[:5], lambda d: d[:20] + b"\0" + d[21:]])
def test_a_warm_up_file_that_is_damaged_is_a_difference(version, damage):
    path = write_warmup(version, predict_log("score", user_id=["42"], item=["a"]))
    path.write_bytes(damage(path.read_bytes()))
    (difference,) = inspect.inspect(version).differences
    assert difference.startswith("warm-up record 1 is broken: ")


def test_a_warm_up_request_that_no_signature_takes_is_a_difference(version):
    regress = prediction_log_pb2.PredictionLog(regress_log={"request": regression_pb2.RegressionRequest()})
    write_warmup(version, predict_log("score", user_id=["42"]), predict_log("nope", x=[1.0]))
    assert inspect.inspect(version).differences == (
        "warm-up record 1 asks score with [user_id], expected [item, user_id]",
        "warm-up record 2 asks nope, expected a signature of this version",
    )
    write_warmup(version, regress)
    (difference,) = inspect.inspect(version).differences
    assert difference == "warm-up record 1 holds no Predict request, expected nothing else"


def test_a_twin_that_lacks_a_signature_is_a_difference(version):
    write_twin(version, ["recommend", "recommend_within", "serving_default", "similar", "recommend_from"])
    assert inspect.inspect(version).differences == ("the ONNX twin has no score",)


def test_a_warm_up_record_that_claims_more_than_the_file_holds_is_a_difference_and_takes_no_memory(version):
    path = write_warmup(version, predict_log("score", user_id=["42"], item=["a"]))
    length = struct.pack("<Q", 1 << 40)
    path.write_bytes(path.read_bytes() + length + struct.pack("<I", masked_crc32c(length)) + b"x" * 99)
    (difference,) = inspect.inspect(version).differences
    assert difference == f"warm-up record 2 is broken: it claims {1 << 40} bytes, and the file ends before"
    with path.open("r+b") as file:
        file.truncate(8 << 30)
    (difference,) = inspect.inspect(version).differences
    assert difference == f"the warm-up file holds {8 << 30} bytes, expected {256 << 20} at most"


def test_the_command_shows_recipe_and_figure_in_a_line_and_all_of_what_training_wrote_if_asked(version, write_manifest):
    written = write_manifest(version)
    figure = written["figures"]["random-80-20"]["ndcg@10"]
    first, second, *_ = triptych("inspect", str(version)).stdout.splitlines()
    assert re.fullmatch(rf"{version} keeps the contract: tuned, [\d.]+ kB, ndcg@10 {figure:.4g}", first)
    assert second == "ndcg@10 was measured of the recipe, by random-80-20; --verbose tells all figures"
    lines = [line.split() for line in triptych("inspect", str(version), "--verbose").stdout.splitlines()]
    assert ["recipe", "tuned"] in lines
    assert [line[1] for line in lines if line[0] == "figures"] == [f"{name}:" for name in written["figures"]]
    assert sorted({*written} - {line[0] for line in lines}) == ["opset"]
    told = " ".join(" ".join(line) for line in lines)
    for values in (written["config"], written["data"], written["packages"], *written["figures"].values()):
        assert [name for name, value in values.items() if f"{name} {text(value)}" not in told] == []


def text(value: object) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name} {text(each)}" for name, each in value.items())
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def test_a_line_is_broken_between_words_where_a_terminal_would_break_within_them(version, write_manifest):
    write_manifest(version)
    path = str(version.relative_to(version.parents[1]))
    whole = run("inspect", path, "--verbose", cwd=version.parents[1]).stdout
    for columns in (80, 40):
        broken = run("inspect", path, "--verbose", cwd=version.parents[1], COLUMNS=str(columns)).stdout
        long = [line for line in broken.splitlines() if len(line) > columns]
        assert [line for line in long if " " in line.strip()] == []
        assert broken.split() == whole.split()
