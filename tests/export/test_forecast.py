"""What a training is told to be before it starts, and what is refused."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from export import forecast
from export.data.interactions import Interactions
from export.models.lightfm import LightFMConfig
from export.models.registry import MODELS
from export.models.two_tower import TwoTowerConfig
from export.towers.config import CATALOGUE
from export.waist.config import Config
from serving.errors import Failure


def interactions(rows: int, *, users: int, items: int) -> Interactions:
    at = np.arange(rows)
    names = [np.array([f"{kind}{n}" for n in range(many)], object) for kind, many in (("u", users), ("i", items))]
    return Interactions.of(
        users=names[0], items=names[1], user=at % users, item=at % items, timestamp=np.zeros(rows, np.int64)
    )


@pytest.mark.parametrize(
    ("config", "rows", "users", "passes"),
    [
        (MODELS["two_tower"].recipes["tuned"], 100_000, 943, 140),
        (MODELS["wide_deep"].recipes["tuned"], 100_000, 943, 100),
        (MODELS["lightfm"].recipes["tuned"], 100_000, 943, 117),
        (MODELS["two_tower"].recipes["tuned"], 25_000_000, 162_000, 6),
        (MODELS["wide_deep"].recipes["tuned"], 25_000_000, 162_000, 3),
        (MODELS["lightfm"].recipes["tuned"], 25_000_000, 162_000, 4),
        (MODELS["two_tower"].recipes["tutorial"], 100_000, 943, 3),
        (TwoTowerConfig(loss=CATALOGUE, epochs=5, batch=1, dropout=0.3, steps=3), 9, 9, 1),
    ],
)
def test_passes_fall_as_data_grows_and_movielens_100k_keeps_its_own(
    config: Config, rows: int, users: int, passes: int
) -> None:
    assert config.passes(rows=rows, users=users) == passes


def test_much_data_is_told_before_it_is_trained_on(capsys: pytest.CaptureFixture[str]) -> None:
    forecast.check("lightfm", LightFMConfig(epochs=90, steps=900_000), interactions(300_000, users=70, items=90))
    told = " ".join(capsys.readouterr().err.split())
    assert told.startswith(
        "lightfm: 300,000 interactions of 70 users with 90 items; 3 passes (of 90: no more than 900,000 steps), "
        "900,000 steps; about 0.4 GB more memory"
    )


def test_the_page_on_scale_says_what_is_told() -> None:
    needed = forecast.needs(MODELS["two_tower"].recipes["tuned"], rows=25_000_000, users=162_000, items=59_000)
    page = (Path(__file__).parents[2] / "docs" / "scale.md").read_text(encoding="utf-8")
    assert f"7,596 steps; about {needed / forecast.GIGABYTE:.1f} GB more memory" in page


def test_a_model_with_no_hyper_parameter_that_is_known_is_told_of_all_the_same(
    capsys: pytest.CaptureFixture[str],
) -> None:
    forecast.check("mean", Config(), interactions(300_000, users=70, items=90))
    told = " ".join(capsys.readouterr().err.split())
    assert told == (
        "mean: 300,000 interactions of 70 users with 90 items; 1 pass, 300,000 steps; about 0.4 GB more memory"
    )


def test_little_data_is_not_worth_a_word(capsys: pytest.CaptureFixture[str]) -> None:
    forecast.check("lightfm", LightFMConfig(), interactions(30, users=7, items=9))
    assert capsys.readouterr().err == ""


def test_what_cannot_fit_is_refused_with_what_would(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    info = tmp_path / "meminfo"
    info.write_text("MemTotal: 4000000 kB\nMemAvailable:  300000 kB\n")
    monkeypatch.setattr(forecast, "MEMORY", (info, *[tmp_path / "none"] * 3))
    with pytest.raises(
        Failure, match=r"^two_tower: 30 .* takes about 0\.4 GB more memory, and 0\.3 GB are free: fewer "
    ):
        forecast.check("two_tower", TwoTowerConfig(batch=4), interactions(30, users=7, items=9))


def test_the_memory_of_a_container_is_its_own(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    files = [tmp_path / name for name in ("meminfo", "max", "current")]
    for file, text in zip(files, ("MemAvailable:  9000000 kB\n", "3000\n", "1000\n"), strict=True):
        file.write_text(text)
    monkeypatch.setattr(forecast, "MEMORY", (*files, tmp_path / "stat"))
    assert forecast.available() == 2000
    # A page of a file that was just read is given back when it is needed, and does not count as used.
    (tmp_path / "stat").write_text("anon 250\nfile 740\ninactive_file 700\nactive_file 40\n")
    assert forecast.available() == 2700
    files[1].write_text("max\n")
    assert forecast.available() == 9_000_000 * 1024


def test_a_model_that_takes_no_weights_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    some = interactions(60, users=9, items=7)
    weighed = replace(some, weight=np.ones(60, np.float32))
    for data, weighs in ((some, False), (weighed, True), (weighed, False)):
        forecast.check("ials", LightFMConfig(), data, weighs=weighs)
    assert capsys.readouterr().err == "ials takes no weights: each row counts as much\n"
