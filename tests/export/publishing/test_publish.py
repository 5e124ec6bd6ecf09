"""Publishing: whole or not at all, whatever ends the process."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from export.publishing.publish import publish, versions
from serving.errors import Failure

FILES = 40

WRITER = f"""
import sys, time
from pathlib import Path
from export.publishing.publish import publish

def write(staging):
    for number in range({FILES}):
        (staging / f"part-{{number}}").write_text("whole")
        time.sleep(0.001)

print("started", flush=True)
publish(Path(sys.argv[1]), write=write, prove=lambda staging: time.sleep(0.02), keep=int(sys.argv[2]))
"""


def writer(folder: Path, keep: int = 3) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", WRITER, str(folder), str(keep)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONPATH": "."})


def write_whole(staging: Path) -> None:
    for number in range(FILES):
        (staging / f"part-{number}").write_text("whole")


def accept(staging: Path) -> None:
    """Prove nothing."""


def partial(folder: Path) -> list[str]:
    """Name the versions a server would load although they are not whole."""
    return [str(n) for n in versions(folder) if len(list((folder / str(n)).iterdir())) != FILES]


def test_a_version_is_numbered_one_more_than_the_highest(tmp_path: Path) -> None:
    (tmp_path / "41").mkdir()
    (tmp_path / "notes").mkdir()
    assert publish(tmp_path, write=write_whole, prove=accept) == tmp_path / "42"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["41", "42", "notes"]


def test_old_versions_are_kept_as_many_as_asked_and_never_the_newest_removed(tmp_path: Path) -> None:
    for _ in range(4):
        publish(tmp_path, write=write_whole, prove=accept, keep=2)
    assert versions(tmp_path) == [2, 3, 4]
    publish(tmp_path, write=write_whole, prove=accept, keep=0)
    assert versions(tmp_path) == [5]


def test_a_failed_proof_publishes_nothing_and_keeps_what_was_written_aside(tmp_path: Path) -> None:
    def refuse(staging: Path) -> None:
        raise Failure("score of user 7 is 1.5, expected 2.5")

    with pytest.raises(Failure, match=r"was not published: score of user 7 is 1\.5, expected 2\.5; .*failed-"):
        publish(tmp_path, write=write_whole, prove=refuse)
    (aside,) = tmp_path.iterdir()
    assert aside.name.startswith("failed-")
    assert len(list(aside.iterdir())) == FILES
    assert publish(tmp_path, write=write_whole, prove=accept).name == "1"


def test_an_error_while_writing_leaves_nothing(tmp_path: Path) -> None:
    def full(staging: Path) -> None:
        write_whole(staging)
        raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space left"):
        publish(tmp_path, write=full, prove=accept)
    assert list(tmp_path.iterdir()) == []


def test_a_version_can_be_read_by_others_as_the_umask_allows(tmp_path: Path) -> None:
    version = publish(tmp_path, write=write_whole, prove=accept)
    umask = os.umask(0)
    os.umask(umask)
    assert version.stat().st_mode & 0o777 == 0o777 & ~umask


def test_a_process_killed_at_any_moment_leaves_no_partial_version_and_the_next_cleans_up(tmp_path: Path) -> None:
    chance = random.Random(7)
    for _ in range(30):
        process = writer(tmp_path, keep=1)
        assert process.stdout is not None
        process.stdout.readline()
        time.sleep(chance.uniform(0.0, 0.12))  # from before the first file to after the last rename
        process.send_signal(signal.SIGKILL)
        process.wait()
        process.stdout.close()
        assert partial(tmp_path) == []
    published = versions(tmp_path)
    newest = publish(tmp_path, write=write_whole, prove=accept, keep=1)
    assert newest.name == str(max(published, default=0) + 1)
    assert {path.name for path in tmp_path.iterdir()} == {str(n) for n in versions(tmp_path)}


def test_concurrent_publishes_get_different_numbers(tmp_path: Path) -> None:
    processes = [writer(tmp_path, keep=99) for _ in range(6)]
    for process in processes:
        process.communicate(timeout=60)
        assert process.returncode == 0
    assert versions(tmp_path) == [1, 2, 3, 4, 5, 6]
    assert partial(tmp_path) == []
