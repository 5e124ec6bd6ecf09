"""The bench of one lone row: every signature of a version, twin and session."""

import shutil

import pytest
from click.testing import CliRunner

from export.cli.commands import app
from export.publishing.warmup_requests import write_warmup
from export.quality import timing
from serving.contract import SIGNATURES
from serving.errors import Failure


def test_bench_answer_prints_a_row_for_each_signature_of_a_version(tiny_version, tmp_path, monkeypatch):
    monkeypatch.setattr(timing, "MOST", timing.LEAST)
    version = tmp_path / "two_tower" / "3"
    shutil.copytree(tiny_version.folder, version)
    write_warmup(version, "two_tower", tiny_version.interactions)
    done = CliRunner().invoke(app, ["bench", "answer", str(tmp_path)], catch_exceptions=False, env={"COLUMNS": "120"})
    rows = [[cell.strip() for cell in line.split("│")[1:-1]] for line in done.output.splitlines() if "│" in line]
    assert [row[:2] for row in rows] == [["two_tower/3", signature] for signature in SIGNATURES]
    for row in rows:
        ours, theirs, ratio = map(float, row[2:])
        assert ours > 0
        assert ratio == pytest.approx(theirs / ours, abs=0.02 + ratio * 0.02)


def test_a_version_that_says_nothing_to_ask_is_one_sentence(tiny_version):
    with pytest.raises(Failure, match="has no warm-up requests or no twin, expected a version of `triptych train`"):
        CliRunner().invoke(app, ["bench", "answer", str(tiny_version.folder)], catch_exceptions=False)
