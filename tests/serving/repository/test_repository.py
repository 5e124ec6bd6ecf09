"""What is loaded follows what is there: policies, labels, broken versions, configurations read again."""

from __future__ import annotations

import gc
import json
import os
import shutil
import threading
import time
import weakref
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import pytest
import tensorflow as tf
from live import ask, live, predict, process

from serving.engines import engine
from serving.engines.engine import Servable
from serving.errors import Failure
from serving.repository.model_sources import ModelSource, from_config, from_folder
from serving.repository.repository import LOAD_RETRIES, Repository
from serving.repository.snapshot import State
from serving.wire.error_codes import Refusal


@pytest.fixture
def loads(monkeypatch):
    """A repository over a folder that is polled by hand, with a loader that fails where a version says so."""
    clock = SimpleNamespace(now=1000.0)
    monkeypatch.setattr("serving.repository.repository.time.monotonic", lambda: clock.now)

    def load(model: str, version: int, path: Path) -> Servable:
        if (path / "broken").exists():
            raise Failure("it is broken")
        return Servable(model=model, version=version, signatures={})

    def make(base: Path, **policy):
        repository = Repository(lambda: [], load)
        source = ModelSource(name="m", base_path=base, **policy)
        return SimpleNamespace(
            repository=repository,
            poll=lambda *others, **change: repository.poll([replace(source, **change), *others]),
            states=lambda: {one.version: one.state.name for one in repository.now.status("m")},
            answers=lambda **which: repository.now.find("m", **which).version,
            clock=clock,
        )

    return make


def put(base: Path, *names: str, broken: bool = False) -> None:
    for name in names:
        (base / name).mkdir(parents=True)
        if broken:
            (base / name / "broken").touch()


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


def until(found, seconds=20.0):
    """Wait for what another thread does; fail when it does not."""
    end = time.monotonic() + seconds
    while not found():
        assert time.monotonic() < end
        time.sleep(0.01)


def test_models_and_configurations_are_taken_up_without_a_restart(tmp_path, tiny_versions):
    def write(*kinds):
        entries = (f'config {{ name: "{kind}" base_path: "{tiny_versions[kind].folder.parent}" }}' for kind in kinds)
        (tmp_path / "new").write_text(f"model_config_list {{ {' '.join(entries)} }}")
        (tmp_path / "new").rename(tmp_path / "models.config")

    write("plain")
    with live(model_config_file=tmp_path / "models.config") as where:
        assert where.models == 1
        write("plain", "history")
        until(lambda: ask(where, "GET", "/v1/models/history").status == 200)
        until(lambda: predict(where, "history", {"instances": ["1"]}).status == 200)
        (tmp_path / "models.config").write_text("model_config_list {")
        write("history")
        until(lambda: predict(where, "plain", {"instances": ["1"]}).status == 404)
        assert predict(where, "history", {"instances": ["1"]}).status == 200


def test_a_base_path_that_is_an_address_is_told_once_and_the_rest_is_served(tmp_path, tiny_versions):
    entries = f'config {{ name: "far" base_path: "gs://bucket/far" }} config {{ name: "m" base_path: "{tmp_path}/m" }}'
    (tmp_path / "models.config").write_text(f"model_config_list {{ {entries} }}")
    shutil.copytree(tiny_versions["plain"].folder, tmp_path / "m" / "1")
    with process("--model-config-file", str(tmp_path / "models.config")) as (running, where):
        assert predict(where, "m", {"instances": ["1"]}).status == 200
        assert predict(where, "far", {"instances": ["1"]}).status == 404
        shutil.copytree(tiny_versions["plain"].folder, tmp_path / "m" / "2")  # taken up, so several polls later
        until(lambda: b"AVAILABLE" in ask(where, "GET", "/v1/models/m/versions/2").body)
        running.terminate()
        log = running.communicate(timeout=30)[1]
    told = [line for line in log.splitlines() if "far" in line]
    assert len(told) == 1
    assert "model far is not served: gs://bucket/far is no folder of this machine" in told[0]


def test_twenty_thousand_requests_over_a_switch_and_back_are_all_answered_whole(tmp_path, tiny_versions):
    base = tmp_path / "m"
    base.mkdir()
    versions = {1: tiny_versions["plain"].folder, 2: tiny_versions["user_biases"].folder}
    shutil.copytree(versions[1], base / "1")
    users = [str(user) for user in range(1, 9)]
    body = json.dumps({"instances": users})
    with live(models=tmp_path) as where:
        expected = {1: predict(where, "m", body).body}
        shutil.copytree(versions[2], tmp_path / "staged")
        seen: list[bytes] = []
        clients = [threading.Thread(target=hammer, args=(where, body, 2500, seen)) for _ in range(8)]
        for client in clients:
            client.start()
        until(lambda: len(seen) > 4000, 120)
        (tmp_path / "staged").rename(base / "2")
        until(lambda: ask(where, "GET", "/v1/models/m/versions/1").json["model_version_status"][0]["state"] == "END")
        expected[2] = predict(where, "m", body).body
        until(lambda: len(seen) > 10_000, 120)
        os.rename(base / "2", tmp_path / "withdrawn")
        until(lambda: ask(where, "GET", "/v1/models/m/versions/2").json["model_version_status"][0]["state"] == "END")
        for client in clients:
            client.join(60)
    assert len(seen) == 20_000
    assert set(seen) == set(expected.values())
    assert expected[1] != expected[2]


def hammer(where, body, times, seen):
    """Ask on one connection; what is not a whole answer is kept as what it was."""
    import http.client

    connection = http.client.HTTPConnection(where.host, where.rest_port, timeout=20)
    for _ in range(times):
        connection.request("POST", "/v1/models/m:predict", body)
        reply = connection.getresponse()
        answer = reply.read()
        seen.append(answer if reply.status == 200 else b"%d %b" % (reply.status, answer))
    connection.close()


def graphs():
    return [one for one in gc.get_objects() if type(one) is tf.Graph]


def test_the_tensorflow_graph_of_an_unloaded_version_goes_without_waiting_for_the_collectors_turn(
    tiny_version, tmp_path
):
    load = partial(engine.load, engine="tensorflow")
    shutil.copytree(tiny_version.folder, tmp_path / "m" / "1")
    repository = Repository(from_folder(tmp_path), load, poll_seconds=0.05)
    others = graphs()
    gc.disable()  # its turn comes after so many objects, not after so many bytes
    try:
        repository.start().result(60)
        held = [weakref.ref(one) for one in graphs() if not any(one is other for other in others)]
        assert held
        shutil.copytree(tiny_version.folder, tmp_path / "coming")
        (tmp_path / "coming").rename(tmp_path / "m" / "2")
        end = time.monotonic() + 30
        while any(one() is not None for one in held):
            assert time.monotonic() < end, "the graph of version 1 is still there"
            time.sleep(0.1)
        assert repository.now.find("m").version == 2
    finally:
        gc.enable()
        repository.stop()
