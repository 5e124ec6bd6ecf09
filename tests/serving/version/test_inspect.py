"""The offline inspector on SavedModels that TensorFlow wrote, and on what is none."""

from __future__ import annotations

import json
import os
import re
import shutil
import struct
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from command import triptych
from hypothesis import given, settings
from hypothesis import strategies as st

import export  # noqa: F401  isort: skip - before TensorFlow

import numpy as np
import onnx
import tensorflow as tf
import tensorflow_recommenders as tfrs
from google.protobuf import text_format
from onnx import TensorProto, helper, numpy_helper
from rich import filesize
from tensorboard.compat.tensorflow_stub.pywrap_tensorflow import masked_crc32c
from tensorflow.core.protobuf import saved_model_pb2
from tensorflow_serving.apis import prediction_log_pb2, regression_pb2

from export.data import movielens
from export.models.registry import MODELS
from export.publishing import manifest
from export.publishing.manifest import Origin
from serving.contract import SIGNATURES
from serving.errors import Failure
from serving.version import inspect
from serving.version.find import find
from serving.version.inspect import WarmUp
from serving.version.saved_model import read_signatures

ROOT = Path(__file__).parents[3]
ITEMS = ["Alien (1979)", "Fargo (1996)", "Heat (1995)"]


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


class Recommender(tf.Module):
    """Answers the contract with three items for everybody."""

    def signatures(self):
        def answer(name, arguments):
            rows = tf.shape(next(iter(arguments.values())))[0]
            k = tf.minimum(tf.reduce_max(arguments["k"]), 3) if "k" in arguments else 10
            columns = {"item": tf.constant([*ITEMS, *[""] * 7]), "score": tf.range(10, 0, -1, dtype=tf.float32)}
            columns = {key: tf.repeat(column[None, :k], rows, axis=0) for key, column in columns.items()}
            if "known" in SIGNATURES[name].outputs:
                columns["known"] = tf.equal(arguments["user_id"], "42")
            return {"score": tf.zeros([rows])} if name == "score" else columns

        for name, signature in SIGNATURES.items():
            specs = {key: tf.TensorSpec(each.shape, each.dtype, key) for key, each in signature.inputs.items()}
            function = tf.function(lambda _name=name, **arguments: answer(_name, arguments), autograph=False)
            yield name, function.get_concrete_function(**specs)


