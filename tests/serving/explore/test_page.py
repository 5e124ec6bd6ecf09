"""The process behind the page: whom it answers, what it passes on, and that nothing of it stays."""

from __future__ import annotations

import json
import re
import shutil
import signal
import socket
import subprocess
import sys
from importlib.resources import files
from pathlib import Path
from urllib.parse import quote

import psutil
import pytest
from live import ask_page as ask
from live import explore

from export.quality.plots import COLOURS, FURTHER
from serving.explore import own_server
from serving.explore.page import STATIC


def test_only_the_loopbacks_own_names_are_answered(page_at):
    port = page_at.rpartition(":")[2]
    for name in ("127.0.0.1", "localhost", "[::1]"):
        assert ask(page_at, "/", Host=f"{name}:{port}")[0] == 200
    for name in ("evil.example", "127.0.0.1.evil.example", "localhost.", "0.0.0.0", ""):
        status, _, body = ask(page_at, "/api/state", Host=f"{name}:{port}")
        assert (status, json.loads(body)) == (403, {"error": f"this page is at {page_at}/ only"})


def test_other_pages_cannot_ask_through_it(page_at):
    body = json.dumps({"instances": ["7"]}).encode()
    path = "/v1/models/two_tower:predict"
    assert ask(page_at, path, method="POST", body=body, Origin=page_at)[0] == 200
    for origin in ("http://evil.example", "null", "http://localhost:1"):
        assert ask(page_at, path, method="POST", body=body, Origin=origin)[0] == 403


def test_an_answer_comes_through_as_the_server_gave_it(page_at, server):
    for path, body in [
        ("/v1/models/two_tower:predict", b'{"instances": ["7"]}'),
        ("/v1/models/two_tower/versions/1:predict", b'{"instances": ["7"]}'),
        ("/v1/models/two_tower:predict", b"no JSON"),
        ("/v1/models/nope:predict", b'{"instances": ["7"]}'),
        ("/v1/models/two_tower", None),
        ("/v1/models/two_tower/metadata", None),
    ]:
        method = "GET" if body is None else "POST"
        through, direct = (ask(where, path, method=method, body=body) for where in (page_at, server))
        assert (through[0], through[2]) == (direct[0], direct[2])
    assert ask(page_at, "/v1/models/two_tower")[1]["Server-Timing"].startswith("server;dur=")


@pytest.mark.parametrize("path", ["/monitoring/prometheus/metrics", "/../../etc/passwd", "/v1/models/", "/explore.jsx"])
def test_nothing_else_of_the_server_or_the_machine_is_reached(page_at, path):
    assert ask(page_at, path)[0] == 404


def test_each_file_of_the_page_is_served_as_what_it_is(page_at):
    kinds = {".html": "text/html", ".css": "text/css", ".js": "text/javascript"}
    found = list((files("serving.explore") / "static").iterdir())
    assert {name for name, _ in STATIC.values()} == {file.name for file in found}
    for file in found:
        path = "/" if file.name == "index.html" else f"/{file.name}"
        status, headers, body = ask(page_at, path)
        assert (status, headers["Content-Type"]) == (200, f"{kinds[Path(file.name).suffix]}; charset=utf-8"), path
        assert body == file.read_bytes()


def test_the_colours_of_the_page_are_those_of_the_report():
    light = (files("serving.explore") / "static" / "explore.css").read_text().partition("@media")[0]
    own = dict(re.findall(r"--of-(\w+): (#\w{6});", light))
    assert own == COLOURS
    assert f"--further-0: {FURTHER};" in light


def test_a_body_that_is_too_large_is_refused_unread(page_at):
    assert ask(page_at, "/v1/models/two_tower:predict", method="POST", Content_Length=str(2**40))[0] == 413
    assert ask(page_at, "/v1/models/two_tower:predict", method="POST", Content_Length="-1")[0] == 413


