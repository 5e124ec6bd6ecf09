"""What others choose, names and words, reaches a terminal or a log as text, whatever it holds."""

from __future__ import annotations

import re
import shutil
import signal
import subprocess
import sys

import grpc
import pytest
from live import ask, process
from standin import RefusedError, stand_in

from serving.printable import printable, word
from serving.proto import serving_pb2

FORGED = "m\n2026-11-24 03:35:00,000 INFO triptych.access: REST predict model=m status=OK\x1b[31m\u202e\x9b"
RECORD = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3} [A-Z]+ [\w.]+: ")


def run(*arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "export.cli", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)


def nothing_but_lines(text: str) -> None:
    assert [char for char in set(text) if char != "\n" and not char.isprintable()] == []


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Amélie (2001), 映画 [/x]", "Amélie (2001), 映画 [/x]"),
        ("a\nb\r\tc\0", r"a\nb\r\tc\x00"),
        ("\x1b[31m\x9b\x7f", r"\x1b[31m\x9b\x7f"),
        ("\u202eevil\u2066\u2028", r"\u202eevil\u2066\u2028"),
        ("\udcff\ud800", r"\udcff\ud800"),
        ("می\u200cرود\xa0", "می\u200cرود\xa0"),
    ],
)
def test_what_does_not_show_is_written_as_its_escape_and_nothing_else_is_changed(text, shown):
    assert printable(text) == shown


def test_a_word_holds_no_space():
    assert word("m status=OK\n") == r"m\x20status=OK\n"


def test_recommend_prints_an_item_as_text_and_an_error_as_one_line():
    def hostile(signature, inputs):
        if inputs["user_id"] == ["7"]:
            raise RefusedError(400, "INVALID_ARGUMENT", FORGED)
        return {"item": [["[/x]", FORGED]], "score": [[2.0, 1.0]], "known": [True]}

    with stand_in() as server:
        server.answer = hostile
        table = run("recommend", "--user", "[/42]\x1b", "--model", "two_tower", "--url", server.rest)
        error = run("recommend", "--user", "7", "--model", "two_tower", "--url", server.rest)
    assert (table.returncode, table.stderr) == (0, "")
    nothing_but_lines(table.stdout)
    assert "[/x]" in table.stdout
    assert r"user [/42]\x1b" in table.stdout
    assert (error.returncode, error.stderr.count("\n")) == (1, 1)
    nothing_but_lines(error.stderr)


def test_no_name_can_forge_a_line_of_the_log(tiny_version, tmp_path):
    shutil.copytree(tiny_version.folder, tmp_path / "m" / "1")
    (tmp_path / FORGED / "1").mkdir(parents=True)  # a model that does not load, so that it is logged
    spec = serving_pb2.PredictRequest(model_spec={"name": FORGED, "signature_name": FORGED})
    with process("--models", str(tmp_path), "--access-log") as (running, where):
        assert ask(where, "POST", "/v1/models/m%20status=OK%0A%1B%ff:predict", "{}").status == 404
        assert ask(where, "POST", "/v1/models/m:predict", '{"instances": ["1"]}').status == 200
        with grpc.insecure_channel(f"127.0.0.1:{where.grpc_port}") as channel, pytest.raises(grpc.RpcError):
            channel.unary_unary("/tensorflow.serving.PredictionService/Predict")(spec.SerializeToString(), timeout=20)
        running.send_signal(signal.SIGTERM)
        log = running.communicate(timeout=30)[1]
    nothing_but_lines(log)
    assert [line for line in log.splitlines() if not RECORD.match(line)] == []
    assert r"model=m\x20status=OK\n\x1b\udcff version= signature= status=NOT_FOUND" in log
    assert log.count("status=OK ms=") == 1
    assert "attempt 1: " in log
