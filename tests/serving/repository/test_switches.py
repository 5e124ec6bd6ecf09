"""Versions, models and configurations are switched while a server answers: no restart, no lost answer, no leak."""

from __future__ import annotations

import gc
import json
import os
import shutil
import socket
import threading
import time
import weakref
from functools import partial

import pytest
import tensorflow as tf
from live import ask, live, predict, process

from serving.engines import engine
from serving.repository.model_sources import from_folder
from serving.repository.repository import Repository


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


@pytest.mark.untraced
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
    """Ask on one connection; what is not a whole answer is kept as what it was.

    By hand: http.client takes as long for a request as the server does.
    """
    head = f"POST /v1/models/m:predict HTTP/1.1\r\nHost: {where.host}\r\nContent-Length: {len(body)}\r\n\r\n"
    request = (head + body).encode()
    with (
        socket.create_connection((where.host, where.rest_port), 20) as connection,
        connection.makefile("rb") as replies,
    ):
        for _ in range(times):
            connection.sendall(request)
            status = replies.readline()
            fields = dict(line.lower().split(b": ", 1) for line in iter(replies.readline, b"\r\n"))
            answer = replies.read(int(fields[b"content-length"]))
            seen.append(answer if status.split()[1] == b"200" else status + answer)


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
