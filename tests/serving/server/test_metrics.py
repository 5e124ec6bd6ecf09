"""What a running server tells those who watch it: metrics, access lines, and what it leaves out."""

from __future__ import annotations

import json
import os
import re
import shutil
import time
from datetime import datetime

import grpc
import pytest
from live import ask, live, metric, predict, process

BODY = {"instances": ["1"]}


def models(tiny_version):
    return str(tiny_version.folder.parent.parent)


def test_metrics_have_tensorflow_servings_names_and_access_lines_say_what_was_asked(tiny_version, tmp_path):
    monitoring = tmp_path / "monitoring"
    monitoring.write_text('prometheus_config { enable: true path: "/metrics" }')
    options = ("--models", models(tiny_version), "--monitoring-config-file", str(monitoring), "--access-log")
    with process(*options) as (running, where):
        assert predict(where, "plain", BODY).status == 200
        assert predict(where, "plain", {"instances": 5}).status == 400
        assert predict(where, "none", BODY).status == 404
        with grpc.insecure_channel(f"127.0.0.1:{where.grpc_port}") as channel, pytest.raises(grpc.RpcError):
            channel.unary_unary("/tensorflow.serving.PredictionService/Predict")(b"\xff", timeout=20)
        answer = ask(where, "GET", "/metrics")
        assert (answer.status, answer.kind) == (200, "text/plain")
        text = answer.body.decode()
        assert ':tensorflow:serving:request_count{model_name="plain",status="OK"} 1.0' in text
        assert ':tensorflow:serving:request_count{model_name="plain",status="INVALID_ARGUMENT"} 1.0' in text
        assert "# TYPE :tensorflow:serving:request_count counter" in text
        assert "# TYPE :tensorflow:serving:request_latency histogram" in text
        assert (
            ':tensorflow:serving:request_latency_count{API="predict",entrypoint="REST",model_name="plain"} 1.0' in text
        )
        folder = tiny_version.folder.parent.parent / "plain" / "1"
        loads = f':tensorflow:cc:saved_model:load_attempt_count{{model_path="{folder}",status="success"}} 1.0'
        assert loads in text
        assert ask(where, "GET", "/metrics?x").body == b"Unexpected path: /metrics?x. Should be /metrics"
        assert ask(where, "GET", "/monitoring/prometheus/metrics").status == 404
        running.terminate()
        log = running.communicate(timeout=30)[1]
    lines = [line.split("triptych.access: ")[1] for line in log.splitlines() if "triptych.access" in line]
    assert [re.sub(r"ms=[\d.]+$", "ms=?", line) for line in lines] == [
        "REST predict model=plain version=1 signature=serving_default status=OK ms=?",
        "REST predict model=plain version=1 signature=serving_default status=INVALID_ARGUMENT ms=?",
        "REST predict model=none version= signature= status=NOT_FOUND ms=?",
        "GRPC predict model= version= signature= status=INVALID_ARGUMENT ms=?",
    ]


def test_metrics_know_signatures_batches_loads_and_memory_and_nothing_that_callers_made_up(tiny_version, tmp_path):
    for number in ("1", "2"):
        shutil.copytree(tiny_version.folder, tmp_path / "m" / number)
    monitoring = tmp_path / "monitoring"
    monitoring.write_text("prometheus_config { enable: true }")
    with live(models=tmp_path, monitoring_config_file=monitoring) as where:
        recommend = {"user_id": ["1", "2"], "k": [2, 2], "exclude": [[""]] * 2, "unseen": [False] * 2}
        for _ in range(3):
            assert predict(where, "m", {"signature_name": "recommend", "inputs": recommend}).status == 200
        assert predict(where, "m", {"signature_name": "recommend", "inputs": {**recommend, "k": [0, 1]}}).status == 400
        for wrong in ("m", "made-up"):
            assert predict(where, wrong, {"signature_name": "made-up", "instances": ["1"]}).status in (400, 404)
        which = {"model": "m", "version": "2", "signature": "recommend"}
        asked = {**which, "entrypoint": "REST"}
        assert metric(where, "triptych_requests_total", **asked, status="OK") == 3
        assert metric(where, "triptych_requests_total", **asked, status="INVALID_ARGUMENT") == 1
        assert metric(where, "triptych_request_seconds_count", **asked) == 3
        assert metric(where, "triptych_batch_rows_sum", **which) == 8
        assert metric(where, "triptych_batch_requests_count", **which) == 4
        assert metric(where, "triptych_waiting_seconds_count", **which) == 4
        assert metric(where, "triptych_loaded", model="m", version="2") == 1
        assert metric(where, "triptych_loads_total", model="m", version="2", status="success") == 1
        assert metric(where, "triptych_load_seconds_count", model="m") == 1
        text = ask(where, "GET", "/monitoring/prometheus/metrics").body.decode()
        assert "made-up" not in text
        assert float(re.search(r"^triptych_resident_bytes (\S+)$", text, re.MULTILINE)[1]) > 10e6
        shutil.copytree(tiny_version.folder, tmp_path / "staged")
        (tmp_path / "staged").rename(tmp_path / "m" / "3")
        end = time.monotonic() + 30
        while metric(where, "triptych_unloads_total", model="m", version="2") != 1:
            assert time.monotonic() < end
            time.sleep(0.05)
        assert metric(where, "triptych_loaded", model="m", version="2") is None


def test_a_folder_whose_name_is_no_text_is_left_out_and_told_once_and_nothing_else_suffers(
    tiny_version, tmp_path, caplog
):
    for name in (b"caf\xe9", b"caf\xc3\xa9"):
        shutil.copytree(os.fsencode(tiny_version.folder), os.path.join(os.fsencode(tmp_path), name, b"1"))
    monitoring = tmp_path / "monitoring"
    monitoring.write_text("prometheus_config { enable: true }")
    with live(models=tmp_path, monitoring_config_file=monitoring) as where:
        assert where.models == 1
        assert predict(where, "caf%C3%A9", BODY).status == 200
        assert predict(where, "caf%E9", BODY).status == 404
        assert metric(where, "triptych_loaded", model="café", version="1") == 1
        time.sleep(0.2)  # some polls
    assert [line for line in caplog.messages if "no UTF-8" in line] == [
        rf"{tmp_path}/caf\udce9 is not served: its name is no UTF-8, expected one a request can name"
    ]


def test_access_lines_are_json_if_asked_whatever_callers_put_into_names(tiny_version):
    with process("--models", models(tiny_version), "--access-log", "json") as (running, where):
        assert predict(where, "plain", BODY).status == 200
        assert predict(where, "a%0Ab%22", BODY).status == 404
        running.terminate()
        log = running.communicate(timeout=30)[1]
    lines = [json.loads(line) for line in log.splitlines() if line.startswith("{")]
    assert all(line.pop("ms") > 0 and datetime.fromisoformat(line.pop("time")) for line in lines)
    common = {"entrypoint": "REST", "api": "predict"}
    assert lines == [
        {**common, "model": "plain", "version": 1, "signature": "serving_default", "status": "OK"},
        {**common, "model": 'a\nb"', "version": None, "signature": "", "status": "NOT_FOUND"},
    ]
