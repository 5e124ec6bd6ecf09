"""Pruning: which old versions go when a new one is published, and which a models.config keeps."""

from __future__ import annotations

from pathlib import Path

import pytest

from export.publishing.publish import publish, versions
from serving.errors import Failure

FILES = 40


def write_whole(staging: Path) -> None:
    for number in range(FILES):
        (staging / f"part-{number}").write_text("whole")


def accept(staging: Path) -> None:
    """Prove nothing."""


def test_old_versions_are_kept_as_many_as_asked_and_never_the_newest_removed(tmp_path: Path) -> None:
    for _ in range(4):
        publish(tmp_path, write=write_whole, prove=accept, keep=2)
    assert versions(tmp_path) == [2, 3, 4]
    publish(tmp_path, write=write_whole, prove=accept, keep=0)
    assert versions(tmp_path) == [5]


def test_what_a_server_takes_for_a_version_is_counted_and_only_folders_and_links_to_them_are_pruned(
    tmp_path: Path,
) -> None:
    folder, elsewhere = tmp_path / "m", tmp_path / "elsewhere"
    for name in (folder / "00000001", folder / "99999999999999999999", elsewhere):
        name.mkdir(parents=True)
        (name / "part").write_text("whole")
    (folder / "2").symlink_to(elsewhere)
    (folder / "3").write_text("no folder")
    (folder / "4").symlink_to(tmp_path / "nowhere")
    assert versions(folder) == [1, 2]
    assert publish(folder, write=write_whole, prove=accept, keep=1).name == "5"
    assert {path.name for path in folder.iterdir()} == {"2", "3", "4", "5", "99999999999999999999"}
    publish(folder, write=write_whole, prove=accept, keep=0)
    assert {path.name for path in folder.iterdir()} == {"3", "4", "6", "99999999999999999999"}
    assert (elsewhere / "part").read_text() == "whole"


def write_models_config(path: Path, name: str, base: str, specific: str, **labels: int) -> Path:
    given = " ".join(f'version_labels {{ key: "{label}" value: {version} }}' for label, version in labels.items())
    model = f'name: "{name}" base_path: "{base}" model_version_policy {{ specific {{ {specific} }} }} {given}'
    path.write_text(f"model_config_list {{ config {{ {model} }} }}")
    return path


def test_versions_that_a_models_config_labels_or_lists_are_never_removed_and_it_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = write_models_config(tmp_path / "models.config", "m", "/models/m", "versions: 1 versions: 2", stable=1)
    other = write_models_config(tmp_path / "other", "else", "/srv/m", "", canary=3)
    for _ in range(6):
        publish(tmp_path / "m", write=write_whole, prove=accept, keep=1, config=other)
    assert versions(tmp_path / "m") == [1, 2, 3, 5, 6]
    assert capsys.readouterr().err.splitlines()[-3:] == [
        f"kept version 1 of m: {config} labels it stable",
        f"kept version 2 of m: {config} lists it",
        f"kept version 3 of m: {other} labels it canary",
    ]


def test_a_models_config_that_cannot_be_read_is_told_before_anything_is_written(tmp_path: Path) -> None:
    (tmp_path / "models.config").write_text("model_config_list {")
    for named, sentence in ((None, "is no ModelServerConfig"), (tmp_path / "none", "is no ModelServerConfig")):
        with pytest.raises(Failure, match=sentence):
            publish(tmp_path / "m", write=pytest.fail, prove=accept, config=named)
    (tmp_path / "models.config").unlink()
    with pytest.raises(Failure, match="none cannot be read"):
        publish(tmp_path / "m", write=pytest.fail, prove=accept, config=tmp_path / "none")


def test_a_models_config_that_breaks_meanwhile_keeps_every_version(tmp_path: Path) -> None:
    def write(staging: Path) -> None:
        write_whole(staging)
        (tmp_path / "models.config").write_text("model_config_list {")

    publish(tmp_path / "m", write=write_whole, prove=accept, keep=0)
    publish(tmp_path / "m", write=write, prove=accept, keep=0)
    assert versions(tmp_path / "m") == [1, 2]
