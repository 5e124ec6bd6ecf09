"""The bench of sizes: what it generates, and the whole way at a small one."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from command import triptych

from export.bench import generated, scale
from export.bench.generated import Size
from export.data import reading
from export.data.source import Source

ROOT = Path(__file__).parents[3]


def test_generated_interactions_are_distinct_repeat_with_their_seed_and_follow_taste(tmp_path: Path) -> None:
    size = Size(rows=6000, users=300, items=2000)
    read = []
    for number, seed in enumerate((1, 1, 2)):
        folder = tmp_path / str(number)
        folder.mkdir()
        read.append([reading.read(Source(data=(str(file),))) for file in generated.write(folder, size, seed=seed)])
    train, test = read[0]
    assert (len(train), len(test)) == (4800, 1200)
    named = {(train.users[u], train.items[i]) for u, i in zip(train.user, train.item, strict=True)}
    named |= {(test.users[u], test.items[i]) for u, i in zip(test.user, test.item, strict=True)}
    assert len(named) == 6000
    assert train.fingerprint() == read[1][0].fingerprint() != read[2][0].fingerprint()
    counts = np.sort(train.popularity())[::-1]
    assert counts[:20].sum() > 5 * counts[500:520].sum()


@pytest.mark.training
def test_one_size_goes_the_whole_way_and_is_told_step_by_step(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "export.cli", "bench", "scale", "--model", "lightfm"]
    command += ["--rows", "3000", "--users", "90", "--items", "120", "--json", str(tmp_path / "told.json")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    (told,) = json.loads((tmp_path / "told.json").read_text())
    assert (told["rows"], told["users"]) == (2400, 90)
    assert "stopped" not in told
    for step in ("read", "train", "export", "prove"):
        assert told[step]["seconds"] >= 0
        assert told[step]["peak"] > 1e8
    assert told["ask"]["microseconds"] > 0
    assert told["ndcg lightfm"] > 0
    assert told["ndcg popular"] > 0
    assert "lightfm: seconds on the clock" in done.stdout


def test_a_file_that_cannot_be_written_is_told_before_anything_is_generated() -> None:
    done = triptych("bench", "scale", "--rows", "3000", "--json", "/proc/none/told.json")
    assert done.returncode == 1
    assert done.stderr == (
        "triptych: /proc/none/told.json cannot be written: No such file or directory; nothing was trained\n"
    )


def test_a_size_that_would_take_the_last_of_the_memory_is_stopped_and_said(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(scale, "SPARE", 1e15)
    monkeypatch.setattr(scale, "LOOK_SECONDS", 0.01)
    told = scale.run("lightfm", tmp_path, seed=1)
    assert told == {"stopped": "less than 1000000 GB of memory were left"}
