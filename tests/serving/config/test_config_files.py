"""The files for TensorFlow Serving, read back by the official messages, and the labels in them."""

from __future__ import annotations

import os
import shlex
import shutil
import stat
import threading
import time
from pathlib import Path

import pytest
import requests
from click.testing import CliRunner
from google.protobuf import text_format
from standin import serving

import export  # noqa: F401  isort: skip - before TensorFlow

from tensorflow_serving.config import model_server_config_pb2

from serving.cli.commands import app
from serving.client.client import Client
from serving.config import config_files, labels, rollout
from serving.errors import Failure
from serving.explore import models as explored
from serving.proto.config_pb2 import BatchingParameters, ModelConfig, MonitoringConfig
from serving.version.find import find


@pytest.fixture
def models(tmp_path) -> Path:
    for name in ("two_tower/6", "two_tower/7", "two_tower/10", "lightfm/1", "two_tower/.staging-11", "two_tower/12"):
        (tmp_path / "models" / name).mkdir(parents=True)
        (tmp_path / "models" / name / "saved_model.pb").touch()
    (tmp_path / "models/two_tower/12/saved_model.pb").unlink()
    (tmp_path / "models/notes").mkdir()
    return tmp_path / "models"


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


def run(*arguments: object) -> str:
    result = CliRunner().invoke(app, [str(each) for each in arguments], catch_exceptions=False)
    assert result.exit_code == 0
    return result.output


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


@pytest.mark.parametrize(
    ("policy", "loaded"),
    [
        ("", {10}),
        ("latest {}", {10}),
        ("latest { num_versions: 2 }", {7, 10}),
        ("all {}", {6, 7, 10}),
        ("specific { versions: 6 versions: 12 }", {6}),
    ],
)
def test_what_a_server_has_loaded_is_read_from_the_policy(policy, loaded):
    model = text_format.Parse(f"model_version_policy {{ {policy} }}" if policy else "", ModelConfig())
    assert labels.listed(model, [6, 7, 10]) == loaded


def test_version_0_is_a_version_as_any_other_to_a_label(models):
    shutil.copytree(models / "two_tower/10", models / "two_tower/0")
    path = models / "models.config"
    run("config", models, "--label", "canary")
    assert run("label", "two_tower", "canary=0", "--config", path).startswith(
        "two_tower: canary=10\nto be loaded first: version 0; once"
    )
    assert official(path)["two_tower"][2:] == ([0, 10], {"canary": 10})
    assert run("label", "two_tower", "canary=0", "--config", path) == "two_tower: canary=0\n"


def test_a_label_for_version_0_is_waited_for(models):
    shutil.copytree(models / "two_tower/10", models / "two_tower/0")
    run("config", models)
    path, arguments = models / "models.config", ("--url", "http://127.0.0.1:1", "--wait", "0.1")
    with pytest.raises(Failure, match=r"within 0\.1 s that label new of two_tower is version 0, and says: no answer"):
        run("label", "two_tower", "new=0", "--config", path, *arguments)


def test_hidden_folders_are_no_models_as_to_the_server(models):
    run("config", models)
    before = official(models / "models.config")
    shutil.copytree(models / "two_tower", models / ".old")
    run("config", models)
    assert official(models / "models.config") == before
    assert explored.names(models, ()) == ("two_tower", "lightfm")
    assert [version.parent.name for version in find(models)] == ["lightfm", "two_tower"]
    assert find(models / ".old") == [models / ".old" / "10"]


def test_a_file_that_cannot_be_put_in_its_place_leaves_nothing(models):
    (models / "models.config").mkdir()
    with pytest.raises(Failure, match=r"models\.config cannot be written: Is a directory"):
        run("config", models)
    assert [path.name for path in models.iterdir() if path.name.startswith(".")] == []


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


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["two_tower", "canary=12"], "two_tower has no version 12 for label canary, expected one of 6, 7, 10"),
        (["two_tower", "canary="], "two_tower has no label canary, expected one of: none"),
        (["nope", "canary=7"], "has no model nope, expected one of: lightfm, two_tower"),
        (["two_tower", "canary"], "'canary' is no label, expected LABEL=VERSION"),
        (["two_tower", "canary=x"], "'canary=x' is no label, expected LABEL=VERSION"),
        (["two_tower", "=7"], "'=7' is no label, expected LABEL=VERSION"),
        (["two_tower", "a b=7"], "'a b' is no name of a label, expected one without white space"),
        (["two_tower", "x=7", "x=6"], "label x is named twice, expected each once"),
        (["two_tower", "x=7", "--wait", "nan"], "--wait is nan, expected seconds, 0 or more"),
        (["two_tower", "x=7", "--wait", "-1"], "--wait is -1, expected seconds, 0 or more"),
    ],
)
def test_a_label_that_cannot_be_is_refused_and_nothing_is_written(models, arguments, sentence):
    run("config", models)
    path = models / "models.config"
    before = path.read_bytes()
    with pytest.raises(Failure, match=sentence):
        run("label", *arguments, "--config", path)
    assert path.read_bytes() == before


