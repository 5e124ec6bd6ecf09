"""What `triptych rollback` publishes: a copy of an earlier version that says so, or nothing and one sentence why."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from command import triptych

from export.publishing.proof import CASES
from export.publishing.publish import versions
from serving.contract import MANIFEST

pytestmark = pytest.mark.training


def test_a_copy_is_the_version_and_says_of_which(models: Path) -> None:
    shutil.copytree(models / "m" / "2", models / "m" / "7")
    assert triptych("rollback", "m", "--models", models, "--to", "1").returncode == 0
    copy, source = models / "m" / "8", models / "m" / "1"
    names = sorted(path.relative_to(source) for path in source.rglob("*") if path.is_file())
    assert names == sorted(path.relative_to(copy) for path in copy.rglob("*") if path.is_file())
    assert [n for n in names if (copy / n).read_bytes() != (source / n).read_bytes()] == [Path(MANIFEST)]
    assert json.loads((copy / MANIFEST).read_text()) == {"contract": 1, "seed": 1, "copy_of": 1}


def test_versions_are_found_by_the_names_that_they_have(models: Path, tmp_path: Path) -> None:
    (models / "m" / "1").rename(models / "m" / "00000001")
    (models / "m" / "2").rename(tmp_path / "elsewhere")
    (models / "m" / "2").symlink_to(tmp_path / "elsewhere")
    (models / "m" / "4").touch()
    done = triptych("rollback", "m", "--models", models, "--keep", "0")
    assert (done.returncode, done.stdout) == (0, f"published {models / 'm' / '5'}, a copy of version 1\n"), done.stderr
    assert {path.name for path in (models / "m").iterdir()} == {"4", "5"}
    assert (tmp_path / "elsewhere" / "saved_model.pb").is_file()


@pytest.mark.parametrize(
    ("change", "arguments", "sentence"),
    [
        (None, ["nope"], "no version of nope under {models}, expected one of: m"),
        (None, ["m", "--to", "9"], "m has no version 9, expected one of 1, 2"),
        (
            lambda m: shutil.rmtree(m / "m" / "2"),
            ["m"],
            "m has only version 1, and none before it to go back to",
        ),
        (
            lambda m: (m / "m" / "1" / CASES).unlink(),
            ["m"],
            "m was not published: it carries no assets.extra/proof.npz to be proven with: "
            "`triptych train` publishes versions that do; what was written is in ",
        ),
        (
            lambda m: shutil.copy(m / "m" / "2" / CASES, m / "m" / "1" / CASES),
            ["m"],
            "m was not published: serving_default asked with ",
        ),
        (
            lambda m: (m / "m" / "1" / "saved_model.pb").write_bytes(b"no graph"),
            ["m"],
            "{models}/m/1",
        ),
        (
            lambda m: np.savez_compressed(m / "m" / "1" / CASES),
            ["m"],
            "m was not published: assets.extra/proof.npz has no case of recommend, ",
        ),
        (
            lambda m: (m / "m" / "1" / "variables" / "round").symlink_to(m),
            ["m"],
            "{models}/m/1/variables/round is a link to {models}, expected files and folders only in a version",
        ),
        (
            lambda m: (m / "m" / "1" / "assets.extra" / "out").symlink_to("/etc/passwd"),
            ["m"],
            "{models}/m/1/assets.extra/out is a link to /etc/passwd, expected files and folders only in a version",
        ),
    ],
    ids=[
        "no model",
        "no version",
        "none before",
        "no cases",
        "other answers",
        "damaged",
        "empty proof",
        "a link round",
        "a link out",
    ],
)
def test_what_cannot_be_rolled_back_is_one_sentence_and_changes_nothing(
    models: Path, change: Callable[[Path], object] | None, arguments: list[str], sentence: str
) -> None:
    if change:
        change(models)
    before = versions(models / "m")
    done = triptych("rollback", *arguments, "--models", models)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (1, "", 1), done.stderr
    assert done.stderr.startswith(f"triptych: {sentence.format(models=models)}")
    assert versions(models / "m") == before
