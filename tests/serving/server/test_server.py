"""`triptych serve` as people run it: the line it prints, signals, workers, metrics, logs, and what it refuses."""

from __future__ import annotations

import http.client
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from contextlib import ExitStack, contextmanager, suppress
from datetime import datetime

import grpc
import psutil
import pytest
from command import triptych
from live import ask, live, predict, process

from serving.client.client import Client
from serving.server.server import Ready

BODY = {"instances": ["1"]}


def models(tiny_version):
    return str(tiny_version.folder.parent.parent)


def has_ipv6():
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        return False
    return True


def failing(*arguments):
    command = [sys.executable, "-m", "export.cli", "serve", *arguments]
    result = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    return result.returncode, result.stderr.splitlines()[-1]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_lets_the_request_in_flight_finish_and_takes_no_other(tiny_version, number):
    body = json.dumps({"instances": ["1", "2"] * 40_000}).encode()
    path, told = "/v1/models/plain:predict", b"HTTP/1.1 100 Continue\r\n\r\n"
    with process("--models", models(tiny_version)) as (running, where):
        connection = http.client.HTTPConnection(where.host, where.rest_port, timeout=30)
        connection.putrequest("POST", path)
        connection.putheader("Content-Length", str(len(body)))
        connection.putheader("Expect", "100-continue")
        connection.endheaders()
        assert connection.sock.recv(len(told), socket.MSG_WAITALL) == told  # it is in flight
        running.send_signal(number)
        connection.send(body)
        assert len(json.loads(connection.getresponse().read())["predictions"]) == 80_000
        connection.close()
        assert running.wait(20) == 0
        with pytest.raises(ConnectionRefusedError):
            ask(where, "GET", "/v1/models/plain")


@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_signal_while_models_are_loaded_ends_it_before_the_next_load_and_serves_nobody(
    tiny_version, tmp_path, workers
):
    many = 400
    for number in range(many):
        (tmp_path / f"m{number}").symlink_to(tiny_version.folder.parent)
    command = [sys.executable, "-m", "export.cli", "serve", "--rest-port", "0", "--grpc-port", "0"]
    command += ["--models", str(tmp_path), "--workers", workers]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as running:
        try:
            log = ""
            while "loaded in" not in log:
                log += (line := running.stderr.readline())
                assert line, log
            running.send_signal(signal.SIGTERM)
            out, more = running.communicate(timeout=60)
        finally:
            running.kill()
    assert (running.returncode, out) == (0, "")
    assert (log + more).count("loaded in") < many
    assert "Traceback" not in more


@contextmanager
def starting_workers(tiny_version):
    """Start two workers, in a group of processes of their own, as a shell does; give the process and the workers."""
    command = [sys.executable, "-m", "export.cli", "serve", "--rest-port", "0", "--grpc-port", "0", "--workers", "2"]
    command += ["--models", models(tiny_version)]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True, start_new_session=True) as running:
        try:
            end, found = time.monotonic() + 60, []
            while len(found) < 2:
                assert time.monotonic() < end
                time.sleep(0.01)
                children = psutil.Process(running.pid).children()
                found = [child for child in children if any("spawn_main" in word for word in child.cmdline())]
            yield running, found
        finally:
            with suppress(ProcessLookupError):
                os.killpg(running.pid, signal.SIGKILL)


@pytest.mark.parametrize("seconds", [0, 0.1, 0.2, 0.4, 0.8])
def test_ctrl_c_while_workers_start_ends_them_without_a_word(tiny_version, seconds):
    with starting_workers(tiny_version) as (running, _):
        time.sleep(seconds)  # wherever they are by then
        os.killpg(running.pid, signal.SIGINT)
        _, log = running.communicate(timeout=60)
    assert running.returncode == 0
    assert "Traceback" not in log
    assert "triptych:" not in log


def test_a_worker_that_dies_before_it_answers_is_told_at_once_and_as_what_it_is(tiny_version):
    with starting_workers(tiny_version) as (running, found):
        first = min(found, key=lambda child: child.pid)
        first.kill()
        _, log = running.communicate(timeout=60)
    assert running.returncode == 1
    assert log.splitlines()[-1] == f"triptych: worker {first.pid} ended with status -9 before it answered"


def test_several_workers_share_the_ports_and_one_that_dies_is_replaced(tiny_version, tmp_path):
    monitoring = tmp_path / "monitoring"
    monitoring.write_text("prometheus_config { enable: true }")
    options = ("--models", models(tiny_version), "--workers", "2", "--monitoring-config-file", str(monitoring))
    with process(*options) as (running, where):
        workers = children(running)
        assert len(workers) == 2
        answers = [predict(where, "plain", BODY) for _ in range(40)]
        assert {answer.status for answer in answers} == {200}
        assert len({answer.body for answer in answers}) == 1
        assert metric(where, ":tensorflow:serving:request_count", model_name="plain", status="OK") == 40
        which = {"model": "plain", "version": "1", "signature": "serving_default", "entrypoint": "REST"}
        assert metric(where, "triptych_requests_total", **which, status="OK") == 40
        # Not with what multiprocessing keeps beside the workers, some 12 MB.
        resident = sum(worker.memory_info().rss for worker in workers)
        text = ask(where, "GET", "/monitoring/prometheus/metrics").body.decode()
        told = float(re.search(r"^triptych_resident_bytes (\S+)$", text, re.MULTILINE)[1])
        assert abs(told - resident) < 6e6
        workers[0].kill()
        end = time.monotonic() + 30
        while len([one for one in children(running) if one.pid != workers[0].pid]) < 2:
            assert time.monotonic() < end
            time.sleep(0.05)
        while predict_or_none(where) != 200:
            assert time.monotonic() < end
        running.send_signal(signal.SIGTERM)
        assert running.wait(30) == 0
        assert all(map(gone, workers))


