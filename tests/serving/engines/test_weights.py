"""A version that is served stays what it was, whatever is done to its files; one that is not whole is not served."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import numpy as np
import onnx
import pytest
from live import ask, predict, process

from serving.engines import engine
from serving.errors import Failure
from serving.version.twin_files import tensors_outside

TWIN = Path("assets.extra") / "onnx"


@pytest.fixture
def version(tiny_version, tmp_path) -> Path:
    return Path(shutil.copytree(tiny_version.folder, tmp_path / "m" / "1"))


def test_weights_cut_off_or_written_over_change_no_answer_of_a_running_server(version):
    weights = version / TWIN / "weights.bin"
    with process("--models", str(version.parents[1])) as (running, where):
        wanted = [predict(where, "m", {"instances": [str(user)]}).body for user in range(1, 9)]
        assert not any("weights.bin" in line for line in Path(f"/proc/{running.pid}/maps").read_text().splitlines())
        content = bytes(weights.stat().st_size)
        for harm in (lambda: os.truncate(weights, 0), lambda: weights.write_bytes(content)):
            harm()
            assert [predict(where, "m", {"instances": [str(user)]}).body for user in range(1, 9)] == wanted
        assert ask(where, "GET", "/v1/models/m").status == 200
        assert running.poll() is None


def test_graphs_of_one_twin_share_one_copy_of_the_weights_and_they_are_what_is_on_disk(version):
    graphs = sorted((version / TWIN).glob("*.onnx"))
    outside = {graph.stem: tensors_outside(graph) for graph in graphs}
    for graph in graphs:
        whole = {tensor.name: onnx.numpy_helper.to_array(tensor) for tensor in onnx.load(graph).graph.initializer}
        for one in outside[graph.stem]:
            read = np.fromfile(one.file, np.uint8)[one.offset : one.offset + one.size].view(one.dtype)
            np.testing.assert_array_equal(read.reshape(one.shape), whole[one.name])
    assert sum(map(len, outside.values())) > len(graphs)


def test_weights_with_a_hole_of_a_terabyte_behind_them_are_read_as_far_as_they_are_wanted(version):
    wanted = engine.load("m", 1, version).signatures["recommend_from"]
    os.truncate(version / TWIN / "weights.bin", 1 << 40)
    found = engine.load("m", 1, version).signatures["recommend_from"]
    asked = {"items": np.array([["Film 1 (1991)"]], object), "k": np.array([5], np.int32)}
    assert found.run(asked)["item"].tolist() == wanted.run(asked)["item"].tolist()


@pytest.mark.parametrize(
    ("harm", "sentence"),
    [
        (lambda twin: (twin / "weights.bin").unlink(), "keeps tensors in 'weights.bin', expected a file in the same"),
        (lambda twin: os.truncate(twin / "weights.bin", 1), "weights.bin holds 1 bytes, expected at least"),
        (lambda twin: os.truncate(twin / "recommend.onnx", 99), "recommend.onnx is cut off or no ONNX graph"),
        (lambda twin: os.truncate(twin / "recommend.onnx", 1 << 40), "recommend.onnx is cut off or no ONNX graph"),
        (lambda twin: moved(twin, "../weights.bin"), "keeps tensors in '../weights.bin', expected a file in the same"),
        (lambda twin: moved(twin, "/etc/passwd"), "keeps tensors in '/etc/passwd', expected a file in the same"),
    ],
    ids=["missing", "cut off", "graph cut off", "graph of a hole", "above", "elsewhere"],
)
def test_a_twin_that_is_not_whole_does_not_load(version, harm, sentence):
    harm(version / TWIN)
    with pytest.raises(Failure, match=sentence):
        engine.load("m", 1, version)


def moved(twin: Path, location: str) -> None:
    model = onnx.load(twin / "recommend.onnx", load_external_data=False)
    for tensor in model.graph.initializer:
        for entry in tensor.external_data:
            if entry.key == "location":
                entry.value = location
    onnx.save(model, twin / "recommend.onnx")
    shutil.copy(twin / "weights.bin", twin.parent / "weights.bin")