@pytest.fixture(scope="module")
def kept(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("models") / "two_tower" / "7"
    module = Recommender()
    tf.saved_model.save(module, str(folder), signatures=dict(module.signatures()))
    return folder


@pytest.fixture(scope="module")
def plain_tfrs(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("plain") / "1"
    towers = tf.keras.Sequential([tf.keras.layers.StringLookup(vocabulary=["42"]), tf.keras.layers.Embedding(2, 4)])
    index = tfrs.layers.factorized_top_k.BruteForce(towers, k=2)
    index.index(tf.random.uniform([3, 4], seed=1), tf.constant(ITEMS))
    index(tf.constant(["42"]))
    index.save(str(folder))
    return folder


@pytest.fixture
def version(kept, tmp_path) -> Path:
    """A copy of the version that keeps the contract, to be added to and broken."""
    return Path(shutil.copytree(kept, tmp_path / "two_tower" / "7"))


def run(
    *arguments: str, forbid: str = "", before: str = "", cwd: Path = ROOT, **env: str
) -> subprocess.CompletedProcess[str]:
    forbidden = f"import sys; sys.modules.update(dict.fromkeys({forbid.split()!r}))"
    code = f"{before}\n{forbidden}\nfrom export.cli import main; main()"
    command = [sys.executable, "-c", code, *arguments]
    inherited = {name: value for name, value in os.environ.items() if name != "COLUMNS"}  # no terminal, no width
    environment = {**inherited, "PYTHONPATH": str(ROOT), **env}
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False, cwd=cwd, env=environment)


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


def write_twin(version: Path, names=tuple(SIGNATURES)) -> None:
    """Write graphs that take a signature's inputs and answer constants."""
    folder = version / "assets.extra/onnx"
    folder.mkdir(parents=True)
    types = {"string": TensorProto.STRING, "int32": TensorProto.INT32, "bool": TensorProto.BOOL}
    types["float32"] = TensorProto.FLOAT
    values = {"item": np.array([ITEMS], dtype=object), "score": np.float32([[3, 2, 1]]), "known": np.array([False])}

    def infos(tensors, suffix=""):
        shapes = {key: [None] * len(tensor.shape) for key, tensor in tensors.items()}
        return [helper.make_tensor_value_info(key + suffix, types[tensors[key].dtype], shapes[key]) for key in tensors]

    for name in names:
        inputs, outputs = SIGNATURES[name].inputs, SIGNATURES[name].outputs
        constants = {f"{key}_out": numpy_helper.from_array(values[key]) for key in outputs}
        nodes = [helper.make_node("Constant", [], [key], value=value) for key, value in constants.items()]
        graph = helper.make_graph(nodes, name, infos(inputs), infos(outputs, "_out"))
        opset = helper.make_opsetid("", 18)
        onnx.save_model(helper.make_model(graph, opset_imports=[opset], ir_version=9), folder / f"{name}.onnx")


def test_a_version_that_keeps_the_contract_has_its_signatures_and_no_difference(kept):
    found = inspect.inspect(kept)
    assert found.signatures == SIGNATURES
    assert (found.differences, found.manifest, found.warmup, found.twin) == ((), None, (), ())


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


def test_each_difference_of_a_plain_tfrs_export_is_named(plain_tfrs):
    assert sorted(inspect.inspect(plain_tfrs).differences) == [
        "serving_default: input input_1 string[?] is not expected",
        "serving_default: input user_id is missing, expected string[?]",
        "serving_default: output item is missing, expected string[?, 10]",
        "serving_default: output output_1 float32[?, 2] is not expected",
        "serving_default: output output_2 string[?, 2] is not expected",
        "serving_default: output score is missing, expected float32[?, 10]",
        "there is no signature recommend",
        "there is no signature recommend_from",
        "there is no signature recommend_within",
        "there is no signature score",
        "there is no signature similar",
    ]


def test_a_dtype_and_a_shape_that_differ_are_named_with_what_was_expected(tmp_path):
    @tf.function(input_signature=[tf.TensorSpec([None], tf.int64, "user_id")])
    def serving_default(user_id):
        return {"item": tf.as_string(user_id), "score": tf.zeros([tf.shape(user_id)[0], 10], tf.float64)}

    module = tf.Module()
    module.serving_default = serving_default
    tf.saved_model.save(module, str(tmp_path / "1"), signatures={"serving_default": serving_default})
    told = [each for each in inspect.inspect(tmp_path / "1").differences if each.startswith("serving_default")]
    assert told == [
        "serving_default: input user_id is int64[?], expected string[?]",
        "serving_default: output item is string[?], expected string[?, 10]",
        "serving_default: output score is float64[?, 10], expected float32[?, 10]",
    ]


def test_tensors_that_the_contract_has_no_word_for_are_told_apart(tmp_path):
    saved = saved_model_pb2.SavedModel()
    graph = saved.meta_graphs.add()
    graph.meta_info_def.tags.append("serve")
    outputs = graph.signature_def["odd"].outputs
    outputs["sparse"].coo_sparse.values_tensor_name = "v:0"
    outputs["composite"].composite_tensor.SetInParent()
    for name, dtype in (("sparse", 9), ("composite", 1), ("rank", 1), ("dtype", 99)):
        outputs[name].dtype = dtype
        outputs[name].tensor_shape.unknown_rank = name == "rank"
    (tmp_path / "saved_model.pb").write_bytes(saved.SerializeToString())
    found = read_signatures(tmp_path)["odd"].outputs
    assert {name: inspect.describe(tensor) for name, tensor in found.items()} == {
        "sparse": "sparse int64[]",
        "composite": "composite float32[]",
        "rank": "float32 of unknown rank[]",
        "dtype": "dtype 99[]",
    }


def test_a_saved_model_in_text_form_is_read_too(kept, tmp_path):
    saved = saved_model_pb2.SavedModel.FromString((kept / "saved_model.pb").read_bytes())
    for graph in saved.meta_graphs:
        graph.ClearField("graph_def")
        graph.ClearField("object_graph_def")
    (tmp_path / "saved_model.pbtxt").write_text(text_format.MessageToString(saved))
    assert read_signatures(tmp_path) == SIGNATURES


def test_versions_are_compared_with_the_first(kept, plain_tfrs):
    same, other = inspect.inspect(kept), inspect.inspect(plain_tfrs)
    assert inspect.compare([same, same, same]) == []
    told = inspect.compare([other, same])
    assert f"{kept}: serving_default: output output_1 is missing, expected float32[?, 2]" in told
    assert f"{kept}: serving_default: output item string[?, 10] is not expected" in told
    assert f"{kept}: signature score is not expected" in told
    assert len(told) == 6 + 5


def test_a_model_folder_means_its_newest_version_and_a_models_folder_each_models_newest(tmp_path):
    for name in ("two_tower/2", "two_tower/10", "lightfm/1", "lightfm/.staging-9", "two_tower/failed-3", "notes"):
        folder = tmp_path / name
        folder.mkdir(parents=True)
        (folder / "saved_model.pb").touch()
    (tmp_path / "notes/saved_model.pb").unlink()
    newest = tmp_path / "two_tower/10"
    assert find(newest) == [newest]
    assert find(tmp_path / "two_tower") == [newest]
    assert find(tmp_path) == [tmp_path / "lightfm/1", newest]


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (
            lambda folder: folder.rmdir(),
            "is no folder, expected a version's folder, a model's folder or a models folder",
        ),
        (lambda folder: None, "holds no version, expected a version's folder, a model's folder or a models folder"),
        (
            lambda folder: (folder / "saved_model.pb").touch(),
            r"no graph at all, expected a graph tagged \[serve\]",
        ),
        (lambda folder: (folder / "saved_model.pb").write_bytes(b"\xff" * 99), "cut off or no SavedModel"),
        (lambda folder: (folder / "saved_model.pbtxt").write_text("no proto"), "cut off or no SavedModel"),
        (lambda folder: (folder / "saved_model.pb").mkdir(), "holds no version"),
    ],
)
def test_what_is_no_saved_model_is_one_sentence(tmp_path, make, sentence):
    folder = tmp_path / "1"
    folder.mkdir()
    make(folder)
    with pytest.raises(Failure, match=sentence):
        [inspect.inspect(path) for path in find(folder)]


