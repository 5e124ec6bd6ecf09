"""README and docs say what is there: commands, flags, files, signatures, requests, programs, tried or looked up."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import click
import pytest
from jsonschema import Draft202012Validator
from live import ask, live

from export.cli.commands import app
from serving import contract
from serving.explore import openapi

ROOT = Path(__file__).parent.parent
PAGES = sorted([ROOT / "README.md", ROOT / "docker" / "README.md", *(ROOT / "docs").glob("*.md")])


def code(page: Path) -> Iterator[str]:
    """Give all that a page sets as code: lines of blocks, joined where they go on, and what stands in backticks."""
    text = page.read_text(encoding="utf-8")
    for block in re.findall(r"^```(?:sh|bash)?\n(.*?)^```", text, re.M | re.S):
        yield from block.replace("\\\n", " ").splitlines()
    yield from (
        " ".join(span.split()) for span in re.findall(r"`([^`]+)`", re.sub(r"^```.*?^```", "", text, flags=re.M | re.S))
    )


def commands(page: Path) -> list[str]:
    """List the `triptych` command lines of a page, each without what comes after it."""
    found = [re.split(r"\s#|&|;|\|(?=\s)", line)[0].strip() for line in code(page)]
    return [line for line in found if re.match(r"triptych( |$)", line)]


def check(line: str) -> None:
    """See that a command line names a command, and flags and choices that it has; PATH, N and N… stand for values."""
    words = shlex.split(line)[1:]
    command: click.Command = app
    while isinstance(command, click.Group) and words and not words[0].startswith("-"):
        assert words[0] in command.commands, f"{line}: no command {words[0]}"
        command = command.commands[words.pop(0)]
    known = {
        flag: option
        for option in command.params
        if isinstance(option, click.Option)
        for flag in (*option.opts, *option.secondary_opts)
    }
    flags = [word for word in words if re.match(r"--?[a-z]", word)]
    assert [flag for flag in flags if flag not in (*known, "--help")] == [], line
    for flag, value in pairwise(words):
        kind = known[flag].type if flag in known and not known[flag].is_flag else None
        if isinstance(kind, click.Choice) and not value.isupper():
            assert value in kind.choices, f"{line}: {value}"
    takes = {flag for flag, option in known.items() if not option.is_flag}
    alone = [word for before, word in pairwise(["", *words]) if not word.startswith("-") and before not in takes]
    if not any(isinstance(parameter, click.Argument) for parameter in command.params):
        assert not alone, f"{line}: {alone} is for no flag"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_command_has_its_flags(page):
    for line in commands(page):
        check(line)


def test_the_check_itself_finds_what_is_wrong():
    for wrong in (
        "triptych trane",
        "triptych train --no-such-flag",
        "triptych train --recipe best",
        "triptych bench serv",
        "triptych data ratings.csv",
    ):
        with pytest.raises(AssertionError):
            check(wrong)
    assert len([line for page in PAGES for line in commands(page)]) > 30


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_file_link_and_make_target_is_there(page):
    text = page.read_text(encoding="utf-8")
    links = [link for link in re.findall(r"\]\(([^)#\s]+)\)", text) if "://" not in link]
    assert [link for link in links if not (page.parent / link).exists()] == []
    spans = [span for line in code(page) for span in line.split()]
    paths = [
        span.rstrip(":,")
        for span in spans
        if re.fullmatch(r"[\w.-]+(/[\w.-]+)+/?|[\w-]+\.(py|json|lock|toml|md)", span)
    ]
    gone = [path for path in paths if path.split("/")[0] in FOLDERS and "/" in path and not is_there(path, page)]
    assert gone == []
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.M))
    named = [target for line in code(page) for target in re.findall(r"^make ([a-z-]+)", line)]
    assert [target for target in named if target not in targets] == []


FOLDERS = ("export", "serving", "lightfm_adapter", "tests", "docker", "docs", "requirements")
TREE = [f"/{path.relative_to(ROOT).as_posix()}" for folder in FOLDERS for path in (ROOT / folder).rglob("*")]


def is_there(path: str, page: Path) -> bool:
    """Look for a file from the project's folder, beside the page, or by the end of its path."""
    kinds = ("factorized_top_k", "saved_model.pb", "assets.extra", "tensorflow/serving", "triptych.json", "names.json")
    if any((folder / path).exists() for folder in (ROOT, page.parent)) or path.startswith(kinds) or "NAME" in path:
        return True
    return any(each.endswith(f"/{path.rstrip('/')}") for each in TREE)


