"""Several workers behind one `triptych serve`: they share its ports, are replaced, and end with it."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from contextlib import contextmanager, suppress

import psutil
import pytest
from live import ask, metric, predict, process

BODY = {"instances": ["1"]}


def models(tiny_version):
    return str(tiny_version.folder.parent.parent)


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