def test_every_answer_forbids_what_is_not_the_pages_own(page_at):
    for path in ("/", "/explore.js", "/api/state", "/nothing"):
        headers = ask(page_at, path)[1]
        assert headers["Content-Security-Policy"].startswith("default-src 'none'; script-src 'self'")
        assert (headers["X-Content-Type-Options"], headers["Cache-Control"]) == ("nosniff", "no-store")


def test_names_come_from_the_version_items_by_popularity_users_by_number(page_at, tiny_interactions):
    counts = json.loads(ask(page_at, "/api/state")[2])["names"]
    assert (counts["items"], counts["users"]) == (len(tiny_interactions.items), len(tiny_interactions.users))
    found = json.loads(ask(page_at, "/api/search?kind=users&text=")[2])
    assert found == {"found": sorted(tiny_interactions.users, key=int), "total": len(tiny_interactions.users)}
    order = (-tiny_interactions.popularity()).argsort(kind="stable")
    found = json.loads(ask(page_at, "/api/search?kind=items&text=")[2])
    assert found["found"] == tiny_interactions.items[order].tolist()


@pytest.mark.parametrize(
    ("text", "first"), [("FILM 3 (1993)", "Film 3 (1993)"), ("amélie", "Amélie (2001)"), ("2001 amé", "Amélie (2001)")]
)
def test_search_finds_every_word_in_any_case_and_order(page_at, text, first):
    assert json.loads(ask(page_at, f"/api/search?kind=items&text={quote(text)}")[2])["found"][0] == first


def test_search_for_what_is_no_kind_is_one_sentence(page_at):
    status, _, body = ask(page_at, "/api/search?kind=passwords")
    assert (status, json.loads(body)) == (400, {"error": "kind 'passwords', expected items, users or tags"})


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_without_url_it_serves_the_folder_itself_and_leaves_nothing_running(folder, tmp_path, number):
    shutil.copytree(folder / "lightfm", tmp_path / "lightfm")
    with explore("--models", str(tmp_path)) as (running, address):
        models = json.loads(ask(address, "/api/state")[2])["models"]
        assert [model["name"] for model in models] == ["lightfm"]
        children = psutil.Process(running.pid).children(recursive=True)
        assert children
        running.send_signal(number)
        _, err = running.communicate(timeout=20)
        assert (running.returncode, err) == (0, "")
        assert psutil.wait_procs(children, timeout=10)[1] == []


def test_no_file_of_the_current_folder_stands_before_the_standard_librarys(tiny_version, tmp_path, monkeypatch):
    (tmp_path / "random.py").write_text('raise SystemExit("shadowed by random.py")\n')
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("PYTHONPATH", raising=False)
    with own_server.serving(tiny_version.folder.parents[1]) as address:
        assert ask(address, "/v1/models/plain")[0] == 200


def test_that_no_server_answers_is_told_in_the_terminal_too(unused_port):
    url = f"http://127.0.0.1:{unused_port}"
    with explore("--url", url) as (running, _):
        said = running.stderr.readline()
    assert said == (
        f"triptych: no server answers at {url}: start one with `triptych serve`; the page asks it again each time\n"
    )


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "export.cli", "explore", "--no-open", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def test_mistakes_are_one_sentence_each(tmp_path, folder):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        for arguments, said in [
            (
                ["--models", str(tmp_path / "none")],
                "none is no folder: train models with `triptych train`, or name a running server with --url",
            ),
            (["--url", "ftp://x"], "server 'ftp://x', expected http://HOST:PORT or https://HOST:PORT"),
            (
                ["--url", "http://127.0.0.1:9", "--port", port],
                f"cannot listen on 127.0.0.1:{port}: --port 0 takes a free one",
            ),
        ]:
            result = run(*arguments)
            assert (result.returncode, result.stdout, result.stderr.count("\n")) == (1, "", 1)
            assert result.stderr.endswith(said + "\n")
