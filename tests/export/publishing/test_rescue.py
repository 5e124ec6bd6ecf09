"""A disk that fills up costs no training: told before it where that can be, and kept aside where it cannot."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from command import triptych

from export.cli.commands import app
from serving.errors import Failure

pytestmark = pytest.mark.training

TRAIN = ("train", "lightfm", "--epochs", "2")


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 1.5 MB: too small for a version, large enough to look as if there were room."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=1500k", "tmpfs", str(folder)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("no file system can be mounted here")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    rng = np.random.default_rng(3)
    pairs = {(int(u), int(i)) for u, i in zip(rng.integers(900, size=9000), rng.integers(1500, size=9000), strict=True)}
    path = tmp_path_factory.mktemp("data") / "some.csv"
    path.write_text("user_id,item\n" + "".join(f"u{u},i{i}\n" for u, i in sorted(pairs)))
    return path


def test_what_was_trained_is_published_once_there_is_room(small_disk: Path, data: Path, tmp_path: Path) -> None:
    full = triptych(*TRAIN, "--data", data, "--models", small_disk / "models")
    assert full.returncode == 1
    last = full.stderr.splitlines()[-1]
    assert last.startswith(f"triptych: lightfm was not published to {small_disk}/models/lightfm: ")
    assert "; what was trained is in /" in last
    kept = Path(last.split("what was trained is in ")[1].split(": ")[0])
    try:
        again = triptych(*TRAIN, "--data", data, "--models", tmp_path / "models", "--trained", kept)
        assert again.returncode == 0, again.stderr
        assert "training lightfm" not in again.stderr
        assert (tmp_path / "models" / "lightfm" / "1").is_dir()
        other = triptych(*TRAIN, "--data", data, "--models", tmp_path / "m", "--trained", kept, "--seed", 7)
        assert (other.returncode, f"{kept} holds lightfm " in other.stderr) == (1, True)
    finally:
        kept.unlink()


def damaged(content: bytes, part: str) -> bytes:
    half = len(content) // 2
    return {
        "nothing": b"",
        "half": content[:half],
        "another byte": content[:half] + bytes([content[half] ^ 255]) + content[half + 1 :],
        "no archive": b"kept",
    }[part]


@pytest.mark.parametrize("part", ["nothing", "half", "another byte", "no archive"])
def test_a_damaged_file_of_what_was_trained_is_one_sentence(tmp_path: Path, part: str) -> None:
    (tmp_path / "own.csv").write_text("user_id,item\na,x\nb,y\n")
    kept = tmp_path / "kept.npz"
    np.savez_compressed(kept, allow_pickle=False, vectors=np.random.default_rng(1).random((99, 9)))
    kept.write_bytes(damaged(kept.read_bytes(), part))
    options = "--data", str(tmp_path / "own.csv"), "--models", str(tmp_path / "models"), "--trained", str(kept)
    told = CliRunner().invoke(app, ["train", "lightfm", *options]).exception
    assert isinstance(told, Failure), told
    assert str(told).startswith(f"{kept} holds no trained model (")
    assert str(told).endswith("), expected a file that --trained is said of")
    assert "pickle" not in str(told)


def test_a_full_disk_is_told_before_the_training(small_disk: Path, data: Path) -> None:
    (small_disk / "filler").write_bytes(bytes(1_200_000))
    full = triptych(*TRAIN, "--data", data, "--models", small_disk / "models")
    assert full.returncode == 1
    assert full.stderr.endswith(f"\ntriptych: {small_disk}/models/lightfm cannot be written: No space left on device\n")
    assert "training" not in full.stderr
