"""Those who watch an attack: an honest client in a process of its own, and the server's memory and descriptors."""

from __future__ import annotations

import http.client
import json
import multiprocessing
import time
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import numpy as np
import psutil

PAUSE = 0.02
LIMIT = 35.0
"""How long the honest client waits for one answer: a little longer than the server lets anything take."""


@dataclass(frozen=True, kw_only=True)
class Honest:
    """What an honest client saw: answers, refusals because the server is full, everything else, and its waits in s.

    Attributes:
        server: the longest wait without what the client itself stood in the queue for a core, ready to read its
            answer: attacker, server and client share the machine, and that part is not the server's.
    """

    answered: int
    full: int
    failed: int
    p50: float
    p99: float
    longest: float
    server: float


class Witness:
    """Ask for one user's list over and over while the body of a ``with`` runs; watch the server meanwhile."""

    def __init__(self, port: int, model: str, server: psutil.Process) -> None:
        self._port, self._model, self._server = port, model, server
        self.peak = 0.0
        self.honest: Honest | None = None

    def __enter__(self) -> Witness:
        context = multiprocessing.get_context("spawn")
        self._ending = context.Event()
        self._reports, theirs = context.Pipe(duplex=False)
        self._process = context.Process(target=_ask, args=(self._port, self._model, self._ending, theirs))
        self._process.start()
        self._reports.recv()  # it has had its first answer
        _forget_peak(self._server.pid)
        return self

    def __exit__(self, *_: object) -> None:
        self._ending.set()
        report = self._reports.recv() if self._reports.poll(2 * LIMIT) else None
        self._process.join(10)
        self._process.kill()
        self.peak = _peak(self._server.pid)
        self.honest = Honest(**report) if report else None


def _ask(port: int, model: str, ending: Any, reports: Any) -> None:
    body = json.dumps({"instances": ["42"]})
    waits: list[float] = []
    served: list[float] = []
    full = failed = 0
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=LIMIT)
    while not ending.is_set():
        start, queued = time.perf_counter(), _queued()
        try:
            connection.request("POST", f"/v1/models/{model}:predict", body)
            answer = connection.getresponse()
            answer.read()
            full += answer.status in (429, 503)
            failed += answer.status not in (200, 429, 503)
        except (OSError, http.client.HTTPException):
            failed += 1
            connection.close()
        waits.append(time.perf_counter() - start)
        served.append(waits[-1] - (_queued() - queued))
        if len(waits) == 1:
            reports.send(None)
        time.sleep(PAUSE)
    p50, p99 = np.percentile(waits, [50, 99]).tolist()
    answered = len(waits) - full - failed
    seen = {"answered": answered, "full": full, "failed": failed, "p50": p50, "p99": p99}
    reports.send({**seen, "longest": max(waits), "server": max(served)})


def _queued() -> float:
    """Return for how many seconds this process has been ready to run and had no core."""
    with open("/proc/self/schedstat", encoding="ascii") as file:
        return float(file.read().split()[1]) / 1e9


def megabytes(process: psutil.Process) -> float:
    """Return what a process holds now."""
    return float(process.memory_info().rss) / (1 << 20)


def _forget_peak(pid: int) -> None:
    with suppress(OSError), open(f"/proc/{pid}/clear_refs", "w", encoding="ascii") as file:
        file.write("5")  # the kernel begins a new peak


def _peak(pid: int) -> float:
    with open(f"/proc/{pid}/status", encoding="ascii") as file:
        return next(int(line.split()[1]) / 1024 for line in file if line.startswith("VmHWM"))
