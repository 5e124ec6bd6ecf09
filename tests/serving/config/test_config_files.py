"""The files for TensorFlow Serving, read back by the official messages, and the labels in them."""

from __future__ import annotations

import os
import shlex
import shutil
import stat
import threading
from pathlib import Path

import pytest
from command import printed as run
from google.protobuf import text_format

import export  # noqa: F401  isort: skip - before TensorFlow

from tensorflow_serving.config import model_server_config_pb2

from serving.config import config_files, rollout
from serving.errors import Failure
from serving.explore import models as explored
from serving.proto.config_pb2 import BatchingParameters, MonitoringConfig
from serving.version.find import find


def official(path: Path) -> dict[str, tuple[str, str, list[int], dict[str, int]]]:
    """Read a models.config with TensorFlow Serving's own message."""
    parsed = text_format.Parse(path.read_text(), model_server_config_pb2.ModelServerConfig())
    return {
        model.name: (
            model.base_path,
            model.model_platform,
            list(model.model_version_policy.specific.versions),
            dict(model.version_labels),
        )
        for model in parsed.model_config_list.config
    }


def test_the_three_files_are_what_tensorflow_serving_reads(models):
    out = models.parent / "out"
    shutil.copytree(os.fsencode(models / "lightfm"), os.path.join(os.fsencode(models), b"caf\xe9"))  # no model's name
    assert run("config", models, "--base-path", "/srv/", "--out", out).split() == [
        str(out / name) for name in ("models.config", "batching.config", "monitoring.config")
    ]
    assert official(out / "models.config") == {
        "lightfm": ("/srv/lightfm", "tensorflow", [], {}),
        "two_tower": ("/srv/two_tower", "tensorflow", [], {}),
    }
    monitoring = text_format.Parse((out / "monitoring.config").read_text(), MonitoringConfig())
    assert (monitoring.prometheus_config.enable, monitoring.prometheus_config.path) == (
        True,
        "/monitoring/prometheus/metrics",
    )
    batching = text_format.Parse((out / "batching.config").read_text(), BatchingParameters())
    assert batching.pad_variable_length_inputs
    assert batching.HasField("batch_timeout_micros")
    assert batching.max_batch_size.value == 256
    assert {stat.S_IMODE(path.stat().st_mode) for path in out.iterdir()} == {0o644}


def test_a_label_that_would_move_to_what_is_not_loaded_moves_in_two_steps(models):
    run("config", models)
    path = models / "models.config"
    run("label", "two_tower", "stable=6", "canary=7", "--config", path)
    shutil.copytree(models / "two_tower/10", models / "two_tower/13")
    command = ["label", "two_tower", "canary=13", "new=6", "--config", path]
    assert run(*command) == (
        "two_tower: canary=7, stable=6\n"
        "to be loaded first: version 13; once the server says AVAILABLE, the same moves the labels:\n"
        f"  triptych {' '.join(map(str, command))}\n"
    )
    assert official(path)["two_tower"][2:] == ([6, 7, 10, 13], {"stable": 6, "canary": 7})
    assert run(*command) == "two_tower: canary=13, new=6, stable=6\n"
    assert official(path)["two_tower"][2:] == ([6, 7, 13], {"stable": 6, "canary": 13, "new": 6})
    path.write_text(path.read_text().replace("versions: 13", "").replace("value: 13", "value: 7"))
    sentence = r"refuse the labels stable=13 of two_tower: `triptych label two_tower stable=13` moves them"
    with pytest.raises(Failure, match=sentence):
        run("config", models, "--label", "stable")


def test_version_0_is_a_version_as_any_other_to_a_label(models):
    shutil.copytree(models / "two_tower/10", models / "two_tower/0")
    path = models / "models.config"
    run("config", models, "--label", "canary")
    assert run("label", "two_tower", "canary=0", "--config", path).startswith(
        "two_tower: canary=10\nto be loaded first: version 0; once"
    )
    assert official(path)["two_tower"][2:] == ([0, 10], {"canary": 10})
    assert run("label", "two_tower", "canary=0", "--config", path) == "two_tower: canary=0\n"


def test_hidden_folders_are_no_models_as_to_the_server(models):
    run("config", models)
    before = official(models / "models.config")
    shutil.copytree(models / "two_tower", models / ".old")
    run("config", models)
    assert official(models / "models.config") == before
    assert explored.names(models, ()) == ("two_tower", "lightfm")
    assert [version.parent.name for version in find(models)] == ["lightfm", "two_tower"]
    assert find(models / ".old") == [models / ".old" / "10"]