def test_a_graph_with_other_tags_is_not_one_for_serving(version):
    data = (version / "saved_model.pb").read_bytes()
    (version / "saved_model.pb").write_bytes(data.replace(b"\x05serve", b"\x05train"))
    with pytest.raises(Failure, match=r"holds \[train\], expected a graph tagged \[serve\]"):
        inspect.inspect(version)


@settings(derandomize=True, max_examples=60, deadline=None)
@given(data=st.data())
def test_whatever_a_broken_file_holds_is_told_in_sentences_of_one_line(kept, tmp_path_factory, data):
    folder = tmp_path_factory.mktemp("broken")
    content = bytearray((kept / "saved_model.pb").read_bytes())
    end = data.draw(st.integers(0, len(content) - 1))
    if data.draw(st.booleans()):
        content = content[:end]
    else:
        content[end] ^= data.draw(st.integers(1, 255))
    (folder / "saved_model.pb").write_bytes(content)
    try:
        said = list(inspect.inspect(folder).differences)
    except Failure as failure:
        said = [str(failure)]
    assert all(len(sentence.splitlines()) == 1 for sentence in said)


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


@pytest.mark.parametrize("name", ["saved_model.pb", "saved_model.pbtxt"])
@pytest.mark.parametrize("size", [8 << 30, (1 << 31) - 1])
def test_a_saved_model_that_is_all_hole_is_one_sentence_at_once(tmp_path, name, size):
    if name.endswith(".pbtxt") and size < 1 << 31:
        pytest.skip("a text may begin with anything")
    with (tmp_path / name).open("wb") as file:
        file.truncate(size)
    limit = "import resource; resource.setrlimit(resource.RLIMIT_AS, (2 << 30, 2 << 30))"
    done = run("inspect", str(tmp_path), before=limit)
    sentence = f"triptych: {tmp_path} holds a saved_model.pb that is cut off or no SavedModel: it holds {size} bytes"
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (1, "", 1)
    assert done.stderr.startswith(sentence)


def test_the_command_says_that_three_keep_one_contract_and_loads_no_tensorflow(kept):
    result = run("inspect", *[str(kept)] * 3, forbid="tensorflow onnxruntime grpc")
    assert (result.returncode, result.stderr) == (0, "")
    lines = result.stdout.splitlines()
    size = filesize.decimal(sum(path.stat().st_size for path in kept.rglob("*") if path.is_file()))
    assert lines[:3] == [f"{kept} keeps the contract: {size}"] * 3
    assert lines[3] == "The signatures of these 3 versions are the same"
    assert [line.split()[0] for line in lines[4:]] == sorted(SIGNATURES)
    assert "  score            item string[?], user_id string[?] -> score float32[?]" in lines


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


