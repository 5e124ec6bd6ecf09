"""The `triptych` program: in this process, without the seconds that one of its own takes, or in one of its own.

The first is for what the commands do; the second for where the process is what counts (signals, exit, what is imported,
limits of the system, what C++ writes). `read` and `refused` ask it of a file of data, which `text` and `parquet` write.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from subprocess import CompletedProcess

import pyarrow as pa
import pyarrow.parquet as pq
from click.testing import CliRunner

from export.cli.commands import app
from serving.cli.commands import app as serving_app
from serving.errors import Failure
from serving.printable import printable

ROOT = Path(__file__).parents[1]


def triptych(*arguments: object) -> CompletedProcess[str]:
    """Run a command; a Failure, or what the system refuses, is the sentence that main() makes of it.

    Any other exception fails the test.
    """
    given = [str(argument) for argument in arguments]
    done = CliRunner(env={"COLUMNS": None}).invoke(app, given)  # in a pipe a line is a line
    told = done.stderr
    if isinstance(done.exception, Failure | OSError):
        told += f"triptych: {printable(done.exception)}\n"
    elif done.exception and not isinstance(done.exception, SystemExit):
        raise done.exception
    return CompletedProcess(given, done.exit_code, done.stdout, told)


def printed(*arguments: object) -> str:
    """Run a command of serving/ that ends well, and give what it prints; its Failure is the test's to catch."""
    result = CliRunner().invoke(serving_app, [str(each) for each in arguments], catch_exceptions=False)
    assert result.exit_code == 0
    return result.output


def run(*arguments: str, forbid: str = "", before: str = "", cwd: Path = ROOT, **env: str) -> CompletedProcess[str]:
    """Run it in a process of its own, which cannot import what is forbidden."""
    forbidden = f"import sys; sys.modules.update(dict.fromkeys({forbid.split()!r}))"
    code = f"{before}\n{forbidden}\nfrom export.cli import main; main()"
    command = [sys.executable, "-c", code, *arguments]
    inherited = {name: value for name, value in os.environ.items() if name != "COLUMNS"}  # no terminal, no width
    environment = {**inherited, "PYTHONPATH": str(ROOT), **env}
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False, cwd=cwd, env=environment)


def said(*arguments: str) -> tuple[int, str]:
    """Give the exit code and all that a command says, a Failure as its bare sentence; other errors fail the test."""
    result = CliRunner().invoke(app, list(arguments))
    if result.exception and not isinstance(result.exception, SystemExit | Failure):
        raise result.exception
    return result.exit_code, str(result.exception) if isinstance(result.exception, Failure) else result.output


def read(path: Path, *options: str) -> str:
    code, out = said("data", "--data", str(path), *options)
    assert code == 0, out
    return out


def refused(path: Path, *options: str) -> str:
    """Give the sentence that both `data` and `train` refuse a file with."""
    code, out = said("data", "--data", str(path), *options)
    trained = said("train", "lightfm", "--data", str(path), "--models", str(path.parent / "models"), *options)
    assert (code, out) == trained
    assert code == 1, out
    assert "\n" not in out
    return out


def text(folder: Path, content: str | bytes, name: str = "own.csv") -> Path:
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def parquet(folder: Path, name: str = "own.parquet", **columns: object) -> Path:
    pq.write_table(pa.table(columns), folder / name)
    return folder / name
