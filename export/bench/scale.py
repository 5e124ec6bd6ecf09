"""Measure read, train, export, prove and ask at several sizes, and lay it out as a table."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from threading import Timer
from typing import Any

from rich.table import Table

from export import forecast
from export.bench import generated
from export.bench.generated import Size
from export.progress import page, say
from export.writable import try_to_write

ROWS = (100_000, 1_000_000, 5_000_000, 25_000_000)
STEPS = ("read", "train", "export", "prove")

SPARE = 1.0 * forecast.GIGABYTE
"""Memory that is left to the machine: a size that would take it is stopped."""

LOOK_SECONDS = 1.0


def measure(model: str, sizes: Sequence[Size], *, seed: int, json_file: Path | None = None) -> None:
    """Measure one model at each size, in turn, and print the table; the rows of ``json_file`` are what was told.

    Raises:
        Failure: ``json_file`` cannot be written; nothing is measured then.
    """
    try_to_write(*filter(None, (json_file,)))
    results = []
    for size in sizes:
        with tempfile.TemporaryDirectory(prefix="triptych-scale-") as folder:
            say(f"generating {size.rows:,} interactions of {size.users:,} users with {size.items:,} items")
            generated.write(Path(folder), size, seed=seed)
            results.append({"model": model, **run(model, Path(folder), seed=seed)})
        if json_file:
            json_file.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    page().print(table(model, results))


def run(model: str, folder: Path, *, seed: int) -> dict[str, Any]:
    """Run the steps of one size in a process of its own: what it told, by step; it ends before memory does."""
    command = [sys.executable, "-m", "export.bench.steps", model, str(folder), str(seed)]
    told: dict[str, Any] = {}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        watch = _watch(process, told)
        for line in process.stdout or ():
            entry = json.loads(line)
            if "step" in entry:
                told[entry.pop("step")] = entry
            elif "ndcg" in entry:
                told[f"ndcg {entry['ndcg']}"] = entry["value"]
            else:
                told.update(entry)
        process.wait()
        watch.cancel()
    if process.returncode and "stopped" not in told:
        told["stopped"] = f"it ended with exit status {process.returncode}"
    return told


def _watch(process: subprocess.Popen[str], told: dict[str, Any]) -> Timer:
    """Look every second how much memory is left, and end the process before the system ends another."""

    def look() -> None:
        if process.poll() is not None:
            return
        if forecast.available() < SPARE:
            told["stopped"] = f"less than {SPARE / forecast.GIGABYTE:.0f} GB of memory were left"
            process.kill()
            return
        _watch(process, told)

    timer = Timer(LOOK_SECONDS, look)
    timer.daemon = True
    timer.start()
    return timer


def table(model: str, results: Sequence[dict[str, Any]]) -> Table:
    """Lay the results out: seconds (of the processors in brackets) and gigabytes of each step."""
    made = Table(
        title=f"{model}: seconds on the clock (of the processors), most memory up to then",
        caption="ask: one user's recommend from the twin, in process, median; NDCG@10 of pairs held out",
    )
    for column in ("rows / users / items", *STEPS, "ask", model, "popular", "ials"):
        made.add_column(column, justify="right")
    for told in results:
        size = " / ".join(f"{told[name]:,}" for name in ("rows", "users", "items") if name in told)
        cells = [_cell(told.get(step)) for step in STEPS]
        ask = f"{told['ask']['microseconds']} µs" if "ask" in told else ""
        figures = [f"{told[key]:.3f}" if (key := f"ndcg {name}") in told else "" for name in (model, "popular", "ials")]
        made.add_row(size, *cells, ask, *figures)
        if "stopped" in told:
            made.add_row("", f"stopped: {told['stopped']}")
    return made


def _cell(step: dict[str, Any] | None) -> str:
    if step is None:
        return ""
    return f"{step['seconds']:.0f} s ({step['cpu']:.0f}) {step['peak'] / forecast.GIGABYTE:.1f} GB"
