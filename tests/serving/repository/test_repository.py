"""What is loaded follows what is there and what is configured: versions that come and go, policies, labels."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from serving.repository.model_sources import ModelSource
from serving.wire.error_codes import Refusal


def put(base: Path, *names: str) -> None:
    for name in names:
        (base / name).mkdir(parents=True)


def test_the_latest_version_answers_and_the_one_before_it_ends(loads, tmp_path):
    put(tmp_path, "1", "failed-2", ".staging-3", "4x")
    served = loads(tmp_path)
    served.poll()
    assert (served.states(), served.answers()) == ({1: "AVAILABLE"}, 1)
    put(tmp_path, "007")
    served.poll()
    assert (served.states(), served.answers()) == ({7: "AVAILABLE", 1: "END"}, 7)
    with pytest.raises(Refusal, match=r"^Servable not found for request: Specific\(m, 1\)$"):
        served.answers(version=1)


def test_a_withdrawn_version_gives_way_to_the_one_before(loads, tmp_path):
    put(tmp_path, "1", "2")
    served = loads(tmp_path)
    served.poll()
    shutil.rmtree(tmp_path / "2")
    served.poll()
    assert (served.states(), served.answers()) == ({2: "END", 1: "AVAILABLE"}, 1)
    put(tmp_path, "2")
    served.poll()
    assert (served.states(), served.answers()) == ({2: "AVAILABLE", 1: "END"}, 2)


def test_an_emptied_folder_goes_on_answering(loads, tmp_path):
    put(tmp_path, "1")
    served = loads(tmp_path)
    served.poll()
    shutil.rmtree(tmp_path / "1")
    served.poll()
    shutil.rmtree(tmp_path)
    served.poll()
    assert (served.states(), served.answers()) == ({1: "AVAILABLE"}, 1)


@pytest.mark.parametrize(
    ("policy", "available"),
    [({"latest": 2}, {2, 3}), ({"latest": 0}, {1, 2, 3}), ({"specific": frozenset({1, 3, 9})}, {1, 3})],
)
def test_policies_choose_what_is_loaded(loads, tmp_path, policy, available):
    put(tmp_path, "1", "2", "3")
    served = loads(tmp_path, **policy)
    served.poll()
    assert {version for version, state in served.states().items() if state == "AVAILABLE"} == available
    assert served.answers() == 3


def test_labels_lead_to_versions_loaded_or_not(loads, tmp_path):
    put(tmp_path, "1", "2")
    served = loads(tmp_path, latest=0, labels={"stable": 1, "next": 3})
    served.poll()
    assert served.answers(label="stable") == 1
    with pytest.raises(Refusal, match=r"^Servable not found for request: Specific\(m, 3\)$"):
        served.answers(label="next")
    with pytest.raises(Refusal, match=r"^Unrecognized servable version label: other$"):
        served.answers(label="other")


def test_a_label_moves_to_an_available_version_only_and_else_nothing_of_the_configuration_is_taken_up(
    loads, tmp_path, caplog
):
    put(tmp_path, "m/1", "m/2", "other/1")
    other = ModelSource(name="other", base_path=tmp_path / "other")
    served = loads(tmp_path / "m", specific=frozenset({1, 2}), labels={"stable": 1, "canary": 2})
    served.poll()
    put(tmp_path, "m/3")
    change = {"specific": frozenset({1, 2, 3}), "labels": {"stable": 1, "canary": 3}}
    for attempt in (1, 2):
        served.poll(other, **change)
        refused = "Request to assign label to version 3 of model m, which is not currently available for inference"
        assert caplog.text.count(refused) == attempt
        assert served.states() == {1: "AVAILABLE", 2: "AVAILABLE"}
        assert (served.answers(label="canary"), served.repository.now.known()) == (2, ["m"])
    served.poll(other, specific=change["specific"], labels={"stable": 1, "canary": 2, "new": 3})
    assert (served.states()[3], served.answers(label="new"), served.answers(label="canary")) == ("AVAILABLE", 3, 2)
    served.poll(other, **change)
    assert (served.answers(label="canary"), served.repository.now.known()) == (3, ["m", "other"])
    served.poll(other, specific=frozenset({2, 3}), labels={"stable": 1, "canary": 3})  # a label is no reason to load
    assert served.states() == {1: "END", 2: "AVAILABLE", 3: "AVAILABLE"}
    served.poll(other, **change)  # named as before, it needs no version that is there
    assert served.states()[1] == "AVAILABLE"


def test_a_configuration_that_is_refused_leaves_the_one_before_it_followed(loads, tmp_path):
    put(tmp_path, "1")
    served = loads(tmp_path, labels={"stable": 1})
    served.poll()
    put(tmp_path, "2")
    served.poll(labels={"stable": 9})
    assert (served.states(), served.answers()) == ({1: "END", 2: "AVAILABLE"}, 2)


def test_a_model_that_is_no_longer_listed_ends(loads, tmp_path):
    put(tmp_path, "1")
    served = loads(tmp_path, labels={"stable": 1})
    served.poll()
    served.repository.poll([])
    assert served.states() == {1: "END"}
    with pytest.raises(Refusal, match=r"^Servable not found for request: Latest\(m\)$"):
        served.answers()
    with pytest.raises(Refusal, match=r"^Unrecognized servable version label: stable$"):
        served.answers(label="stable")
