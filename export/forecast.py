"""Told before it starts: how large a training is, the memory it will take, and whether there is that much.

The memory is what training and publishing take beyond what the process holds once TensorFlow is there, roughly: see
docs/scale.md for what was measured.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from export.data.interactions import Interactions
from export.progress import say
from serving.errors import Failure

LARGE = 300_000
"""Interactions from which it is said beforehand what will be done; less is over before it is read."""

GIGABYTE = 1e9
LEAST = 0.4 * GIGABYTE
"""What the smallest takes: graphs, kernels' threads, the converter, and the process that proves."""

A_ROW = 150
"""Bytes for each interaction: indexed, sorted, partitioned, and kept to be left out."""

A_NAME = 6000
"""Bytes for each user and item to be found by name: in the data, in tables, and in each of the twin's graphs, which the
process that proves has loaded. Measured with 730,000 and 220,000 of them."""

COPIES = 8
"""Times each weight is held at the most: five times in the training, with its gradient and what Adam and the moving
average keep of it, and as often while it is written; the rest is the process that proves. Measured with 630,000 items
of 64 components and 59,000 of 512."""

ROWS = 5
"""Times the scores of a batch are held in a step."""

CGROUP = Path("/sys/fs/cgroup")
MEMORY = Path("/proc/meminfo"), CGROUP / "memory.max", CGROUP / "memory.current", CGROUP / "memory.stat"


def check(model: str, config: Any, interactions: Interactions, *, weighs: bool = True) -> None:
    """Say what training a model on these interactions is, where they are many; refuse what does not fit.

    Raises:
        Failure: it takes more memory than there is; the message has both, and what would take less. Or interactions
            are to weigh by their age, and have none.
    """
    if interactions.weight is not None and not weighs:
        say(f"{model} takes no weights: each row counts as much")
    half_life = getattr(config, "half_life", 0.0)
    if half_life and not interactions.has_times():
        raise Failure(
            f"{model}: half_life {half_life:g} weighs interactions by their age, and the data has no timestamps: "
            "leave --half-life out"
        )
    rows, users, items = len(interactions), interactions.active(), len(interactions.items)
    passes, each = config.passes(rows=rows, users=users), config.steps_a_pass(rows=rows, users=users)
    needed, free = needs(config, rows=rows, users=len(interactions.users), items=items), available()
    what = f"{model}: {rows:,} interactions of {users:,} users with {items:,} items"
    if needed > free:
        raise Failure(
            f"{what} takes about {needed / GIGABYTE:.1f} GB more memory, and {free / GIGABYTE:.1f} GB are free: "
            "fewer components or wide columns take less, or lightfm, or fewer interactions"
        )
    if rows >= LARGE:
        asked = getattr(config, "epochs", passes)
        fewer = f" (of {asked}: no more than {config.steps:,} steps)" if passes < asked else ""
        often = f"{passes} pass{'es' * (passes != 1)}{fewer}"
        say(f"{what}; {often}, {passes * each:,} steps; about {needed / GIGABYTE:.1f} GB more memory")


def needs(config: Any, *, rows: int, users: int, items: int) -> float:
    """Estimate the bytes that training, exporting and proving a model take, both processes of the proof together."""
    wide = getattr(config, "wide", 0)
    weights = config.vector_width() * (users + 2 * items) + wide * (users + items)
    return LEAST + A_ROW * rows + A_NAME * (users + items) + 4 * (COPIES * weights + ROWS * config.scores(items))


def available() -> float:
    """Read how many bytes of memory are free, in this container where it has a limit of its own."""
    info, limit, used, parts = MEMORY
    free = float(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))
    if info.is_file():
        lines = dict(line.split(":", 1) for line in info.read_text(encoding="utf-8").splitlines())
        free = 1024 * float(lines["MemAvailable"].split()[0])
    if limit.is_file() and (most := limit.read_text(encoding="utf-8").strip()).isdecimal():
        held = float(used.read_text(encoding="utf-8"))
        if parts.is_file():  # what was read of files is counted, and given back when it is needed
            stat = dict(line.split() for line in parts.read_text(encoding="utf-8").splitlines())
            held -= float(stat.get("inactive_file", 0))
        free = min(free, float(most) - held)
    return free
