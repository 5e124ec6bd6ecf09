"""A pipe in a version, from which nothing ever comes: told, and held up by neither it nor a link that has no end."""

from __future__ import annotations

import os
import signal
import time

import pytest
from live import ask, predict, process

from serving.engines import engine
from serving.errors import Failure
from serving.version import regular_files
from serving.version.regular_files import check_regular

BODY = b'{"instances": ["1"]}'


def test_a_pipe_in_a_version_is_told_and_holds_up_neither_reloads_nor_the_end(tiny_version, tmp_path):
    import shutil

    (tmp_path / "good").mkdir()
    shutil.copytree(tiny_version.folder, tmp_path / "good" / "1")
    (tmp_path / "bad" / "1").mkdir(parents=True)
    os.mkfifo(tmp_path / "bad" / "1" / "saved_model.pbtxt")
    with pytest.raises(Failure, match=r"saved_model.pbtxt is a pipe, a socket or a device"):
        engine.load("bad", 1, tmp_path / "bad" / "1")
    with process("--models", str(tmp_path)) as (running, where):
        assert predict(where, "good", BODY).status == 200
        assert ask(where, "GET", "/v1/models/bad").json["model_version_status"][0]["state"] == "LOADING"
        shutil.copytree(tiny_version.folder, tmp_path / "coming")
        (tmp_path / "coming").rename(tmp_path / "good" / "2")
        end = time.monotonic() + 20
        while predict(where, "good", BODY, version=2).status != 200:
            assert time.monotonic() < end
            time.sleep(0.1)
        running.send_signal(signal.SIGTERM)
        assert running.wait(20) == 0


def test_a_pipe_behind_a_link_is_told_and_a_link_back_or_to_a_whole_disk_is_not_followed_for_ever(
    tmp_path, monkeypatch
):
    (tmp_path / "elsewhere").mkdir()
    os.mkfifo(tmp_path / "elsewhere" / "recommend.onnx")
    (tmp_path / "linked").mkdir()
    (tmp_path / "linked" / "assets.extra").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(Failure, match=r"assets.extra/recommend.onnx is a pipe, a socket or a device"):
        check_regular(tmp_path / "linked")

    (tmp_path / "round" / "variables").mkdir(parents=True)
    (tmp_path / "round" / "variables" / "back").symlink_to(tmp_path / "round")
    check_regular(tmp_path / "round")

    monkeypatch.setattr(regular_files, "MOST_FILES", 100)
    (tmp_path / "many").mkdir()
    for number in range(101):
        (tmp_path / "many" / str(number)).touch()
    (tmp_path / "round" / "many").symlink_to(tmp_path / "many")
    with pytest.raises(Failure, match=r"round holds more than 100 files, or links to as many"):
        check_regular(tmp_path / "round")
