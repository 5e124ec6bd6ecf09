"""What ``triptych evaluate`` and ``triptych tune`` do: run, show progress, print, write files."""

from __future__ import annotations

import json
import math
import os
import platform
import shlex
import sys
from datetime import date
from pathlib import Path
from typing import Any

from rich.console import Console

from export import forecast, pipeline
from export.data.interactions import Interactions
from export.models.registry import MODELS
from export.progress import bar, page, say
from export.publishing.recorded_figures import BASELINE
from export.publishing.recorded_figures import FILE as FIGURES
from export.publishing.recorded_figures import record as record_figures
from export.quality import html_report, leaderboard, tune
from export.quality.baselines import MEMORY
from export.quality.leaderboard import Entry, Run
from export.quality.protocols import Split, split, validation
from export.waist.config import Config
from export.writable import try_to_write


def measure(
    configs: dict[str, dict[str, Config]],
    interactions: Interactions,
    *,
    data: str,
    protocol: str,
    validated: bool,
    seed: int,
    seeds: int,
    users: int | None,
    baselines: bool,
    named: tuple[str, ...],
    json_file: Path | None,
    report_folder: Path | None,
    user: str | None,
    record: bool,
) -> None:
    """Train and score models with the configs of each recipe, and the baselines; print the leaderboard."""
    written = json_file, report_folder and report_folder / html_report.NAME, FIGURES if record else None
    try_to_write(*filter(None, written))
    parts = (validation if validated else split)(interactions, protocol)
    html_report.check_user(parts, user)
    epochs = {
        (model, MODELS[model].named(name, one)): one for name, own in configs.items() for model, one in own.items()
    }
    for (model, _), one in epochs.items():
        forecast.check(model, one, parts.train, weighs=MODELS[model].weighs)
    every = leaderboard.baselines(new_items=parts.new_items is not None) if baselines or named else []
    entries = _baselines(every, named, len(interactions.items))
    entries += [leaderboard.entry(model, recipe, one) for (model, recipe), one in epochs.items()]
    runs = [
        _run(entry, parts, seed + more, users=users, config=epochs.get((entry.name, entry.recipe)))
        for entry in entries
        for more in range(seeds if entry.recipe != BASELINE or entry.name == "ials" else 1)
    ]
    _print(f"validation part of {protocol}" if validated else protocol, runs)
    if json_file:
        _write(json_file, {"protocol": protocol, "validation": validated, "rows": [run.row() for run in runs]})
    if report_folder:
        about = html_report.About(data=data, command=_command(), configs=configs, day=date.today())
        say(f"wrote {html_report.write(report_folder, parts, runs, about, user=user)}")
    if record:
        record_figures(protocol, leaderboard.summary(runs), interactions, machine=_machine())


def _print(protocol: str, runs: list[Run]) -> None:
    console = page()
    table, left_out = leaderboard.table(protocol, runs, width=console.width)
    console.print(table)
    if left_out:
        console.print(f"This terminal has no room for {', '.join(left_out)}: --json FILE has every figure.")


def _command() -> str:
    return shlex.join(["triptych", *sys.argv[1:]])


def tune_model(model: str, interactions: Interactions, *, trials: int, seed: int, json_file: Path | None) -> None:
    """Search one model's recipe and print the best as the flags that give it."""
    try_to_write(*filter(None, (json_file,)))
    with bar(f"tuning {model}", trials) as advance:
        found = tune.search(model, interactions, trials=trials, seed=seed, on_trial=advance)
    best = found["best"]
    flags = " ".join(f"--{name.replace('_', '-')} {best['config'][name]:.4g}" for name in MODELS[model].space)
    Console(soft_wrap=True).print(f"{best['value']:.4f} of EASE: triptych train {model} {flags}", highlight=False)
    if json_file:
        _write(json_file, found)


def _baselines(entries: list[Entry], named: tuple[str, ...], items: int) -> list[Entry]:
    """Keep the baselines named; without names, those that there is the memory for."""
    free = forecast.available()
    if named:
        return [entry for entry in entries if entry.name in named]
    for name, needed in ((name, MEMORY[name](items)) for name in MEMORY):
        if needed > free / 2:
            needs = (
                f"{needed / forecast.GIGABYTE:.1f} GB for {items:,} items, {free / forecast.GIGABYTE:.1f} GB are free"
            )
            say(f"{name} is left out: it takes {needs}; --baseline {name} tries it")
            entries = [entry for entry in entries if entry.name != name]
    return entries


def _run(entry: Entry, parts: Split, seed: int, *, users: int | None, config: Any) -> Run:
    label = f"{entry.name} {entry.recipe}, seed {seed}"
    if config is None:
        say(label)
        return leaderboard.run(entry, parts, seed=seed, users=users)
    with bar(label, pipeline.passes(config, parts.train)) as advance:
        return leaderboard.run(
            entry,
            parts,
            seed=seed,
            users=users,
            on_epoch=lambda _, loss: advance("" if math.isnan(loss) else f"loss {loss:.4g}"),
        )


def _write(path: Path, content: dict[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def _machine() -> str:
    return f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}"
