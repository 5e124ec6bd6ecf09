"""`triptych inspect` as people see it: what it prints, what it exits with, and what it loads."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from command import run, triptych
from rich import filesize

from serving.contract import SIGNATURES


def test_the_command_says_that_three_keep_one_contract_and_loads_no_tensorflow(kept):
    result = run("inspect", *[str(kept)] * 3, forbid="tensorflow onnxruntime grpc")
    assert (result.returncode, result.stderr) == (0, "")
    lines = result.stdout.splitlines()
    size = filesize.decimal(sum(path.stat().st_size for path in kept.rglob("*") if path.is_file()))
    assert lines[:3] == [f"{kept} keeps the contract: {size}"] * 3
    assert lines[3] == "The signatures of these 3 versions are the same"
    assert [line.split()[0] for line in lines[4:]] == sorted(SIGNATURES)
    assert "  score            item string[?], user_id string[?] -> score float32[?]" in lines


def test_what_was_never_published_is_no_version_unless_it_is_asked_for_alone(version):
    failed = version.with_name("failed-20261125T160000Z-1a2b3c4d")
    shutil.copytree(version, failed)
    both = triptych("inspect", str(version), str(failed))
    assert f"{failed} was not published, and no server reads it\n" in both.stdout
    assert "these 2 versions" not in both.stdout
    found = json.loads(triptych("inspect", str(version), str(failed), "--json").stdout)
    assert ([each["path"] for each in found["versions"]], found["unpublished"]) == ([str(version)], [str(failed)])
    assert triptych("inspect", str(failed)).stdout.startswith(f"{failed} keeps the contract")
    assert f"{version} keeps" in triptych("inspect", str(version.parent)).stdout


def test_nothing_in_a_manifest_or_a_name_is_an_order_to_a_terminal(kept, tmp_path):
    folder = Path(shutil.copytree(kept, tmp_path / "m\x1b]0;x\x07\n" / "7"))
    (folder / "assets.extra").mkdir()
    manifest = {"contract": 2, "recipe": "tuned\x1b[31m\nforged keeps the contract"}
    (folder / "assets.extra/triptych.json").write_text(json.dumps(manifest))
    out = triptych("inspect", str(folder)).stdout
    assert [char for char in set(out) if not char.isprintable()] == ["\n"]
    assert r"m\x1b]0;x\x07\n/7 keeps the contract: tuned\x1b[31m\nforged keeps the contract, " in out


def test_one_path_that_cannot_be_read_is_one_failure_in_json_too(tmp_path):
    for path in (tmp_path / "none", tmp_path):
        result = triptych("inspect", "--json", str(path))
        found = json.loads(result.stdout)
        assert (result.returncode, result.stderr, found["versions"], found["between"]) == (1, "", [], [])
        assert [failure.startswith(f"{path} ") for failure in found["failures"]] == [True]


def test_the_command_exits_1_when_the_contract_is_broken_and_goes_on_after_a_broken_folder(kept, plain_tfrs, tmp_path):
    result = triptych("inspect", str(plain_tfrs), str(tmp_path), str(kept), "--json")
    assert result.returncode == 1
    found = json.loads(result.stdout)
    assert [each["keeps_contract"] for each in found["versions"]] == [False, True]
    assert [each["path"] for each in found["versions"]] == [str(plain_tfrs), str(kept)]
    (failure,) = found["failures"]
    assert failure.startswith(f"{tmp_path} holds no version")
    text = triptych("inspect", str(plain_tfrs), str(tmp_path))
    assert text.returncode == 1
    assert "  ! serving_default: output output_1 float32[?, 2] is not expected\n" in text.stdout
    assert text.stderr == f"triptych: {failure}\n"
