"""Every exchange recorded from TensorFlow Serving, replayed against both engines by the recorder's own program."""

from __future__ import annotations

import subprocess
import sys

import pytest
from live import DATA, live, write_config


@pytest.fixture(scope="module", params=["tensorflow", "onnx twin"])
def server(request, tmp_path_factory):
    folder = DATA / "conformance" if request.param == "tensorflow" else request.getfixturevalue("conformance_twin")
    config = write_config(tmp_path_factory.mktemp("config"), folder)
    with live(model_config_file=config, engine="tensorflow" if request.param == "tensorflow" else "auto") as where:
        yield where


@pytest.mark.parametrize("protocol", ["rest", "grpc"])
def test_every_recorded_exchange_agrees(server, protocol):
    target = {"rest": f"http://127.0.0.1:{server.rest_port}", "grpc": f"127.0.0.1:{server.grpc_port}"}[protocol]
    rows = DATA / f"{protocol}.jsonl"
    command = [sys.executable, str(DATA / "replay.py"), protocol, target, str(rows)]
    result = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    count = len(rows.read_text(encoding="utf-8").splitlines())
    assert result.stdout == f"agree {count} of {count}\n"
    assert result.returncode == 0