def test_workers_end_when_their_parent_is_killed(tiny_version):
    with process("--models", models(tiny_version), "--workers", "2") as (running, _):
        workers = children(running)
        running.kill()
        end = time.monotonic() + 20
        while not all(map(gone, workers)):
            assert time.monotonic() < end
            time.sleep(0.05)


def children(running):
    found = []
    for one in psutil.Process(running.pid).children():
        with suppress(psutil.NoSuchProcess, psutil.ZombieProcess):
            if "spawn_main" in " ".join(one.cmdline()):
                found.append(one)
    return found


def gone(process):
    try:
        return process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def predict_or_none(where):
    try:
        return predict(where, "plain", BODY).status
    except OSError:
        return None


def metric(where, name, **labels):
    text = ask(where, "GET", "/monitoring/prometheus/metrics").body.decode()
    for line in text.splitlines():
        match = re.fullmatch(r"(\S+?)\{(.*)\} (\S+)", line)
        if match and match[1] == name and dict(re.findall(r'(\w+)="([^"]*)"', match[2])) == labels:
            return float(match[3])
    return None


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


def test_a_port_that_is_taken_is_one_sentence(tiny_version):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        for workers in ("1", "2"):
            options = ("--models", models(tiny_version), "--workers", workers)
            for taken_by, other in (("--rest-port", "--grpc-port"), ("--grpc-port", "--rest-port")):
                status, line = failing(*options, taken_by, str(port), other, "0")
                assert status == 1
                assert line.startswith(f"triptych: cannot listen on 127.0.0.1:{port}: ")
                assert line.rstrip().endswith(f"another port is {taken_by} 0")


@pytest.mark.parametrize(
    "arguments", [("serve", "--rest-port"), ("serve", "--grpc-port"), ("explore", "--port")], ids=" ".join
)
@pytest.mark.parametrize("port", ["65536", "70000", "-1"])
def test_what_is_no_port_is_refused_and_nothing_listens_on_what_is_left_of_it(arguments, port):
    refused = triptych(*arguments, port)
    assert refused.returncode == 2
    assert f"{port} is not in the range 0<=x<=65535" in refused.stderr


@pytest.mark.skipif(not has_ipv6(), reason="this machine has no IPv6 loopback")
@pytest.mark.parametrize("workers", ["1", "2"])
def test_an_ipv6_address_is_served_over_both_ways_and_told_as_it_is_to_be_asked(tiny_version, workers):
    arguments = ("--models", models(tiny_version), "--host", "::1", "--workers", workers)
    with process(*arguments) as (_, where), ExitStack() as opened:
        for server in (f"http://[::1]:{where.rest_port}", f"grpc://[::1]:{where.grpc_port}"):
            client = opened.enter_context(Client(server, model="plain"))
            assert len(client.recommend(["1"])[0].items) == 10
    told = str(Ready(models=1, host="::1", rest_port=1, grpc_port=2))
    assert told == "serving 1 model on http://[::1]:1 (REST) and [::1]:2 (gRPC)"


@pytest.mark.parametrize("workers", ["1", "2"])
@pytest.mark.parametrize(
    ("host", "shown"), [("a..b", "a..b:0"), ("nobody.invalid", "nobody.invalid:0"), ("2001:db8::1", "[2001:db8::1]:0")]
)
def test_a_host_that_is_not_this_machines_is_one_sentence(tiny_version, host, shown, workers):
    arguments = ("--models", models(tiny_version), "--rest-port", "0", "--grpc-port", "0", "--workers", workers)
    status, line = failing(*arguments, "--host", host)
    assert status == 1
    assert line.startswith(f"triptych: cannot listen on {shown}: ")


def test_nothing_to_serve_is_one_sentence_that_names_the_command(tmp_path):
    missing = failing("--models", str(tmp_path / "none"), "--rest-port", "0", "--grpc-port", "0")
    assert missing == (1, f"triptych: no models folder at {tmp_path / 'none'}: `triptych train` makes one")
    (tmp_path / "empty").mkdir()
    help_ = "expected a models folder: `triptych train` puts one into models/<model>/"
    empty = failing("--models", str(tmp_path), "--rest-port", "0", "--grpc-port", "0")
    assert empty == (1, f"triptych: nothing to serve: {tmp_path} holds no version, {help_}")


def test_no_leak_of_connections_or_memory_over_many_odd_requests(tiny_version):
    with process("--models", models(tiny_version)) as (running, where):
        watched = psutil.Process(running.pid)
        odd = ['{"instances": [NaN, 1e5]}', '{"a": ' * 500, '{"instances": ["1"], "x": {"y": [1, 2]}}', "x" * 50_000]

        def round_of_requests():
            for path in range(300):
                ask(where, "GET", f"/v1/models/{path}/{os.urandom(8).hex()}")
                predict(where, "plain", odd[path % len(odd)])

        threads = [threading.Thread(target=round_of_requests) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        before = watched.memory_info().rss
        round_of_requests()
        round_of_requests()
        assert watched.memory_info().rss - before < 10 << 20
        assert json.loads(predict(where, "plain", BODY).body)["predictions"]
