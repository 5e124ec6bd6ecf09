"""`triptych serve` as people run it: what signals end, the addresses it takes, and what it refuses."""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import threading
from contextlib import ExitStack

import psutil
import pytest
from command import triptych
from live import ask, predict, process

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
