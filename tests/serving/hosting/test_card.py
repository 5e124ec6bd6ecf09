"""A version's card: the head that hubs read, and nothing in it that the version's manifest does not carry."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import yaml
from command import printed as run
from command import triptych

from serving.contract import MANIFEST
from serving.errors import Failure

FIGURES = {
    "random-80-20": {
        "seeds": 5,
        "machine": "a machine",
        "ndcg@10": 0.4502,
        "recall@10": 0.245,
        "baselines": {"popular": {"ndcg@10": 0.2085}},
    }
}


def manifest(**change) -> dict:
    data = {"name": "100k", "fingerprint": "4f0e", "users": 943, "items": 1664, "interactions": 100000}
    made = {"contract": 1, "model": "two_tower", "recipe": "tuned", "config": {"epochs": 3}, "seed": 42, "data": data}
    return {**made, "figures": FIGURES, "packages": {"numpy": "2.4"}, "created": "2026-11-25T10:00:00Z", **change}


def card(folder: Path, content: dict | None) -> tuple[dict, str]:
    if content is not None:
        (folder / MANIFEST).write_text(json.dumps(content))
    head, _, body = run("card", folder).removeprefix("---\n").partition("---\n")
    return yaml.safe_load(head), body


def test_a_model_card_has_the_head_that_hubs_read_and_the_figures_with_their_baselines(tiny_version, tmp_path):
    folder = Path(shutil.copytree(tiny_version.folder, tmp_path / "two_tower" / "7"))
    head, body = card(folder, manifest(summary="two towers"))
    assert (head["license"], head["license_name"], head["datasets"]) == ("other", "movielens", ["movielens-100k"])
    (result,) = head["model-index"][0]["results"]
    assert head["model-index"][0]["name"] == "two_tower"
    assert result["dataset"] == {"type": "100k", "name": "100k", "split": "random-80-20"}
    assert {one["type"]: one["value"] for one in result["metrics"]} == {"ndcg@10": 0.4502, "recall@10": 0.245}
    assert "# two_tower, version 7" in body
    assert "from who had what (two towers)," in body
    assert "| random-80-20 | two_tower, mean of 5 seeds, on a machine | 0.4502 | 0.245 |" in body
    assert "| random-80-20 | popular (baseline) | 0.2085 |" in body
    for part in (
        "943 users, 1,664 items, 100,000 interactions",
        "`tuned`, seed 42",
        "| epochs | 3 |",
        "not for commerc",
    ):
        assert part in body
    run("card", folder, "--out", tmp_path / "card.md")
    assert (tmp_path / "card.md").read_text() == run("card", folder)
    with pytest.raises(Failure, match=r"card\.md is there already, expected the name of a new file"):
        run("card", folder, "--out", tmp_path / "card.md")


def test_a_card_claims_no_licence_and_no_figure_that_a_version_does_not_carry(tiny_version, tmp_path):
    folder = Path(shutil.copytree(tiny_version.folder, tmp_path / "two_tower" / "7"))
    head, body = card(folder, manifest(figures=None, data={"name": "shop: orders.csv"}))
    assert {"license", "datasets", "model-index"}.isdisjoint(head)
    assert "The licence of the data is not recorded" in body
    assert "Not measured with these values on this data" in body
    (folder / MANIFEST).unlink()
    with pytest.raises(Failure, match="that names its model: `triptych train` writes one"):
        card(folder, None)


@pytest.mark.parametrize(
    ("change", "part"),
    [
        ({"data": []}, "[] as data"),
        ({"data": None}, "None as data"),
        ({"config": 3}, "3 as config"),
        ({"packages": [1]}, "[1] as packages"),
        ({"figures": ["a"]}, "['a'] as figures"),
        ({"figures": {"random-80-20": 0.45}}, "0.45 as figures of random-80-20"),
        ({"figures": {"p": {"baselines": ["x"]}}}, "['x'] as baselines of p"),
        ({"figures": {"p": {"baselines": {"popular": 1}}}}, "1 as popular of p"),
    ],
    ids=str,
)
def test_a_manifest_of_another_shape_is_one_sentence_and_no_card(tiny_version, tmp_path, change, part):
    folder = Path(shutil.copytree(tiny_version.folder, tmp_path / "two_tower" / "7"))
    (folder / MANIFEST).write_text(json.dumps(manifest(**change)))
    refused = triptych("card", folder, "--out", tmp_path / "card.md")
    assert refused.stderr == f"triptych: {folder} has {part} in its {MANIFEST}, expected an object\n"
    assert not (tmp_path / "card.md").exists()


def test_a_model_that_is_no_name_has_no_card_and_what_is_no_number_is_not_counted(tiny_version, tmp_path):
    folder = Path(shutil.copytree(tiny_version.folder, tmp_path / "two_tower" / "7"))
    (folder / MANIFEST).write_text(json.dumps(manifest(model=["a"])))
    assert "that names its model" in triptych("card", folder).stderr
    _, body = card(folder, manifest(data={"name": "100k", "users": "many", "items": 1664}))
    assert "MovieLens 100k: 1,664 items; fingerprint" in body


def test_a_card_on_a_terminal_is_text_whatever_the_manifest_holds(tiny_version, tmp_path):
    folder = Path(shutil.copytree(tiny_version.folder, tmp_path / "two_tower" / "7"))
    (folder / MANIFEST).write_text(json.dumps(manifest(model="x\x1b]0;owned\x07", config={"\u202ea": "b\r\x9b"})))
    told = triptych("card", folder).stdout
    assert [char for char in set(told) if char != "\n" and not char.isprintable()] == []
    assert r"# x\x1b]0;owned\x07, version 7" in told
    assert r"| \u202ea | b\r\x9b |" in told
