"""Run `triptych serve` on a models folder in a process of its own, for as long as somebody wants to ask it."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from serving.errors import Failure
from serving.installed import environment

_STOP_SECONDS = 10.0


@contextmanager
def serving(models: Path) -> Iterator[str]:
    """Give the REST address of a server on free ports; whatever happens, it is gone afterwards.

    Raises:
        Failure: the server does not start.
    """
    # A program, not a thread: what it prints, uses and breaks stays its own. `export.cli` is the whole `triptych`.
    command = [sys.executable, "-P", "-m", "export.cli", "serve", "--models", str(models)]
    ports = ["--rest-port", "0", "--grpc-port", "0"]
    with (
        tempfile.TemporaryFile("w+") as log,  # not a pipe, which nobody would empty
        subprocess.Popen(
            [*command, *ports], stdout=subprocess.PIPE, stderr=log, text=True, env=environment()
        ) as server,
    ):
        try:
            yield _address(server) or _complain(log)
        finally:
            server.terminate()
            try:
                server.wait(_STOP_SECONDS)
            except subprocess.TimeoutExpired:
                server.kill()
                server.wait()


def _address(server: subprocess.Popen[str]) -> str:
    """Read what the server prints up to the line that says where it answers; empty when it ends before."""
    for line in server.stdout or ():
        if " on http://" in line:
            return "http://" + line.split(" on http://", 1)[1].split()[0]
    return ""


def _complain(log: IO[str]) -> str:
    log.seek(0)
    said = log.read()
    raise Failure(f"the server did not start: {said.strip().removeprefix('triptych: ') or 'it said nothing'}")
