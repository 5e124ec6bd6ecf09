"""Whatever comes from either side of the page: what no client of HTTP sends, no server answers, and no manifest is."""

from __future__ import annotations

import json
import signal
import socket
import struct
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest
from live import ask_page as ask
from live import explore

from serving.contract import MANIFEST
from serving.explore.page import Explorer
from serving.explore.upstream import Upstream


@contextmanager
def upstream(answers: dict[str, tuple[int, str]]) -> Iterator[str]:
    """Answer what is said for a path, 404 for any other."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, text = answers.get(self.path, (404, "{}"))
            self.send_response(status)
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text.encode())

        do_POST = do_GET  # noqa: N815 - http.server's name

        def log_message(self, *arguments: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


def raw(address: str, request: str) -> tuple[int, str]:
    """Send what no client of HTTP would; returns the status and what was said."""
    host = address.removeprefix("http://")
    with socket.create_connection(host.split(":"), timeout=20) as connection:
        connection.sendall(request.replace("HOST", f"Host: {host}").encode())
        head, _, body = connection.makefile("rb").read().partition(b"\r\n\r\n")
    return int(head.split()[1]), body.decode()


def test_whatever_comes_from_either_side_is_answered_and_the_terminal_stays_quiet():
    name = "/v1/models/m"
    status = '{"model_version_status": [{"version": Infinity, "state": "AVAILABLE"}]}'
    with (
        upstream({name: (520, "{}"), "/v1/models/inf": (200, status), "/v1/models/deep": (200, "[" * 200_000)}) as url,
        explore("--url", url, "--model", "inf", "--model", "deep") as (running, address),
    ):
        assert raw(address, f"GET {name} HTTP/1.1\r\nHOST\r\nConnection: close\r\n\r\n") == (520, "{}")
        assert raw(address, "GET http://[ HTTP/1.1\r\nHOST\r\n\r\n")[0] == 404
        assert raw(address, "GET / HTTP/1.1\r\nHost: [\r\n\r\n")[0] == 403
        length = f"Content-Length: {'9' * 5000}"
        assert raw(address, f"POST {name}:predict HTTP/1.1\r\n{length}\r\nHOST\r\n\r\n")[0] == 413
        states = json.loads(ask(address, "/api/state")[2])["models"]
        assert {model["words"] for model in states} == {
            "What answers there is no TensorFlow Serving: it does not tell a model's state."
        }
        for _ in range(5):
            with socket.create_connection(address.removeprefix("http://").split(":")) as gone:
                gone.sendall(b"GET /explore.js HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
                gone.recv(1)
                gone.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # a reset
        assert ask(address, "/")[0] == 200
        running.send_signal(signal.SIGTERM)
        assert running.communicate(timeout=20)[1] == ""


def test_a_password_in_the_address_is_used_and_shown_nowhere(unused_port):
    command = [sys.executable, "-u", "-m", "export.cli", "explore", "--no-open", "--port", "0", "--model", "m"]
    command += ["--url", f"http://me:secret@127.0.0.1:{unused_port}/"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as running:
        out = running.stdout.readline()
        state = ask(out.split()[4].rstrip("/"), "/api/state")[2].decode()
        err = running.stderr.readline()
        running.send_signal(signal.SIGTERM)
        err += running.communicate(timeout=20)[1]
    shown = f"http://127.0.0.1:{unused_port}"
    assert json.loads(state)["server"] == shown
    assert f"no server answers at {shown}: " in err
    assert [text for text in (out, err, state) if "secret" in text] == []


@pytest.mark.parametrize(
    ("manifest", "answer"),
    [
        ("[" * 200_000, "[1]"),
        ('{"contract": 1, "model": "m", "seed": NaN}', "3"),
        ('{"contract": 1, "a": "\\ud800"}', '[{"item": 3}]'),
        ("[]", '[{"item": [3, null, "a"]}]'),
    ],
    ids=["deep", "NaN", "half a character", "no object"],
)
def test_a_manifest_that_cannot_be_read_is_none_and_what_is_no_list_of_items_has_no_names(tmp_path, manifest, answer):
    (tmp_path / "m" / "1" / MANIFEST).parent.mkdir(parents=True)
    (tmp_path / "m" / "1" / MANIFEST).write_text(manifest)
    definition = {"metadata": {"signature_def": {"signature_def": {"recommend": {"inputs": {"k": {}}}}}}}
    answers = {
        "/v1/models/m": (200, '{"model_version_status": [{"version": "1", "state": "AVAILABLE"}]}'),
        "/v1/models/m/versions/1/metadata": (200, json.dumps(definition)),
        "/v1/models/m:predict": (200, f'{{"predictions": {answer}}}'),
    }
    with upstream(answers) as url:
        page = Explorer(upstream=Upstream(url), folder=tmp_path, given=())
        told = page.state()
        assert page.names.search("items", "a", limit=5)[0] in ([], ["a"])
    assert [(model["version"], model["manifest"]) for model in told["models"]] == [("1", None)]
    json.dumps(told, allow_nan=False, ensure_ascii=False).encode()
