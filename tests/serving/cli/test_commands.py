"""The commands of serving.cli: what they print, and the one sentence that a mistake or a lack is."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from command import triptych
from standin import ITEMS, stand_in

from serving.bench import load_generator

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def server():
    with stand_in() as server:
        yield server


@pytest.mark.parametrize("protocol", ["rest", "grpc"])
def test_recommend_prints_a_table(server, protocol):
    address = ["--url", server.rest] if protocol == "rest" else ["--grpc", server.grpc.removeprefix("grpc://")]
    result = triptych("recommend", "--user", "42", "--model", "two_tower", "-k", "3", *address)
    lines = [[cell.strip() for cell in line.split("│")[1:-1]] for line in result.stdout.splitlines() if "│" in line]
    assert lines == [["1", ITEMS[0], "4.0000"], ["2", ITEMS[1], "3.5000"], ["3", ITEMS[2], "3.0000"]]
    assert result.stdout.startswith("two_tower, user 42")
    assert (result.returncode, result.stderr) == (0, "")


def test_recommend_prints_json_for_machines(server):
    options = ("--unseen", "--exclude", ITEMS[1], "--exclude", ITEMS[2], "-k", "2", "--json", "--url", server.rest)
    result = triptych("recommend", "--user", "42", "--model", "lightfm", *options)
    assert json.loads(result.stdout) == {
        "model": "lightfm",
        "user": "42",
        "known": True,
        "ranking": [{"item": ITEMS[3], "score": 2.25}, {"item": ITEMS[4], "score": 2.0}],
    }


def test_recommend_ranks_only_among_the_items_of_a_file_and_those_of_all_tags(server, tmp_path):
    stock = tmp_path / "stock.txt"
    stock.write_text(f"\ufeff{ITEMS[5]}\r\n\n{ITEMS[1]}\nunheard of\n{ITEMS[0]}", encoding="utf-8")
    options = ("--user", "42", "--model", "lightfm", "--json", "--url", server.rest)
    found = json.loads(triptych("recommend", *options, "--among", str(stock)).stdout)["ranking"]
    assert [each["item"] for each in found] == [ITEMS[0], ITEMS[1], ITEMS[5]]
    asked = (*options, "--among", stock, "--tag", "genre:Comedy")
    found = json.loads(triptych("recommend", *asked).stdout)["ranking"]
    assert [each["item"] for each in found] == [ITEMS[1], ITEMS[5]]
    both = ("--tag", "genre:Horror", "--tag", "year:1979")
    assert [each["item"] for each in json.loads(triptych("recommend", *options, *both).stdout)["ranking"]] == [ITEMS[0]]
    nothing = [*options, "--tag", "genre:Comedy", *both]
    assert json.loads(triptych("recommend", *nothing).stdout)["ranking"] == []
    shown = [each for each in nothing if each != "--json"]
    assert triptych("recommend", *shown).stdout.startswith("No item is left: ")
    assert "of what is popular nothing is left" in triptych("recommend", *shown, "--user", "nobody").stdout


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (None, "cannot be read: No such file or directory; expected a file of items, one a line"),
        (b"", "names no item, expected one a line"),
        (b"\n\r\n", "names no item, expected one a line"),
        (b"Alien (1979)\nAm\xe9lie (2001)\n", "is no UTF-8 in line 2, expected items in UTF-8, one a line"),
    ],
)
def test_a_file_of_items_that_is_none_is_one_sentence(server, tmp_path, content, told):
    stock = tmp_path / "stock.txt"
    if content is not None:
        stock.write_bytes(content)
    result = triptych("recommend", "--user", "42", "--model", "lightfm", "--url", server.rest, "--among", str(stock))
    assert (result.returncode, result.stdout, result.stderr) == (1, "", f"triptych: {stock} {told}\n")


def test_recommend_says_plainly_that_a_user_is_unknown(server):
    result = triptych("recommend", "--user", "nobody", "--model", "two_tower", "-k", "1", "--url", server.rest)
    assert result.stdout.splitlines()[0] == "The model does not know this user: these are the most popular items."
    assert ITEMS[0] in result.stdout
    assert result.returncode == 0


def test_recommend_from_an_unknown_model_is_one_sentence(server):
    result = triptych("recommend", "--user", "42", "--model", "nope", "--url", server.rest)
    sentence = f"triptych: {server.rest} answered 404: Servable not found for request: Latest(nope)\n"
    assert (result.returncode, result.stdout, result.stderr) == (1, "", sentence)


def test_recommend_without_a_server_is_one_sentence():
    result = triptych("recommend", "--user", "42", "--model", "two_tower", "--url", "http://127.0.0.1:9")
    assert result.stderr.startswith("triptych: no server at http://127.0.0.1:9: start one with `triptych serve`")
    assert (result.returncode, result.stdout, result.stderr.count("\n")) == (1, "", 1)


@pytest.mark.parametrize("given", ["http://[::1", "http://a..b", "http://127.0.0.1:99999", "http://h:1a", "http://h:0"])
@pytest.mark.parametrize(
    "arguments",
    [("recommend", "--user", "42", "--model", "m"), ("bench", "serve"), ("explore",), ("label", "m", "a=1")],
    ids=lambda arguments: arguments[0],
)
def test_an_address_that_is_none_is_one_sentence_at_once(arguments, given):
    refused = triptych(*arguments, "--url", given)
    assert refused.returncode == 1
    assert re.fullmatch(rf"triptych: server '{re.escape(given)}', expected http://HOST:PORT[^\n]*\n", refused.stderr)


def test_a_password_in_an_address_is_shown_nowhere(server, tmp_path, monkeypatch):
    monkeypatch.setattr(load_generator, "WARMUP_SECONDS", 0.05)  # a load at full speed says nothing here
    secret, away = server.rest.replace("//", "//me:secret@"), "http://me:secret@127.0.0.1:1"
    (tmp_path / "m" / "1").mkdir(parents=True)
    (tmp_path / "m" / "1" / "saved_model.pb").touch()
    config = tmp_path / "models.config"
    for arguments in (
        ("recommend", "--user", "42", "--model", "two_tower", "--url", away),
        ("recommend", "--user", "42", "--model", "none", "--url", secret),
        ("bench", "serve", "--url", secret, "--seconds", "0.1", "--model", "two_tower"),
        ("config", tmp_path),
        ("label", "m", "new=1", "--config", config, "--wait", "0.1", "--url", away),
    ):
        told = triptych(*arguments)
        assert "secret" not in told.stdout + told.stderr
        assert "127.0.0.1" in told.stdout + told.stderr or arguments[0] == "config"


@pytest.mark.parametrize("given", ["[::1", "a..b", "127.0.0.1:99999"])
def test_a_grpc_address_that_is_none_is_one_sentence_at_once(given):
    refused = triptych("recommend", "--user", "42", "--model", "m", "--grpc", given)
    assert (refused.returncode, refused.stdout) == (1, "")
    told = "expected http://HOST:PORT, https://HOST:PORT or grpc://HOST:PORT"
    assert refused.stderr == f"triptych: server 'grpc://{given}', {told}\n"


def test_a_package_that_is_not_installed_is_one_sentence():
    code = "import sys; sys.modules['httptools'] = None; from export.cli import main; main()"
    command = [sys.executable, "-c", code, "bench", "serve"]
    result = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (result.returncode, result.stderr.count("\n")) == (1, 1)
    hint = "run pip install '.[serve]' in the project's folder"
    assert result.stderr == f"triptych: httptools is not installed: {hint}\n"


@pytest.mark.parametrize("arguments", [("serve", "--engine", "tensorflow"), ("rollback", "two_tower"), ("train",)])
def test_without_tensorflow_what_needs_it_says_so_and_nothing_else(tmp_path, arguments):
    (tmp_path / "sitecustomize.py").write_text("import sys; sys.modules['tensorflow'] = None\n")
    env = os.environ | {"PYTHONPATH": os.pathsep.join([str(tmp_path), str(ROOT)])}
    command = [sys.executable, "-m", "export.cli", *arguments, "--models", str(tmp_path)]
    result = subprocess.run(command, env=env, capture_output=True, text=True, timeout=60, check=False)
    hint = "run pip install '.[train]' in the project's folder"
    assert result.stderr == f"triptych: tensorflow is not installed: {hint}\n"
    assert (result.returncode, result.stdout) == (1, "")
