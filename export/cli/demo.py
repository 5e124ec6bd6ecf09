"""The main job in one command: data, three models trained and published, served, and one user's lists shown."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import zip_longest
from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from export.models.registry import MODELS
from export.progress import say
from serving.client.client import Client, Ranked
from serving.errors import Failure
from serving.printable import printable

_STOP_SECONDS = 10.0


def show(user: str, *, models: Path) -> None:
    """Serve a models folder on free ports, ask it for one user over REST, print the lists, and stop the server.

    Raises:
        Failure: the server does not start, or does not answer.
    """
    with _serving(models) as url:
        say(f"asking {url} for user {user}")
        lists = {}
        for name, model in MODELS.items():
            with Client(url, model=name) as client:
                (lists[name],) = client.recommend([user], k=model.shown)
    Console().print(_side_by_side(user, lists))


@contextmanager
def _serving(models: Path) -> Iterator[str]:
    """Run `triptych serve` in a process of its own; whatever happens, it is gone afterwards."""
    command = [sys.executable, "-P", "-m", "export.cli", "serve", "--models", str(models), "--rest-port", "0"]
    root = Path(__file__).parents[2]  # -P leaves out the folder that one is in, where an export.py may lie
    env = {**os.environ, "PYTHONPATH": os.pathsep.join([str(root), os.environ.get("PYTHONPATH", "")])}
    command += ["--grpc-port", "0"]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=env)
    try:
        yield _address(server)
    finally:
        server.terminate()
        try:
            server.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()


def _address(server: subprocess.Popen[str]) -> str:
    """Read what the server prints up to the line that says where it answers."""
    lines = []
    for line in server.stdout or ():
        lines.append(line)
        if " on http://" in line:
            say(line.strip())
            return "http://" + line.split(" on http://", 1)[1].split()[0]
    raise Failure(f"the server did not start: {''.join(lines).strip() or 'it said nothing'}")


def _side_by_side(user: str, lists: dict[str, Ranked]) -> Table:
    table = Table(title=Text(f"the best for user {printable(user)}"))
    table.add_column("", justify="right")
    for model in lists:
        table.add_column(model)
        table.add_column("score", justify="right")
    columns = [list(zip(ranked.items, ranked.scores, strict=True)) for ranked in lists.values()]
    for place, row in enumerate(zip_longest(*columns), start=1):
        cells = (cell for pair in row for cell in ((Text(printable(pair[0])), f"{pair[1]:.3f}") if pair else ("", "")))
        table.add_row(str(place), *cells)
    return table
