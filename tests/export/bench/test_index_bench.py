"""The bench of the index: what it prints, what it spreads, and that it takes no answer on trust."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from export.bench.index import BATCHES, Contest
from export.bench.spread import NOISE, gaussian, read, spread
from export.cli.commands import app
from export.graph.index import BlockBruteForce
from export.graph.plan import Plan
from export.publishing.names import write_names
from export.quality import timing
from serving.errors import Failure


@pytest.fixture(autouse=True)
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """Measure few rounds: no test looks at how long anything takes, and every answer is compared all the same."""
    monkeypatch.setattr(timing, "MOST", timing.LEAST)


def printed(*arguments: str) -> list[list[str]]:
    done = CliRunner().invoke(app, ["bench", "index", *arguments], catch_exceptions=False, env={"COLUMNS": "160"})
    rows = [line.split("│")[1:-1] for line in done.output.splitlines() if line.startswith("│")]
    return [[cell.strip() for cell in row] for row in rows]


def may_be(ratio: float, over: float, under: float) -> bool:
    """Tell whether a ratio is that of two times, all as printed: to two places, and to three."""
    least = (over - 0.0005) / (under + 0.0005)
    most = (over + 0.0005) / (under - 0.0005) if under > 0.0005 else np.inf
    return bool(least - 0.00501 <= ratio <= most + 0.00501)


def test_bench_index_prints_a_row_for_each_size_k_and_number_of_queries() -> None:
    rows = printed("--items", "150", "--items", "60")
    asked = [
        [size, k, queries]
        for size, most in (("150", "100"), ("60", "60"))
        for k in ("10", most)
        for queries in ("1", "32")
    ]
    assert [row[:3] for row in rows] == asked
    for row in rows:
        theirs, ours, product, first, second = (float(cell) for cell in row[3:8])
        assert may_be(first, theirs, ours)
        assert may_be(second, ours, product)
        assert row[8:] == ["", "", "", "1.000"]  # random vectors of so few items are not scanned


def test_a_versions_vectors_are_spread_by_noise_of_their_own_shape(tiny_version, tmp_path: Path) -> None:
    folder = tmp_path / "1"
    shutil.copytree(tiny_version.folder, folder)
    write_names(folder, tiny_version.interactions)
    own = read(folder)
    many = spread(own, 50_000)
    items = np.column_stack([many.vectors, many.item_biases])
    expected = np.cov(own.items, rowvar=False, bias=True) + NOISE**2 * np.cov(own.items, rowvar=False)
    np.testing.assert_allclose(np.cov(items, rowvar=False), expected, atol=0.03 * np.abs(expected).max())
    assert np.array_equal(many.user_vectors, tiny_version.model.user_vectors)
    assert [row[:3] for row in printed("--version", str(folder), "--items", "70")] == [
        ["70", k, queries] for k in ("10", "70") for queries in ("1", "32")
    ]


@pytest.mark.parametrize(("head", "some"), [(62, False), (1, True)])
def test_what_a_scan_cannot_prove_is_counted_and_every_answer_is_still_tfrss(head: int, some: bool) -> None:
    plan = Plan(head=head, candidates=64, falls_back=0.0, cost=0.1)
    contest = Contest(gaussian(3000), plan)
    measured = contest.measure(queries=2, k=10)
    assert (measured.items, measured.answers) == (3000, 2 * BATCHES)
    assert min(measured.tfrs, measured.ours, measured.product) > 0
    assert measured.same > 0.9
    assert measured.scored is not None
    assert (measured.fell_back > 0.5) == some
    assert contest.measure(queries=1, k=150).scored is None  # the full product, at once


def test_one_wrong_answer_ends_the_bench() -> None:
    contest = Contest(gaussian(200), None)
    contest.ours = BlockBruteForce().index(np.roll(contest.columns, 1, axis=0))
    with pytest.raises(ArithmeticError, match="the indexes answer"):
        contest.measure(queries=1, k=10)


def test_several_versions_are_not_spread_at_once(tiny_versions) -> None:
    folder = next(iter(tiny_versions.values())).folder.parents[1]
    with pytest.raises(Failure, match="expected one: name"):
        CliRunner().invoke(app, ["bench", "index", "--version", str(folder)], catch_exceptions=False)
