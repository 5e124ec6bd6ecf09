"""What cannot be configured or labelled: refused in one sentence, and nothing of it is left behind."""

from __future__ import annotations

import pytest
from command import printed as run

from serving.config import config_files
from serving.errors import Failure


def test_a_file_that_cannot_be_put_in_its_place_leaves_nothing(models):
    (models / "models.config").mkdir()
    with pytest.raises(Failure, match=r"models\.config cannot be written: Is a directory"):
        run("config", models)
    assert [path.name for path in models.iterdir() if path.name.startswith(".")] == []


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["two_tower", "canary=12"], "two_tower has no version 12 for label canary, expected one of 6, 7, 10"),
        (["two_tower", "canary="], "two_tower has no label canary, expected one of: none"),
        (["nope", "canary=7"], "has no model nope, expected one of: lightfm, two_tower"),
        (["two_tower", "canary"], "'canary' is no label, expected LABEL=VERSION"),
        (["two_tower", "canary=x"], "'canary=x' is no label, expected LABEL=VERSION"),
        (["two_tower", "=7"], "'=7' is no label, expected LABEL=VERSION"),
        (["two_tower", "a b=7"], "'a b' is no name of a label, expected one without white space"),
        (["two_tower", "x=7", "x=6"], "label x is named twice, expected each once"),
        (["two_tower", "x=7", "--wait", "nan"], "--wait is nan, expected seconds, 0 or more"),
        (["two_tower", "x=7", "--wait", "-1"], "--wait is -1, expected seconds, 0 or more"),
    ],
)
def test_a_label_that_cannot_be_is_refused_and_nothing_is_written(models, arguments, sentence):
    run("config", models)
    path = models / "models.config"
    before = path.read_bytes()
    with pytest.raises(Failure, match=sentence):
        run("label", *arguments, "--config", path)
    assert path.read_bytes() == before


@pytest.mark.parametrize("label", ["", "a b", "a/b", "a=1"])
def test_what_is_no_name_of_a_label_is_given_to_no_version(models, label):
    with pytest.raises(Failure, match="is no name of a label"):
        run("config", models, "--label", label)
    assert not (models / "models.config").exists()


def test_where_there_is_no_configuration_it_is_said_what_writes_one(models):
    with pytest.raises(Failure, match=r"there is no .*models\.config: `triptych config MODELS_DIR` writes one"):
        run("label", "two_tower", "x=7", "--config", models / "models.config")


def test_a_kept_label_whose_version_is_gone_is_refused(models):
    run("config", models, "--label", "stable")
    (models / "two_tower/10/saved_model.pb").unlink()
    with pytest.raises(Failure, match="two_tower has no version 10 for label stable"):
        run("config", models)


def test_no_model_no_file_and_no_config_are_one_sentence(models, tmp_path):
    with pytest.raises(Failure, match=r"nothing to serve: .*notes holds no version, expected a models folder: "):
        run("config", models / "notes")
    with pytest.raises(Failure, match=r"cannot be read: .*No such file"):
        config_files.read_model_config(tmp_path / "none")
    for wrong in ('model_config_list { config { name: "a" nope: 1 } }', "{", "\udcff"):
        (tmp_path / "bad").write_text(wrong, errors="surrogateescape")
        with pytest.raises(Failure, match=r"is no ModelServerConfig|cannot be read"):
            config_files.read_model_config(tmp_path / "bad")
    with pytest.raises(
        Failure, match="base path 'models', expected an absolute path or an address such as gs://bucket/models"
    ):
        run("config", models, "--base-path", "models")
    with pytest.raises(Failure, match="cannot be written"):
        config_files.replace(tmp_path / "none" / "file", "")
