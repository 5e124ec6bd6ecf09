"""Show how far a long step is: a live bar on a terminal, plain lines elsewhere."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from export import interrupt
from serving.printable import printable

Advance = Callable[[str], None]
"""Call once for each part done, with what there is to say of it."""

_LINES = 10
"""Plain lines of one step at the most: a log is no place for 200 epochs."""

WIDE = 180
"""Columns of text where standard output is no terminal: every figure of every table fits."""

_console = Console(stderr=True, highlight=False)
_lock = threading.Lock()
_shown: list[Progress] = []
"""The live display of all steps that are under way, once for each: a terminal has room for one display."""


def page() -> Console:
    """Give what tables are printed on, to stdout: as wide as the terminal, or as COLUMNS has it, and else WIDE."""
    return Console(width=None if sys.stdout.isatty() or os.environ.get("COLUMNS", "").isdecimal() else WIDE)


@contextmanager
def bar(label: str, total: int) -> Iterator[Advance]:
    """Show a step of ``total`` parts on stderr, so that what a command prints can be piped."""
    interrupt.check()
    with _live() if _console.is_terminal else nullcontext() as live:
        yield _plain(label, total) if live is None else _drawn(live, label, total)


def say(text: str) -> None:
    """Print one line on stderr, above the bars where there are any."""
    interrupt.check()
    _console.print(printable(text), soft_wrap=True, markup=False)


@contextmanager
def _live() -> Iterator[Progress]:
    with _lock:
        _shown.append(_shown[0] if _shown else _display())
        live = _shown[0]
        live.start()
    try:
        yield live
    finally:
        with _lock:
            _shown.pop()
            if not _shown:
                live.stop()


def _display() -> Progress:
    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[note]}")
    return Progress(*columns, TimeElapsedColumn(), TextColumn("left"), TimeRemainingColumn(), console=_console)


def _drawn(live: Progress, label: str, total: int) -> Advance:
    task = live.add_task(label, total=total, note="")
    return lambda note: live.update(task, advance=1, note=note)


def _plain(label: str, total: int) -> Advance:
    every, done = -(-total // _LINES), 0

    def advance(note: str) -> None:
        nonlocal done
        done += 1
        if done % every == 0 or done == total:
            _console.print(f"{label}: {done}/{total} {note}".rstrip(), soft_wrap=True, markup=False)

    return advance
