"""The archives that hosting platforms take, held to their published descriptions."""

from __future__ import annotations

import re
import shutil
import tarfile

import numpy as np
import onnxruntime as ort
import pytest
from command import printed as run
from live import ask, live, predict

from export.publishing.agreement import requests
from serving.contract import SIGNATURES, twin_output
from serving.errors import Failure
from serving.hosting.platforms import Platform


def hosted(**options) -> Platform:
    return Platform(port=0, health="/ping", predict="/invocations", **options)


def test_what_is_packed_for_sagemaker_is_served_as_sagemaker_unpacks_it(tiny_version, tmp_path):
    models = tmp_path / "two_tower"
    for number in ("6", "7"):
        shutil.copytree(tiny_version.folder, models / number)
    (tmp_path / "a.unfinished").write_bytes(b"what a run that was killed left")
    for name in ("a", "b"):
        assert run("pack", models / "6", models / "7", "--out", tmp_path / name) == f"{tmp_path / name}\n"
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    with tarfile.open(tmp_path / "a", "r:gz") as archive:
        assert {name.split("/")[0] for name in archive.getnames()} == {"6", "7"}
        assert "7/saved_model.pb" in archive.getnames()
        archive.extractall(tmp_path / "model", filter="data")
    with live(models=tmp_path / "model", platform=hosted()) as where:
        assert ask(where, "GET", "/ping").status == 200
        found = ask(where, "POST", "/invocations", '{"instances": ["1"]}').json["predictions"][0]["item"]
    with live(models=tiny_version.folder.parent.parent) as where:
        assert predict(where, "user_biases", {"instances": ["1"]}).json["predictions"][0]["item"] == found


def test_what_is_packed_for_triton_is_a_model_for_each_signature_that_answers_alone(tiny_version, tmp_path):
    shutil.copytree(tiny_version.folder, tmp_path / "tiny" / "7")
    out = tmp_path / "repository"
    (out / "tiny_score" / "7.unfinished").mkdir(parents=True)  # as a run leaves it that was killed
    printed = run("pack", tmp_path / "tiny", "--for", "triton", "--out", out).split()
    assert printed == [str(out / f"tiny_{name}") for name in sorted(SIGNATURES)]
    triton = {"string": "TYPE_STRING", "int32": "TYPE_INT32", "bool": "TYPE_BOOL", "float32": "TYPE_FP32"}
    for name, signature in SIGNATURES.items():
        text = (out / f"tiny_{name}" / "config.pbtxt").read_text()
        assert text.splitlines()[:3] == [f'name: "tiny_{name}"', 'backend: "onnxruntime"', "max_batch_size: 0"]
        found = re.findall(
            r'^(input|output) \{ name: "(\w+)" data_type: (\w+) dims: \[ (.*) \] \}$', text, re.MULTILINE
        )
        given = {(side, tensor): (kind, len(dims.split(","))) for side, tensor, kind, dims in found}
        inputs = {("input", one): (triton[t.dtype], len(t.shape)) for one, t in signature.inputs.items()}
        outputs = {
            ("output", twin_output(name, one)): (triton[t.dtype], len(t.shape)) for one, t in signature.outputs.items()
        }
        assert given == inputs | outputs
    asked = dict(requests(tiny_version.interactions))
    for name, inputs in asked.items():
        session = ort.InferenceSession(out / f"tiny_{name}" / "7" / "model.onnx", providers=["CPUExecutionProvider"])
        expected = getattr(tiny_version.recommender, name)(**inputs)
        answer = dict(zip(SIGNATURES[name].outputs, session.run(None, inputs), strict=True))
        np.testing.assert_allclose(answer["score"], expected["score"].numpy(), rtol=1e-5)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["{m}/a/1", "{m}/b/1"], "versions of a, b, expected those of one model"),
        (["{m}/a/1", "--out", "{m}/there"], "there is there already, expected the name of a new file"),
        (["{m}/a/1", "--for", "triton", "--out", "{m}/out"], "no ONNX twin in .*: export this version again"),
        (["{m}/notes"], "notes is no version folder, expected one with a number for a name"),
        (["{m}/none"], "none is no folder"),
    ],
)
def test_what_cannot_be_packed_is_one_sentence_and_leaves_nothing(tmp_path, monkeypatch, arguments, sentence):
    monkeypatch.chdir(tmp_path)
    for folder in ("a/1", "b/1", "notes"):
        (tmp_path / folder).mkdir(parents=True)
        (tmp_path / folder / "saved_model.pb").touch()
    (tmp_path / "there").touch()
    with pytest.raises(Failure, match=sentence):
        run("pack", *(each.format(m=tmp_path) for each in arguments))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "b", "notes", "there"]
