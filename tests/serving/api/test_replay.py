"""Every exchange recorded from TensorFlow Serving, replayed against both engines by the recorder's own program."""

from __future__ import annotations

import runpy

import pytest
from live import DATA, live, write_config


@pytest.fixture(scope="module", params=["tensorflow", "onnx twin"])
def server(request, tmp_path_factory):
    folder = DATA / "conformance" if request.param == "tensorflow" else request.getfixturevalue("conformance_twin")
    config = write_config(tmp_path_factory.mktemp("config"), folder)
    with live(model_config_file=config, engine="tensorflow" if request.param == "tensorflow" else "auto") as where:
        yield where


@pytest.mark.filterwarnings("ignore:unclosed")  # the program leaves files and sockets to the end of its process
@pytest.mark.parametrize("protocol", ["rest", "grpc"])
def test_every_recorded_exchange_agrees(server, protocol, monkeypatch, capsys):
    target = {"rest": f"http://127.0.0.1:{server.rest_port}", "grpc": f"127.0.0.1:{server.grpc_port}"}[protocol]
    rows = DATA / f"{protocol}.jsonl"
    monkeypatch.setattr("sys.argv", ["replay.py", protocol, target, str(rows)])
    differs = runpy.run_path(str(DATA / "replay.py"))["main"]()
    count = len(rows.read_text(encoding="utf-8").splitlines())
    assert (differs, capsys.readouterr().out) == (False, f"agree {count} of {count}\n")
