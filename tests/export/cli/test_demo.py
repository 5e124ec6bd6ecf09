"""The demo as a person runs it: lists side by side, and nothing left running, also on Ctrl-C."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest

pytestmark = pytest.mark.training

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def ratings(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Ratings of 40 users for 30 films, whose titles look like markup and hold what is an order to a terminal."""
    path = tmp_path_factory.mktemp("ratings") / "ratings.csv"
    chosen = np.random.default_rng(3).random((40, 30)) < 0.3
    rows = [f"{user},[/x]\x1b{item}" for user, item in np.argwhere(chosen).tolist()]
    path.write_text("user_id,item\n" + "\n".join(rows) + "\n")
    return path


ENDLESS_PROOF = """
import sys, time
if "export.publishing.proof" in sys.orig_argv:
    time.sleep(3600)
"""
"""For Python to run as it starts: a version is never proven, and so, whenever Ctrl-C comes, not published before."""


def demo(ratings: Path, models: Path, **environment: str) -> subprocess.Popen[str]:
    arguments = ["demo", "--recipe", "tutorial", "--data", str(ratings), "--models", str(models), "--user", "7"]
    command = [sys.executable, "-m", "export.cli", *arguments]
    # The log level is the command's to set; what other tests have loaded into this process sets one of its own.
    env = {key: value for key, value in os.environ.items() if key != "TF_CPP_MIN_LOG_LEVEL"} | environment
    out, err = subprocess.PIPE, subprocess.PIPE
    return subprocess.Popen(command, cwd=ROOT, env=env, stdout=out, stderr=err, text=True, start_new_session=True)


def running(group: int) -> list[str]:
    """List the processes of a group, the demo and all that it started; what has ended and is not reaped is none."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):  # it has just ended
            state, _, own = (process / "stat").read_text().rpartition(")")[2].split()[:3]
            if int(own) == group and state not in "ZX":
                found.append((process / "cmdline").read_text())
    return found


def left(group: int) -> list[str]:
    """List what still runs of a group, once what was told to end has had time to."""
    end = time.monotonic() + 60
    while (found := running(group)) and time.monotonic() < end:
        time.sleep(0.05)
    return found


def test_the_demo_shows_three_lists_and_stops_what_it_started(ratings: Path, tmp_path: Path) -> None:
    process = demo(ratings, tmp_path)
    out, err = process.communicate(timeout=280)
    assert process.returncode == 0, err
    assert "the best unseen items for user 7" in out
    assert "as the tutorials show; -k asks for more. Scores of different models cannot be compared." in " ".join(
        out.split()
    )
    explore = f"  triptych explore --models {tmp_path}            # the same on a page in the browser"
    assert explore in out.splitlines()  # in one line however long it is: to be copied
    assert all(model in out for model in ("two_tower", "wide_deep", "lightfm"))
    assert sum(line.startswith("│ ") for line in out.splitlines()) == 5
    assert out.count(r"[/x]\x1b") > 0
    assert "\x1b" not in out + err
    assert "I0000" not in err
    assert "tensorflow/core" not in err
    assert left(process.pid) == []


def test_ctrl_c_stops_the_demo_and_what_it_started(ratings: Path, tmp_path: Path) -> None:
    models, early = tmp_path / "models", tmp_path / "early"
    early.mkdir()
    (early / "sitecustomize.py").write_text(ENDLESS_PROOF)
    path = os.pathsep.join([str(early), os.environ.get("PYTHONPATH", "")])
    process = demo(ratings, models, PYTHONPATH=path)
    assert process.stderr is not None
    assert any(line.startswith("exporting") for line in process.stderr)
    assert running(process.pid)
    os.killpg(process.pid, signal.SIGINT)
    _, err = process.communicate(timeout=280)
    assert process.returncode == 1
    assert "Traceback" not in err
    assert left(process.pid) == []
    assert [path for model in models.iterdir() for path in model.iterdir()] == []
