"""Roll-out and roll-back under a running server with load: what answers changes, and no request fails."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import reduce
from pathlib import Path

import pytest
from command import triptych
from live import Ready, ask, process

from export.publishing.publish import versions
from serving.client.client import Client, Ranked

pytestmark = pytest.mark.training

ROOT = Path(__file__).parents[3]


@dataclass
class Load:
    """Clients that ask without a pause; each answer by its time, and what failed."""

    seen: list[tuple[float, Ranked]] = field(default_factory=list)
    failed: list[Exception] = field(default_factory=list)

    def wait_until(self, answer: Ranked, *, after: int) -> None:
        """Wait until all that is answered is this, each of ``after`` requests in a row."""
        deadline = time.monotonic() + 30
        while {id(answer)} != {id(answer) if got == answer else 0 for _, got in self.seen[-after:]}:
            assert time.monotonic() < deadline
            time.sleep(0.02)


@contextmanager
def load(where: Ready, *, label: str | None = None) -> Iterator[Load]:
    """Ask over REST and gRPC, two clients each, until the block ends."""
    found, ending = Load(), threading.Event()

    def keep_asking(address: str) -> None:
        with Client(address, model="m", label=label, timeout=60) as client:
            while not ending.is_set():
                try:
                    (answer,) = client.recommend(["1"], k=5)
                    found.seen.append((time.monotonic(), answer))
                except Exception as error:  # told to the test
                    found.failed.append(error)

    addresses = [f"http://127.0.0.1:{where.rest_port}", f"grpc://127.0.0.1:{where.grpc_port}"] * 2
    threads = [threading.Thread(target=keep_asking, args=(address,)) for address in addresses]
    for thread in threads:
        thread.start()
    try:
        yield found
    finally:
        ending.set()
        for thread in threads:
            thread.join(30)
    assert found.failed == []


def test_labels_move_under_load_and_no_request_fails(models: Path, answers: dict[int, Ranked]) -> None:
    config = models / "models.config"
    assert triptych("config", models, "--base-path", models).returncode == 0
    assert triptych("label", "m", "stable=1", "canary=2", "--config", config).returncode == 0
    with process("--model-config-file", str(config)) as (_, where):
        with load(where, label="stable") as stable, load(where, label="canary") as canary:
            for to in (2, 1, 2):
                done = triptych("label", "m", f"stable={to}", "--config", config)
                assert (done.returncode, done.stdout) == (0, f"m: canary=2, stable={to}\n")
                stable.wait_until(answers[to], after=20)
        assert {answer.items for _, answer in stable.seen} == {answers[1].items, answers[2].items}
        assert {answer.items for _, answer in canary.seen} == {answers[2].items}


def publish(models: Path, number: int, source: int) -> None:
    """Put a copy of a version in place as the next one, as a publish does: whole, by one rename."""
    shutil.copytree(models / "m" / str(source), models / "m" / ".staging")
    (models / "m" / ".staging").rename(models / "m" / str(number))


@contextmanager
def labelled(models: Path) -> Iterator[tuple[Path, Ready, subprocess.Popen[str]]]:
    """Serve stable=1 and canary=2 from a models.config."""
    config = models / "models.config"
    assert triptych("config", models, "--base-path", models).returncode == 0
    assert triptych("label", "m", "stable=1", "canary=2", "--config", config).returncode == 0
    with process("--model-config-file", str(config)) as (running, where):
        yield config, where, running


def states(where: Ready) -> dict[int, str]:
    listed = ask(where, "GET", "/v1/models/m").json["model_version_status"]
    return {int(one["version"]): one["state"] for one in listed}


def test_a_label_moves_to_a_version_published_since_under_load_and_no_request_fails(
    models: Path, answers: dict[int, Ranked]
) -> None:
    with labelled(models) as (config, where, _):
        url = f"http://127.0.0.1:{where.rest_port}"
        with load(where, label="stable") as stable, load(where, label="canary") as canary:
            canary.wait_until(answers[2], after=20)
            publish(models, 3, source=1)
            done = triptych("label", "m", "canary=3", "--config", config, "--url", url)
            assert (done.returncode, done.stdout) == (0, "m: canary=3, stable=1\n"), done.stderr
            assert done.stderr.splitlines() == [
                f"waiting until version 3 of m is AVAILABLE at {url}",
                f"waiting until label canary of m is version 3 at {url}",
            ]
            canary.wait_until(answers[1], after=20)
            assert states(where) == {3: "AVAILABLE", 2: "AVAILABLE", 1: "AVAILABLE"}
        assert {answer.items for _, answer in stable.seen} == {answers[1].items}


def test_the_same_move_in_one_step_is_refused_for_ever_and_keeps_every_other_change_out(models: Path) -> None:
    with labelled(models) as (config, where, running):
        publish(models, 3, source=1)
        shutil.copytree(models / "m", models / "other")
        other = f'config {{ name: "other" base_path: "{models}/other" model_platform: "tensorflow" }}\n'
        changes = (
            ("value: 2", "value: 3"),
            ("versions: 2", "versions: 2 versions: 3"),
            ("config {", f"{other} config {{"),
        )
        config.write_text(reduce(lambda text, change: text.replace(*change, 1), changes, config.read_text()))
        assert running.stderr is not None
        for _ in range(3):  # polls
            while "nothing of the new configuration is taken up" not in running.stderr.readline():
                assert running.poll() is None
        assert states(where) == {2: "AVAILABLE", 1: "AVAILABLE"}
        assert ask(where, "GET", "/v1/models/other").status == 404
        config.write_text(config.read_text().replace("value: 3", "value: 2"))
        deadline = time.monotonic() + 30
        while states(where).get(3) != "AVAILABLE" or ask(where, "GET", "/v1/models/other").status != 200:
            assert time.monotonic() < deadline
            time.sleep(0.1)


def test_a_version_that_does_not_come_leaves_the_file_as_it_was(models: Path) -> None:
    with labelled(models) as (config, where, _):
        before = config.read_bytes()
        publish(models, 3, source=1)
        (models / "m" / "3" / "saved_model.pb").write_bytes(b"broken")
        url = f"http://127.0.0.1:{where.rest_port}"
        done = triptych("label", "m", "canary=3", "--config", config, "--url", url, "--wait", "10")
        assert (done.returncode, done.stdout) == (1, "")
        assert done.stderr.splitlines()[-1] == (
            f"triptych: {url} was to say within 10 s that version 3 of m is AVAILABLE, and says: LOADING; "
            f"{config} is as it was"
        )
        assert config.read_bytes() == before
        gone = "http://127.0.0.1:9"
        done = triptych("label", "m", "new=1", "--config", config, "--url", gone, "--wait", "0.1")
        assert "says: no answer (ConnectionError)" in done.stderr
        assert config.read_bytes() == before


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_who_ends_the_waiting_has_the_file_as_it_was(models: Path, tmp_path: Path, number: signal.Signals) -> None:
    config = tmp_path / "models.config"
    config.write_text(f'model_config_list {{ config {{ name: "m" base_path: "{models}/m" }} }}\n')
    before = config.read_bytes()
    command = [sys.executable, "-m", "export.cli", "label", "m", "new=1", "--config", str(config)]
    command += ["--url", "http://127.0.0.1:9", "--wait", "60"]
    with subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True) as running:
        assert running.stderr is not None
        while "label new of m" not in running.stderr.readline():
            assert running.poll() is None
        assert config.read_bytes() != before
        running.send_signal(number)
        assert "Traceback" not in running.stderr.read()
    assert running.returncode != 0
    assert config.read_bytes() == before


def test_a_roll_back_is_taken_up_under_load_and_no_request_fails(models: Path, answers: dict[int, Ranked]) -> None:
    with process("--models", str(models)) as (_, where), load(where) as asked:
        asked.wait_until(answers[2], after=20)
        done = triptych("rollback", "m", "--models", models, "--keep", "0")  # what answers now is removed, too
        assert (done.returncode, done.stdout) == (0, f"published {models / 'm' / '3'}, a copy of version 1\n")
        assert versions(models / "m") == [3]
        asked.wait_until(answers[1], after=20)
    assert {answer.items for _, answer in asked.seen} == {answers[1].items, answers[2].items}
