"""Training in two processes: they hold one model, one of them publishes it, and what cannot be is one sentence."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import numpy as np
import pytest
from command import triptych

from export.publishing.publish import versions
from export.towers.distribution import Cluster
from serving.client.client import Client
from serving.errors import Failure

pytestmark = pytest.mark.training

ROOT = Path(__file__).parents[3]


def config(index: int, addresses: list[str]) -> str:
    return json.dumps({"cluster": {"worker": addresses}, "task": {"type": "worker", "index": index}})


@contextmanager
def free_addresses(count: int) -> Iterator[list[str]]:
    """Reserve ports: each is bound and not listened on, so it is given to nobody, and who names it may listen on it."""
    with ExitStack() as held:
        sockets = [held.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            each.bind(("127.0.0.1", 0))
        yield [f"127.0.0.1:{each.getsockname()[1]}" for each in sockets]


@pytest.fixture(scope="module")
def taste(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """40 users, each of one of two halves, who chose only items of their half; as a file of one's own."""
    rng = np.random.default_rng(3)
    pairs = [(u, i) for u in range(40) for i in range(20) if i % 2 == u % 2 and rng.random() < 0.7]
    path = tmp_path_factory.mktemp("data") / "taste.csv"
    path.write_text("user_id,item\n" + "".join(f"u{u},i{i}\n" for u, i in pairs))
    return path


def test_two_processes_train_one_model_and_one_publishes_it(taste: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "export.cli", "train", "two_tower", "--distribute", "--recipe", "tutorial"]
    command += ["--data", str(taste), "--models", str(tmp_path), "--epochs", "20", "--batch", "64"]
    with free_addresses(2) as addresses, ExitStack() as ending:
        running = [
            subprocess.Popen(
                command,
                cwd=ROOT,
                env={**os.environ, "TF_CONFIG": config(index, addresses)},
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
            )
            for index in range(2)
        ]
        for process in running:
            ending.callback(process.kill)
        told = [process.communicate(timeout=280)[0] for process in running]
    assert [process.returncode for process in running] == [0, 0], told
    assert versions(tmp_path / "two_tower") == [1]
    assert [f"published {tmp_path}" in text for text in told] == [True, False]
    losses = [[line for line in text.splitlines() if line.startswith("training")] for text in told]
    assert len(losses[0]) == 10
    assert losses[0] == losses[1]  # each epoch's, summed over both: they went the same way
    with Client((tmp_path / "two_tower" / "1").as_uri(), model="two_tower") as client:
        answers = client.recommend([f"u{user}" for user in range(40)], k=10)
    right = [int(item[1:]) % 2 == user % 2 for user, answer in enumerate(answers) for item in answer.items]
    assert np.mean(right) > 0.95  # 0.5 were nothing learnt, or only from one's own share of users


def test_what_trains_on_one_machine_only_is_told_so_before_anything_is_read() -> None:
    done = triptych("train", "two_tower", "lightfm", "--distribute", "--data", "no.csv")
    sentence = "lightfm: trained on one machine only; --distribute goes with two_tower, wide_deep"
    assert (done.returncode, done.stderr) == (1, f"triptych: {sentence}\n")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "{}",
        '{"cluster": {"worker": ["a:1"]}}',
        '{"cluster": {"worker": ["a:1"]}, "task": {"type": "worker", "index": 1}}',
        '{"cluster": {"worker": ["a"]}, "task": {"type": "worker", "index": 0}}',
        '{"cluster": {"worker": [1]}, "task": {"type": "worker", "index": 0}}',
        '{"cluster": {"ps": ["a:1"]}, "task": {"type": "ps", "index": 0}}',
        '{"cluster": {"worker": ["a:1"]}, "task": {"type": "chief", "index": 0}}',
    ],
)
def test_a_tf_config_that_is_none_is_shown_beside_one_that_is(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv("TF_CONFIG", text)
    with pytest.raises(Failure) as raised:
        Cluster()
    assert str(raised.value).startswith(f"TF_CONFIG is {text!r}, expected who trains together")
