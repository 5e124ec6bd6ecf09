"""Configurations and models folders are read as TensorFlow Serving reads them, or refused in a sentence."""

from __future__ import annotations

from pathlib import Path

import pytest

from serving.errors import Failure
from serving.repository.model_sources import ModelSource, from_config, from_folder


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("models {", "is no ModelServerConfig"),
        ("", "holds no model_config_list"),
        ('model_config_list { config { name: "a" } }', "without name or base_path"),
        ('model_config_list { config { name: "a" base_path: "b" } }', "relative base_path b"),
        ('model_config_list { config { name: "a" base_path: "/b" } config { name: "a" base_path: "/c" } }', "twice: a"),
    ],
)
def test_a_configuration_that_cannot_be_followed_is_refused_in_a_sentence(tmp_path, text, problem):
    (tmp_path / "models.config").write_text(text)
    with pytest.raises(Failure, match=problem):
        from_config(tmp_path / "models.config")()


def test_a_configuration_is_read_as_tensorflow_serving_reads_it(tmp_path):
    (tmp_path / "models.config").write_text(
        'model_config_list { config { name: "a" base_path: "/a" model_platform: "tensorflow"'
        ' model_version_policy { all {} } version_labels { key: "s" value: 3 }'
        " logging_config { sampling_config { sampling_rate: 0.1 } } }"
        ' config: { name: "b", base_path: "/b", model_version_policy: { latest: { num_versions: 2 } } }'
        ' config { name: "c" base_path: "/c" model_version_policy { specific { versions: [1, 2] } } } }'
    )
    assert from_config(tmp_path / "models.config")() == [
        ModelSource(name="a", base_path=Path("/a"), latest=0, labels={"s": 3}),
        ModelSource(name="b", base_path=Path("/b"), latest=2),
        ModelSource(name="c", base_path=Path("/c"), specific=frozenset({1, 2})),
    ]


def test_a_folder_that_is_not_there_names_the_command_that_makes_one(tmp_path):
    with pytest.raises(Failure, match="`triptych train` makes one"):
        from_folder(tmp_path / "none")()
