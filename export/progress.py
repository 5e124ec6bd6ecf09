"""Show how far a long step is: a live bar on a terminal, plain lines elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from export import interrupt
from serving.printable import printable

Advance = Callable[[str], None]
"""Call once for each part done, with what there is to say of it."""

_LINES = 10
"""Plain lines of one step at the most: a log is no place for 200 epochs."""


@contextmanager
def bar(label: str, total: int) -> Iterator[Advance]:
    """Show a step of ``total`` parts on stderr, so that what a command prints can be piped."""
    interrupt.check()
    console = Console(stderr=True, highlight=False)
    if console.is_terminal:
        with _live(console) as live:
            task = live.add_task(label, total=total, note="")
            yield lambda note: live.update(task, advance=1, note=note)
    else:
        yield _plain(console, label, total)


def say(text: str) -> None:
    """Print one line on stderr."""
    interrupt.check()
    Console(stderr=True, highlight=False).print(printable(text), soft_wrap=True, markup=False)


def _live(console: Console) -> Progress:
    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[note]}")
    return Progress(*columns, TimeElapsedColumn(), TextColumn("left"), TimeRemainingColumn(), console=console)


def _plain(console: Console, label: str, total: int) -> Advance:
    every, done = -(-total // _LINES), 0

    def advance(note: str) -> None:
        nonlocal done
        done += 1
        if done % every == 0 or done == total:
            console.print(f"{label}: {done}/{total} {note}".rstrip(), soft_wrap=True, markup=False)

    return advance