def test_what_was_never_published_is_no_version_unless_it_is_asked_for_alone(version):
    failed = version.with_name("failed-20261125T160000Z-1a2b3c4d")
    shutil.copytree(version, failed)
    both = triptych("inspect", str(version), str(failed))
    assert f"{failed} was not published, and no server reads it\n" in both.stdout
    assert "these 2 versions" not in both.stdout
    found = json.loads(triptych("inspect", str(version), str(failed), "--json").stdout)
    assert ([each["path"] for each in found["versions"]], found["unpublished"]) == ([str(version)], [str(failed)])
    assert triptych("inspect", str(failed)).stdout.startswith(f"{failed} keeps the contract")
    assert f"{version} keeps" in triptych("inspect", str(version.parent)).stdout


def test_nothing_in_a_manifest_or_a_name_is_an_order_to_a_terminal(kept, tmp_path):
    folder = Path(shutil.copytree(kept, tmp_path / "m\x1b]0;x\x07\n" / "7"))
    (folder / "assets.extra").mkdir()
    manifest = {"contract": 2, "recipe": "tuned\x1b[31m\nforged keeps the contract"}
    (folder / "assets.extra/triptych.json").write_text(json.dumps(manifest))
    out = triptych("inspect", str(folder)).stdout
    assert [char for char in set(out) if not char.isprintable()] == ["\n"]
    assert r"m\x1b]0;x\x07\n/7 keeps the contract: tuned\x1b[31m\nforged keeps the contract, " in out


def test_one_path_that_cannot_be_read_is_one_failure_in_json_too(tmp_path):
    for path in (tmp_path / "none", tmp_path):
        result = triptych("inspect", "--json", str(path))
        found = json.loads(result.stdout)
        assert (result.returncode, result.stderr, found["versions"], found["between"]) == (1, "", [], [])
        assert [failure.startswith(f"{path} ") for failure in found["failures"]] == [True]


def test_the_command_exits_1_when_the_contract_is_broken_and_goes_on_after_a_broken_folder(kept, plain_tfrs, tmp_path):
    result = triptych("inspect", str(plain_tfrs), str(tmp_path), str(kept), "--json")
    assert result.returncode == 1
    found = json.loads(result.stdout)
    assert [each["keeps_contract"] for each in found["versions"]] == [False, True]
    assert [each["path"] for each in found["versions"]] == [str(plain_tfrs), str(kept)]
    (failure,) = found["failures"]
    assert failure.startswith(f"{tmp_path} holds no version")
    text = triptych("inspect", str(plain_tfrs), str(tmp_path))
    assert text.returncode == 1
    assert "  ! serving_default: output output_1 float32[?, 2] is not expected\n" in text.stdout
    assert text.stderr == f"triptych: {failure}\n"


def test_answer_asks_the_twin_without_tensorflow(version):
    write_twin(version)
    result = run("inspect", str(version), "--answer", "7", forbid="tensorflow grpc")
    assert result.returncode == 0
    assert result.stdout.endswith(
        "  an unknown user gets the most popular items\n"
        "   1     3.0000  Alien (1979)\n   2     2.0000  Fargo (1996)\n   3     1.0000  Heat (1995)\n"
    )


def test_answer_runs_the_saved_model_where_there_is_no_twin(version):
    result = run("inspect", str(version), "--answer", "42", "--json")
    (found,) = json.loads(result.stdout)["versions"]
    assert found["answer"] == {"items": ITEMS, "scores": [10.0, 9.0, 8.0], "known": True}


def test_answer_without_a_twin_and_without_tensorflow_is_one_sentence(version):
    result = run("inspect", str(version), "--answer", "42", forbid="tensorflow")
    assert result.returncode == 1
    assert (
        "has no ONNX twin of all its signatures, and TensorFlow, which would run it, is not installed" in result.stderr
    )
    assert "Traceback" not in result.stderr


def test_answer_of_a_model_without_the_signature_is_one_sentence(plain_tfrs):
    result = triptych("inspect", str(plain_tfrs), "--answer", "42")
    assert result.returncode == 1
    assert "has no signature recommend" in result.stderr
