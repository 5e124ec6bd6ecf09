"""Publishing: whole or not at all, whatever ends the process."""

from __future__ import annotations

import errno
import os
import random
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from export.publishing.publish import prepare, publish, versions
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


@pytest.mark.parametrize("highest", ["9223372036854775807", "0009223372036854775807"])
def test_above_the_highest_number_there_is_nothing_is_published_and_nothing_left(tmp_path: Path, highest: str) -> None:
    (tmp_path / highest).mkdir()
    with pytest.raises(Failure, match="has a version 9223372036854775807, and no number is above it"):
        prepare(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [highest]


SYNCED = """
import os, sys
from pathlib import Path
from export.publishing.publish import publish

def watched(name, call):
    def told(place, *others):
        path = os.readlink(f"/proc/self/fd/{place}") if isinstance(place, int) else os.fspath(place)
        print(name, path.replace(sys.argv[1], ""), flush=True)
        return call(place, *others)
    return told

def write(staging):
    (staging / "variables").mkdir()
    (staging / "variables" / "data").write_text("whole")
    (staging / "saved_model.pb").write_text("whole")

os.fsync, os.rename = watched("fsync", os.fsync), watched("rename", os.rename)
publish(Path(sys.argv[1]), write=write, prove=lambda staging: None, keep=0)
"""


def test_every_file_and_folder_is_on_the_disk_before_the_rename_and_the_rename_before_an_old_version_goes(
    tmp_path: Path,
) -> None:
    publish(tmp_path, write=write_whole, prove=accept)
    command = [sys.executable, "-c", SYNCED, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, "PYTHONPATH": "."}, check=True)
    told = [re.sub("staging-[0-9a-f]+", "staging", line) for line in done.stdout.splitlines()]
    before, after = told[: told.index("rename /.staging")], told[told.index("rename /.staging") + 1 :]
    assert sorted(before) == [
        f"fsync /.staging{name}" for name in ("", "/saved_model.pb", "/variables", "/variables/data")
    ]
    assert before[-1] == "fsync /.staging"
    assert after[0] == "fsync "
    assert after[1].startswith("rename /1")


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


@pytest.mark.parametrize("call", ["rename", "fsync"])
def test_what_fails_after_the_rename_is_said_and_leaves_the_version_published(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], call: str
) -> None:
    """Such as an old version that is a mount point, or belongs to somebody else; and a disk that breaks."""
    publish(tmp_path, write=write_whole, prove=accept)
    original = getattr(os, call)

    def refuses(place: int | str | Path, *others: Path) -> None:
        path = Path(os.readlink(f"/proc/self/fd/{place}") if isinstance(place, int) else place)
        if path in (tmp_path, tmp_path / "1"):
            raise PermissionError(errno.EPERM, os.strerror(errno.EPERM), str(path))
        original(place, *others)

    monkeypatch.setattr(os, call, refuses)
    assert publish(tmp_path, write=write_whole, prove=accept, keep=0) == tmp_path / "2"
    assert versions(tmp_path) == [1, 2]
    told = capsys.readouterr().err
    assert f"{tmp_path}/2 is published, but what follows failed, and old versions stay: " in told
    assert "Operation not permitted" in told


def test_a_version_can_be_read_by_others_as_the_umask_allows(tmp_path: Path) -> None:
    version = publish(tmp_path, write=write_whole, prove=accept)
    umask = os.umask(0)
    os.umask(umask)
    assert version.stat().st_mode & 0o777 == 0o777 & ~umask


@pytest.mark.training
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
        process.communicate()
        assert process.returncode == 0
    assert versions(tmp_path) == [1, 2, 3, 4, 5, 6]
    assert partial(tmp_path) == []
