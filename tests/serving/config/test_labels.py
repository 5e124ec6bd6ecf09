"""Labels and a server: what it has loaded, what is waited for, and that no request fails while they move."""

from __future__ import annotations

import shutil
import threading
import time

import pytest
import requests
from command import printed as run
from google.protobuf import text_format
from standin import serving

from serving.client.client import Client
from serving.config import labels
from serving.errors import Failure
from serving.proto.config_pb2 import ModelConfig


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


def test_a_policy_that_no_label_needs_is_left_alone():
    model = ModelConfig(name="m")
    model.model_version_policy.latest.num_versions = 2
    labels.relabel(model, {}, versions=[1, 2])
    assert model.model_version_policy.latest.num_versions == 2


def test_a_label_for_version_0_is_waited_for(models):
    shutil.copytree(models / "two_tower/10", models / "two_tower/0")
    run("config", models)
    path, arguments = models / "models.config", ("--url", "http://127.0.0.1:1", "--wait", "0.1")
    with pytest.raises(Failure, match=r"within 0\.1 s that label new of two_tower is version 0, and says: no answer"):
        run("label", "two_tower", "new=0", "--config", path, *arguments)


def test_labels_move_under_a_running_server_with_load_and_no_request_fails(tiny_version, tmp_path):
    for number in (1, 2):
        shutil.copytree(tiny_version.folder, tmp_path / "models/tiny" / str(number))
    path = tmp_path / "models/models.config"
    run("config", tmp_path / "models", "--base-path", tmp_path / "models")
    run("label", "tiny", "stable=1", "--config", path)
    answers, failures, done = [0], [], threading.Event()

    def ask(server: str) -> None:
        with Client(server, model="tiny", label="stable", timeout=60) as client:
            while not done.wait(0.001):
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