@pytest.mark.parametrize("label", ["", "a b", "a/b", "a=1"])
def test_what_is_no_name_of_a_label_is_given_to_no_version(models, label):
    with pytest.raises(Failure, match="is no name of a label"):
        run("config", models, "--label", label)
    assert not (models / "models.config").exists()


def test_where_there_is_no_configuration_it_is_said_what_writes_one(models):
    with pytest.raises(Failure, match=r"there is no .*models\.config: `triptych config MODELS_DIR` writes one"):
        run("label", "two_tower", "x=7", "--config", models / "models.config")


def test_a_kept_label_whose_version_is_gone_is_refused(models):
    run("config", models, "--label", "stable")
    (models / "two_tower/10/saved_model.pb").unlink()
    with pytest.raises(Failure, match="two_tower has no version 10 for label stable"):
        run("config", models)


@pytest.mark.parametrize("address", ["gs://bucket/models", "s3://bucket/models/"])
def test_a_base_path_may_be_an_address_that_only_tensorflow_serving_reads(models, address):
    run("config", models, "--base-path", address)
    found = official(models / "models.config")
    assert found["two_tower"][0] == f"{address.rstrip('/')}/two_tower"
    assert run("label", "two_tower", "stable=7", "--config", models / "models.config") == "two_tower: stable=7\n"
    assert official(models / "models.config")["two_tower"][0] == found["two_tower"][0]


def test_no_model_no_file_and_no_config_are_one_sentence(models, tmp_path):
    with pytest.raises(Failure, match=r"nothing to serve: .*notes holds no version, expected a models folder: "):
        run("config", models / "notes")
    with pytest.raises(Failure, match=r"cannot be read: .*No such file"):
        config_files.read_model_config(tmp_path / "none")
    for wrong in ('model_config_list { config { name: "a" nope: 1 } }', "{", "\udcff"):
        (tmp_path / "bad").write_text(wrong, errors="surrogateescape")
        with pytest.raises(Failure, match=r"is no ModelServerConfig|cannot be read"):
            config_files.read_model_config(tmp_path / "bad")
    with pytest.raises(
        Failure, match="base path 'models', expected an absolute path or an address such as gs://bucket/models"
    ):
        run("config", models, "--base-path", "models")
    with pytest.raises(Failure, match="cannot be written"):
        config_files.replace(tmp_path / "none" / "file", "")


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


def test_a_policy_that_no_label_needs_is_left_alone():
    model = ModelConfig(name="m")
    model.model_version_policy.latest.num_versions = 2
    labels.relabel(model, {}, versions=[1, 2])
    assert model.model_version_policy.latest.num_versions == 2


def test_labels_move_under_a_running_server_with_load_and_no_request_fails(tiny_version, tmp_path):
    for number in (1, 2):
        shutil.copytree(tiny_version.folder, tmp_path / "models/tiny" / str(number))
    path = tmp_path / "models/models.config"
    run("config", tmp_path / "models", "--base-path", tmp_path / "models")
    run("label", "tiny", "stable=1", "--config", path)
    answers, failures, done = [0], [], threading.Event()

    def ask(server: str) -> None:
        with Client(server, model="tiny", label="stable", timeout=60) as client:
            while not done.is_set():
                try:
                    answers[0] += len(client.top(["1"]))
                except Failure as failure:
                    failures.append(failure)

    with serving("--model-config-file", path) as addresses:
        wait_for_label(addresses[0], 1)
        threads = [threading.Thread(target=ask, args=(server,)) for server in addresses]
        for thread in threads:
            thread.start()
        try:
            for number in (2, 1, 2):
                run("label", "tiny", f"stable={number}", f"other={3 - number}", "--config", path)
                wait_for_label(addresses[0], number)
            run("label", "tiny", "other=", "--config", path)
            wait_for_label(addresses[0], 2)
        finally:
            done.set()
            for thread in threads:
                thread.join()
    assert failures == []
    assert answers[0] > 100


def wait_for_label(url: str, version: int) -> None:
    """Ask until the label names the version; a minute is for a machine under load."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        reply = requests.get(f"{url}/v1/models/tiny/labels/stable/metadata", timeout=30)
        if reply.ok and reply.json()["model_spec"]["version"] == str(version):
            return
        time.sleep(0.05)
    raise AssertionError(f"label stable does not name version {version}: {reply.text}")
