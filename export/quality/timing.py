"""Time things that are compared with each other."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence

LEAST, MOST = 10, 200
"""Rounds of a measurement: as many as fit in a second each, within these bounds."""


def medians(runs: Sequence[Callable[[], object]]) -> list[float]:
    """Run all in turn, so that whatever else the machine does falls on all of them alike; return each one's median."""
    seconds: list[list[float]] = [[] for _ in runs]
    for run in runs:
        run()
    begin = time.perf_counter()
    while (rounds := len(seconds[0])) < LEAST or (rounds < MOST and time.perf_counter() - begin < len(runs)):
        for run, taken in zip(runs, seconds, strict=True):
            start = time.perf_counter()
            run()
            taken.append(time.perf_counter() - start)
    return [statistics.median(taken) for taken in seconds]
