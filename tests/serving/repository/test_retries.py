"""A version that cannot be loaded is tried again and given up, and tried anew where there is reason to."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from serving.repository.repository import LOAD_RETRIES
from serving.repository.snapshot import State


def put(base: Path, name: str, *, broken: bool = False) -> None:
    (base / name).mkdir(parents=True)
    if broken:
        (base / name / "broken").touch()


def test_a_broken_version_stays_loading_is_tried_again_and_leaves_the_good_one_answering(loads, tmp_path):
    put(tmp_path, "1")
    served = loads(tmp_path)
    served.poll()
    put(tmp_path, "2", broken=True)
    for _ in range(LOAD_RETRIES):
        served.poll()
        served.poll()
        assert (served.states(), served.answers()) == ({2: "LOADING", 1: "AVAILABLE"}, 1)
        served.clock.now += 61
    served.poll()
    status = served.repository.now.status("m", version=2)[0]
    assert (status.state, status.code.name, status.message) == (State.END, "UNKNOWN", "it is broken")
    put(tmp_path, "3")
    served.poll()
    assert (served.states(), served.answers()) == ({3: "AVAILABLE", 2: "END", 1: "END"}, 3)


def test_a_broken_version_that_is_mended_is_loaded_at_its_next_try(loads, tmp_path):
    put(tmp_path, "1")
    put(tmp_path, "2", broken=True)
    served = loads(tmp_path)
    served.poll()
    (tmp_path / "2" / "broken").unlink()
    served.poll()
    assert served.states()[2] == "LOADING"
    served.clock.now += 61
    served.poll()
    assert (served.states(), served.answers()) == ({2: "AVAILABLE"}, 2)


def given_up(loads, base, **policy):
    """A repository whose only version was tried to the end."""
    put(base, "1", broken=True)
    served = loads(base, **policy)
    for _ in range(LOAD_RETRIES + 2):
        served.poll()
        served.clock.now += 61
    assert served.states() == {1: "END"}
    return served


def test_a_version_that_was_given_up_is_loaded_from_a_corrected_base_path(loads, tmp_path):
    served = given_up(loads, tmp_path / "wrong")
    put(tmp_path / "right", "1")
    served.poll(base_path=tmp_path / "right")
    assert (served.states(), served.answers()) == ({1: "AVAILABLE"}, 1)


def test_a_version_that_is_being_tried_is_tried_at_once_at_a_corrected_base_path(loads, tmp_path):
    put(tmp_path / "wrong", "1", broken=True)
    put(tmp_path / "right", "1")
    served = loads(tmp_path / "wrong")
    served.poll()
    served.poll(base_path=tmp_path / "right")
    assert (served.states(), served.answers()) == ({1: "AVAILABLE"}, 1)


def test_a_version_that_answers_is_not_loaded_again_because_its_base_path_is_another(loads, tmp_path):
    put(tmp_path / "one", "1")
    put(tmp_path / "other", "1", broken=True)
    served = loads(tmp_path / "one")
    served.poll()
    served.poll(base_path=tmp_path / "other")
    assert (served.states(), served.answers()) == ({1: "AVAILABLE"}, 1)


@pytest.mark.parametrize("beside", [True, False], ids=["another version stays", "no version stays"])
def test_a_version_that_was_given_up_is_loaded_once_its_folder_has_gone_and_come_back_whole(loads, tmp_path, beside):
    served = given_up(loads, tmp_path, latest=0)
    if beside:
        put(tmp_path, "2")
    shutil.rmtree(tmp_path / "1")
    served.poll()
    put(tmp_path, "1")
    served.poll()
    assert served.states() == ({1: "AVAILABLE", 2: "AVAILABLE"} if beside else {1: "AVAILABLE"})


@pytest.mark.parametrize("whole", [True, False])
def test_a_version_that_was_given_up_is_tried_anew_once_its_model_is_listed_again(loads, tmp_path, whole):
    served = given_up(loads, tmp_path)
    if whole:
        (tmp_path / "1" / "broken").unlink()
    served.poll()
    assert served.states() == {1: "END"}
    served.repository.poll([])
    assert served.repository.now.status("m")[0].message == "it is broken"  # as long as nobody asks for it again
    served.poll()
    assert served.states() == {1: "AVAILABLE" if whole else "LOADING"}
