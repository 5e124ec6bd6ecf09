"""Training into models folders as people have them: what cannot be published to is told before the training."""

from __future__ import annotations

import resource
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def ratings(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("ratings") / "ratings.csv"
    rows = [f"{user},Film {item}" for user in range(12) for item in range(9) if (user * item) % 4 != 1]
    path.write_text("user_id,item\n" + "\n".join(rows) + "\n")
    return path


def train(
    ratings: Path, models: Path, *options: str, before: Callable[[], None] | None = None
) -> subprocess.CompletedProcess[str]:
    arguments = ["train", "lightfm", "--recipe", "tutorial", "--data", str(ratings), "--models", str(models), *options]
    command = [sys.executable, "-m", "export.cli", *arguments]
    return subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, timeout=280, check=False, preexec_fn=before
    )


def test_a_version_is_published_beside_whatever_else_is_called_a_number(ratings: Path, tmp_path: Path) -> None:
    folder, elsewhere = tmp_path / "lightfm", tmp_path / "elsewhere"
    for name in (folder / "00000001", folder / "9999999999999999999999", elsewhere):
        name.mkdir(parents=True)
    (folder / "2").symlink_to(elsewhere)
    (folder / "3").touch()
    (folder / "4").symlink_to(tmp_path / "nowhere")
    done = train(ratings, tmp_path, "--keep", "0")
    assert done.returncode == 0, done.stderr
    assert f"published {folder / '5'}" in done.stderr
    assert {path.name for path in folder.iterdir()} == {"3", "4", "5", "9999999999999999999999"}
    assert elsewhere.is_dir()


def highest(folder: Path) -> None:
    (folder / "9223372036854775807").mkdir(parents=True)


def a_file(folder: Path) -> None:
    folder.touch()


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (highest, "has a version 9223372036854775807, and no number is above it: give it a lower one\n"),
        (a_file, "is no folder, expected the folder of a model's versions\n"),
    ],
)
def test_a_folder_that_takes_no_version_is_told_before_the_training(ratings, tmp_path, make, sentence) -> None:
    make(tmp_path / "lightfm")
    done = train(ratings, tmp_path)
    assert (done.returncode, done.stderr) == (1, f"triptych: {tmp_path / 'lightfm'} {sentence}")


def little_room() -> None:
    """Let no file grow beyond 20 kB: TensorFlow's writer fails in the midst, as it does on a disk that is full."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))


def test_a_disk_that_fills_inside_tensorflows_writer_is_one_sentence_and_leaves_nothing(ratings, tmp_path) -> None:
    done = train(ratings, tmp_path, before=little_room)
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    last = done.stderr.splitlines()[-1]
    assert last.startswith(f"triptych: lightfm was not published to {tmp_path / 'lightfm'}: TensorFlow could not write")
    assert "File too large" in last
    assert list((tmp_path / "lightfm").iterdir()) == []
