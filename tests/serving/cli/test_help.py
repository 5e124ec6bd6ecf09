"""Every command as it is declared: its help with examples and whole sentences, its paths, and nothing heavy for it."""

from __future__ import annotations

import re
import subprocess
import sys

import click
import pytest
from click.testing import CliRunner

from export.cli.commands import app

HEAVY = ("tensorflow", "onnxruntime", "grpc", "numpy", "requests", "rich", "google.protobuf", "tensorboard", "uvicorn")


def commands(group: click.Group, path: tuple[str, ...] = ()) -> dict[tuple[str, ...], click.Command]:
    found: dict[tuple[str, ...], click.Command] = {}
    for name, command in group.commands.items():
        inner = commands(command, (*path, name)) if isinstance(command, click.Group) else {(*path, name): command}
        found.update(inner)
    return found


@pytest.mark.parametrize("path", commands(app), ids=" ".join)
def test_every_command_has_an_example_in_its_help_and_every_option_a_word(path):
    command = commands(app)[path]
    assert f"triptych {' '.join(path)}" in (command.help or "")
    assert [option.name for option in command.params if isinstance(option, click.Option) and not option.help] == []


@pytest.mark.parametrize("path", commands(app), ids=" ".join)
def test_no_command_takes_an_empty_path_for_the_current_folder(path):
    for param in commands(app)[path].params:
        if isinstance(param.type, click.Path):
            with pytest.raises(click.BadParameter, match="it is empty"):
                param.type.convert("", param, None)


@pytest.mark.parametrize("path", commands(app), ids=" ".join)
def test_the_examples_of_a_help_stand_line_by_line(path):
    shown = CliRunner().invoke(app, [*path, "--help"], terminal_width=120).output
    block = (commands(app)[path].help or "").partition("\b\n")[2].partition("\n\n")[0]
    assert "\\b" not in shown
    assert {line.strip() for line in block.splitlines()} <= {line.strip() for line in shown.splitlines()}


@pytest.mark.parametrize("width", [80, 120])
def test_help_shows_whole_sentences_and_examples_in_lines_of_their_own(width, monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", str(width))
    groups = {path[:depth] for path in commands(app) for depth in range(len(path))}
    pages = {}
    for path in (*groups, *commands(app)):
        app([*path, "--help"], prog_name="triptych", standalone_mode=False)
        pages[path] = capsys.readouterr().out
    for path, page in pages.items():
        assert "\\b" not in page, path
        assert not any(line.endswith("...") for line in page.splitlines() if not line.startswith("Usage")), path
        # The values to choose from are not broken.
        told = [line for line in page.splitlines() if not re.match(r"\s*-.*\[\S+\|", line)]
        assert max(map(len, told)) <= width, path
    for path, command in commands(app).items():
        example = re.compile(rf"^ *(?:Example: )?(triptych {' '.join(path)} .*)", re.M)
        assert example.findall(pages[path]) == example.findall(command.help or "") != [], path
    assert max(len(line) for line in pages["train",].splitlines()) > width - 10


def test_help_loads_nothing_heavy():
    code = (
        "import sys\nfrom export.cli.commands import app\n"
        "for path in ([], *map(str.split, sys.argv[1:])):\n"
        "    try:\n        app([*path, '--help'])\n    except SystemExit as done:\n        assert done.code == 0\n"
        f"print([name for name in {HEAVY} if name in sys.modules], file=sys.stderr)"
    )
    command = [sys.executable, "-c", code, *map(" ".join, commands(app))]
    result = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    assert result.stderr == "[]\n"