def test_config_labels_the_newest_versions_and_keeps_the_labels_there_are(models):
    run("config", models, "--label", "stable")
    assert official(models / "models.config")["two_tower"][2:] == ([10], {"stable": 10})
    for _ in range(2):
        run("label", "two_tower", "stable=7", "--config", models / "models.config")
    run("config", models, "--label", "canary")
    assert official(models / "models.config") == {
        "lightfm": ("/models/lightfm", "tensorflow", [1], {"stable": 1, "canary": 1}),
        "two_tower": ("/models/two_tower", "tensorflow", [7, 10], {"stable": 7, "canary": 10}),
    }


def test_label_moves_labels_and_keeps_what_bore_one_loaded_until_the_next_change(models):
    run("config", models)
    path = models / "models.config"
    assert run("label", "two_tower", "canary=7", "stable=6", "--config", path) == "two_tower: canary=7, stable=6\n"
    assert official(path)["two_tower"][2:] == ([6, 7, 10], {"canary": 7, "stable": 6})
    run("label", "two_tower", "stable=7", "canary=", "--config", path)
    assert official(path)["two_tower"][2:] == ([6, 7], {"stable": 7})
    assert "the newest version answers" in run("label", "two_tower", "stable=", "--config", path)
    assert official(path)["two_tower"][2:] == ([], {})
    assert official(path)["lightfm"] == ("/models/lightfm", "tensorflow", [], {})


def test_the_models_folder_is_the_base_path_where_that_is_here_or_the_one_named(models, tmp_path):
    run("config", models, "--base-path", models, "--out", tmp_path / "out")
    path = tmp_path / "out/models.config"
    run("label", "two_tower", "stable=6", "--config", path)
    path.write_text(path.read_text().replace(str(models), "/elsewhere"))
    with pytest.raises(Failure, match=r"no version of two_tower under .*: name the models folder with --models"):
        run("label", "two_tower", "stable=7", "--config", path)
    first = run("label", "two_tower", "stable=7", "--config", path, "--models", models)
    assert first.splitlines()[-1] == f"  triptych label two_tower stable=7 --config {path} --models {models}"
    assert official(path)["two_tower"][2:] == ([6, 7, 10], {"stable": 6})
    run(*shlex.split(first.splitlines()[-1])[1:])
    assert official(path)["two_tower"][3] == {"stable": 7}


@pytest.mark.parametrize("address", ["gs://bucket/models", "s3://bucket/models/"])
def test_a_base_path_may_be_an_address_that_only_tensorflow_serving_reads(models, address):
    run("config", models, "--base-path", address)
    found = official(models / "models.config")
    assert found["two_tower"][0] == f"{address.rstrip('/')}/two_tower"
    assert run("label", "two_tower", "stable=7", "--config", models / "models.config") == "two_tower: stable=7\n"
    assert official(models / "models.config")["two_tower"][0] == found["two_tower"][0]


def test_what_others_wrote_into_a_models_config_is_kept(models):
    run("config", models)
    path = models / "models.config"
    written = path.read_text().replace(
        'name: "lightfm"', 'name: "lightfm" logging_config { sampling_config { sampling_rate: 0.5 } }'
    )
    path.write_text(written)
    run("label", "lightfm", "stable=1", "--config", path)
    run("config", models)
    (lightfm, _) = config_files.read_model_config(path).model_config_list.config
    assert lightfm.logging_config.sampling_config.sampling_rate == 0.5


def test_a_server_that_reads_while_labels_move_always_sees_a_whole_file(models):
    run("config", models)
    path = models / "models.config"
    done = threading.Event()
    seen: list[dict[str, int]] = []

    def read() -> None:
        while not done.is_set():
            seen.append(official(path)["two_tower"][3])

    reader = threading.Thread(target=read)
    reader.start()
    for round_ in range(100):
        rollout.move_labels(path, "two_tower", {"stable": (6, 7)[round_ % 2]})
    done.set()
    reader.join()
    assert len(seen) > 1
    assert {frozenset(each.items()) for each in seen} <= {
        frozenset(),
        frozenset({("stable", 6)}),
        frozenset({("stable", 7)}),
    }
    assert sorted(os.listdir(models)) == [
        "batching.config",
        "lightfm",
        "models.config",
        "monitoring.config",
        "notes",
        "two_tower",
    ]