def test_the_readme_has_every_signature_with_its_inputs_and_no_other():
    rows = re.findall(r"^\| `(\w+)` \| (.*?) \| .* \|$", (ROOT / "README.md").read_text(encoding="utf-8"), re.M)
    table = {name: re.findall(r"`(\w+)`(?: (\w+)\[)?", inputs) for name, inputs in rows}
    wanted = {}
    for name, signature in contract.SIGNATURES.items():
        wanted[name] = [(key, tensor.dtype) for key, tensor in signature.inputs.items()]
    new = [pair for pair in wanted["recommend_within"] if pair not in wanted["recommend"]]
    assert table == wanted | {"recommend_within": [("recommend", ""), *new]}


@pytest.fixture(scope="module")
def server(tiny_versions):
    with live(models=tiny_versions["history"].folder.parents[1]) as where:
        yield where


def bodies(page: Path) -> list[str]:
    lines = [line for line in code(page) if line.startswith("curl -d")]
    return [shlex.split(line)[2] for line in lines]


@pytest.mark.training
@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_request_is_answered_as_the_openapi_document_says(page, server):
    for body in bodies(page):
        name = json.loads(body).get("signature_name", "serving_default")
        answer = ask(server, "POST", "/v1/models/history:predict", body)
        assert answer.status == 200, answer.error
        for part, value in (("rows", json.loads(body)), ("predictions", answer.json)):
            Draft202012Validator({"$ref": f"#/components/schemas/{name}.{part}", **openapi.document()}).validate(value)


@pytest.mark.training
@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_python_program_runs(page, server, tmp_path):
    programs = re.findall(r"^```python\n(.*?)^```", page.read_text(encoding="utf-8"), re.M | re.S)
    for program in (each for each in programs if "publish(" not in each):  # that one runs in tests/test_public_names.py
        ours = program.replace("127.0.0.1:8501", f"127.0.0.1:{server.rest_port}").replace('"two_tower"', '"history"')
        command, env = [sys.executable, "-c", ours], {**os.environ, "PYTHONPATH": str(ROOT)}
        done = subprocess.run(command, capture_output=True, text=True, timeout=240, check=False, cwd=tmp_path, env=env)
        assert done.returncode == 0, done.stderr  # where it publishes, it says there how far it is
        assert done.stdout or "print(" not in program


def test_every_environment_variable_that_the_program_looks_at_is_told():
    told = set(re.findall(r"`([A-Z_]{3,})`", (ROOT / "docs" / "environment.md").read_text(encoding="utf-8")))
    files = [
        *ROOT.glob("export/**/*.py"),
        *ROOT.glob("serving/**/*.py"),
        ROOT / ".ci" / "setup",
        ROOT / "tests" / "browser.py",
    ]
    looked_at = {
        name
        for file in files
        for name in re.findall(r"""environ[^"'\n]*["']([A-Z_]{3,})["']""", file.read_text(encoding="utf-8"))
    }
    assert looked_at - told <= {"PYTHONPATH", "DISPLAY", "WAYLAND_DISPLAY"}
    assert {"TF_CONFIG", "ORT_DISABLE_TELEMETRY", "CHROMIUM"} <= looked_at


def test_every_page_opens_with_whom_it_is_for():
    pages = [page for page in PAGES if page.parent.name == "docs"]
    assert [
        page.name for page in pages if not re.search(r"\n\nFor (who|those)", page.read_text(encoding="utf-8")[:200])
    ] == []
