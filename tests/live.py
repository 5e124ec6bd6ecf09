"""A real server for tests: the whole of serving.server on free ports, in a thread or a process of its own."""

from __future__ import annotations

import asyncio
import http.client
import json
import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
import uvloop

from serving.server import server
from serving.server.server import Config, Ready

DATA = Path(__file__).parent / "data" / "tfs"

CONFORMANCE = """model_config_list {{ config {{
  name: "conformance" base_path: "{folder}" model_platform: "tensorflow"
  model_version_policy {{ specific {{ versions: 1 versions: 2 }} }}
  version_labels {{ key: "stable" value: 1 }} version_labels {{ key: "canary" value: 2 }}
}} }}"""


@contextmanager
def live(**options: Any) -> Iterator[Ready]:
    """Serve in a thread, with what is given in place of Config's defaults; end and check that it ended well."""
    config = Config(**{"rest_port": 0, "grpc_port": 0, "poll_seconds": 0.05} | options)
    started: list[Ready] = []
    failed: list[BaseException] = []
    up, loop = threading.Event(), uvloop.new_event_loop()
    ending = asyncio.Event()

    def ready(where: Ready) -> None:
        started.append(where)
        up.set()

    def run() -> None:
        try:
            loop.run_until_complete(server.serve(config, ready, ending))
        except BaseException as error:  # told to the test
            failed.append(error)
        finally:
            loop.run_until_complete(loop.shutdown_default_executor())
            loop.close()
            up.set()

    thread = threading.Thread(target=run)
    thread.start()
    up.wait(120)
    try:
        if not started:
            thread.join(10)
            raise failed[0]
        yield started[0]
    finally:
        if not loop.is_closed():
            loop.call_soon_threadsafe(ending.set)
        thread.join(30)
    assert not failed
    assert not thread.is_alive()


@contextmanager
def process(*arguments: str) -> Iterator[tuple[subprocess.Popen[str], Ready]]:
    """Run `triptych serve` as people do, on free ports."""
    command = [sys.executable, "-m", "export.cli", "serve", "--rest-port", "0", "--grpc-port", "0", *arguments]
    running = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        line = running.stdout.readline() if running.stdout else ""
        words = line.split()
        assert words[:1] == ["serving"], line + (running.communicate(timeout=10)[1] if not line else "")
        rest, rpc = (words[index].rsplit(":", 1)[1] for index in (4, 7))
        yield running, Ready(models=int(words[1]), host="127.0.0.1", rest_port=int(rest), grpc_port=int(rpc))
    finally:
        if running.poll() is None:
            running.kill()
        running.communicate(timeout=20)


@contextmanager
def explore(*arguments: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Run the command as people do, on a free port; gives its process and the page's address."""
    command = [sys.executable, "-m", "export.cli", "explore", "--no-open", "--port", "0", *arguments]
    environment = os.environ | {"PYTHONUNBUFFERED": "1"}
    running = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment)
    try:
        line = running.stdout.readline() if running.stdout else ""
        assert line.startswith("the page is at http://"), line + (
            running.communicate(timeout=20)[1] if not line else ""
        )
        yield running, line.split()[4].rstrip("/")
    finally:
        running.terminate()
        try:
            running.communicate(timeout=120)
        finally:
            running.kill()
            running.wait()


def ask_page(address: str, path: str, *, method: str = "GET", body: bytes | None = None, **headers: str):
    """Send one request to the process behind the page, on a connection of its own; status, headers and body."""
    connection = http.client.HTTPConnection(address.removeprefix("http://"), timeout=20)
    try:
        connection.request(method, path, body, {name.replace("_", "-"): value for name, value in headers.items()})
        reply = connection.getresponse()
        return reply.status, reply.headers, reply.read()
    finally:
        connection.close()


@dataclass
class Answer:
    """An HTTP answer."""

    status: int
    kind: str | None
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def error(self) -> str:
        return json.loads(self.body.decode("utf-8", "replace"))["error"]


def ask(
    where: Ready, method: str, path: str, body: bytes | str | None = None, headers: dict[str, str] | None = None
) -> Answer:
    """Send one request on a connection of its own."""
    connection = http.client.HTTPConnection(where.host, where.rest_port, timeout=20)
    try:
        connection.request(method, path, body.encode() if isinstance(body, str) else body, headers or {})
        reply = connection.getresponse()
        return Answer(reply.status, reply.getheader("Content-Type"), reply.read())
    finally:
        connection.close()


def predict(where: Ready, model: str, request: Any, version: int | None = None) -> Answer:
    """Send one predict request, given as text, bytes or what becomes JSON."""
    which = "" if version is None else f"/versions/{version}"
    body = request if isinstance(request, bytes | str) else json.dumps(request)
    return ask(where, "POST", f"/v1/models/{model}{which}:predict", body)


def refusal(call: grpc.UnaryUnaryMultiCallable, message: Any) -> tuple[str, str]:
    """Make a gRPC call that is to be refused; give the code's name and the details."""
    try:
        answer = call(message, timeout=20)
    except grpc.RpcError as error:
        return error.code().name, error.details()
    raise AssertionError(f"it was answered: {answer}")


def metric(where: Ready, name: str, **labels: str) -> float | None:
    """Read what one metric stands at, with just these labels; None where there is no such."""
    text = ask(where, "GET", "/monitoring/prometheus/metrics").body.decode()
    for line in text.splitlines():
        match = re.fullmatch(r"(\S+?)\{(.*)\} (\S+)", line)
        if match and match[1] == name and dict(re.findall(r'(\w+)="([^"]*)"', match[2])) == labels:
            return float(match[3])
    return None


def write_config(folder: Path, base_path: Path) -> Path:
    """Write the model configuration that the transcripts were recorded with."""
    file = folder / "models.config"
    file.write_text(CONFORMANCE.format(folder=base_path))
    return file
