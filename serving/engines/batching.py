"""Answer requests that arrive together with one run of the graph, and give each what it would have got alone.

Only the contract's signatures are joined: there every output row depends on its own input row and nothing else. A
request that finds nobody else waiting is run at once, so batching never costs a lone caller a wait.
"""

from __future__ import annotations

import asyncio
import logging
import math
import os
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from serving import contract
from serving.engines.engine import Signature
from serving.wire.error_codes import Code, Refusal
from serving.wire.tensors import KINDS, Array

log = logging.getLogger("triptych.batching")

MAX_ROWS = 256
"""Rows of one joined batch; a single request with more is run as it came."""

MAX_WAITING = 4096
"""Requests that may wait for one signature before further ones are refused."""

INLINE_SECONDS = 0.002
"""A graph that takes longer leaves the event loop for a thread: that costs 0.05 ms, a blocked loop costs everyone."""

Outputs = dict[str, Array]
Done = Callable[[Outputs | Refusal], None]
"""Called once, on the event loop, with all outputs of the signature or with what refused them."""


@dataclass(frozen=True, slots=True)
class _Waiting:
    inputs: dict[str, Array]
    rows: int  # 0: must be run alone
    done: Done
    since: float


class Batcher:
    """Runs one signature of a loaded version for whoever asks, on the loop it is made in; ``ran`` hears of each run."""

    def __init__(
        self, signature: Signature, pool: ThreadPoolExecutor, *, join: bool, ran: Callable[..., None] | None = None
    ) -> None:
        self._signature = signature
        self._ran = ran
        self._loop = asyncio.get_running_loop()
        self._pool = pool
        self._join = join and in_contract(signature)
        self._queue: deque[_Waiting] = deque()
        self._running = 0
        self._planned = False
        self._seconds = math.inf  # what a run takes, smoothed; not known yet

    def submit(self, inputs: dict[str, Array], done: Done) -> None:
        """Run the signature on these inputs, together with whatever else has arrived by the end of this loop turn."""
        if len(self._queue) >= MAX_WAITING:
            done(Refusal(Code.RESOURCE_EXHAUSTED, f"{MAX_WAITING} requests already wait for this signature"))
            return
        rows = rows_of(self._signature, inputs) if self._join else 0
        self._queue.append(_Waiting(inputs, rows, done, time.perf_counter() if self._ran else 0.0))
        if not self._planned and self._running < _THREADS:
            self._planned = True
            self._loop.call_soon(self._start)

    def _start(self) -> None:
        self._planned = False
        while self._queue and self._running < _THREADS:
            batch = self._take()
            if self._seconds < INLINE_SECONDS:
                self._finish(batch, self._run(batch))
            else:
                self._running += 1
                future = self._pool.submit(self._run, batch)
                future.add_done_callback(lambda done, batch=batch: self._back(batch, done))  # type: ignore[misc]

    def _back(self, batch: Sequence[_Waiting], future: Future[list[Outputs | Refusal]]) -> None:
        def finish() -> None:
            self._running -= 1
            self._finish(batch, future.result())
            self._start()

        self._loop.call_soon_threadsafe(finish)

    def _take(self) -> list[_Waiting]:
        """Take the next request and those behind it that fit into one batch with it."""
        batch = [self._queue.popleft()]
        rows = batch[0].rows
        while rows and self._queue and self._queue[0].rows and rows + self._queue[0].rows <= MAX_ROWS:
            rows += self._queue[0].rows
            batch.append(self._queue.popleft())
        return batch

    def _run(self, batch: Sequence[_Waiting]) -> list[Outputs | Refusal]:
        start = time.perf_counter()
        answers: list[Outputs | Refusal]
        if len(batch) == 1:
            answers = [self._alone(batch[0])]
        else:
            try:
                answers = list(self._together(batch))
            except Exception:  # one of them is to blame, and only that one shall hear it
                answers = [self._alone(one) for one in batch]
        took = time.perf_counter() - start
        if self._ran:
            self._ran(requests=len(batch), rows=sum(map(_count, batch)), waited=start - batch[0].since)
        self._seconds = took if self._seconds == math.inf else 0.8 * self._seconds + 0.2 * took
        return answers

    def _alone(self, one: _Waiting) -> Outputs | Refusal:
        try:
            return self._signature.run(one.inputs)
        except Refusal as refusal:
            return refusal
        except Exception:
            log.exception("signature %s failed", self._signature.name)
            return Refusal(Code.INTERNAL, "Internal error")

    def _together(self, batch: Sequence[_Waiting]) -> list[Outputs]:
        joined = {name: _concatenate([one.inputs[name] for one in batch]) for name in self._signature.inputs}
        outputs = self._signature.run(joined)
        ranked = "k" in joined
        answers, at = [], 0
        for one in batch:
            rows = slice(at, at + one.rows)
            at += one.rows
            answer = {name: array[rows] for name, array in outputs.items()}
            if ranked:  # alone, the answer is as wide as its own largest k
                width = int(one.inputs["k"].max())
                answer = {name: array[:, :width] if array.ndim == 2 else array for name, array in answer.items()}
            answers.append(answer)
        return answers

    def _finish(self, batch: Sequence[_Waiting], answers: Sequence[Outputs | Refusal]) -> None:
        for one, answer in zip(batch, answers, strict=True):
            one.done(answer)


def _count(one: _Waiting) -> int:
    return one.rows or math.prod(next(iter(one.inputs.values())).shape[:1])


_THREADS = min(4, os.cpu_count() or 1)


def new_pool() -> ThreadPoolExecutor:
    """Return the threads that slow graphs and large bodies share."""
    return ThreadPoolExecutor(_THREADS, thread_name_prefix="run")


def in_contract(signature: Signature) -> bool:
    """Tell whether a signature is one of the contract's, to the letter."""
    known = contract.SIGNATURES.get(signature.name)
    if known is None or set(signature.outputs) != set(known.outputs) or set(signature.inputs) != set(known.inputs):
        return False
    names = {name: np.dtype(KINDS[dtype].numpy) for name, dtype in signature.inputs.items() if dtype in KINDS}
    return all(names.get(name) == _dtype(tensor) for name, tensor in known.inputs.items())


def rows_of(signature: Signature, inputs: dict[str, Array]) -> int:
    """Return how many rows a contract request has, 0 if it must be run alone: too many, ragged, or to be refused."""
    known = contract.SIGNATURES[signature.name].inputs
    first = next(iter(inputs.values()))
    rows = len(first) if first.ndim else 0
    for name, tensor in known.items():
        array = inputs[name]
        if array.ndim != len(tensor.shape) or len(array) != rows:
            return 0
    if "k" in inputs and rows and inputs["k"].min() < 1:
        return 0
    return rows if rows <= MAX_ROWS else 0


def _dtype(tensor: contract.Tensor) -> np.dtype[np.generic]:
    return np.dtype(object if tensor.dtype == "string" else tensor.dtype)


def _concatenate(arrays: Sequence[Array]) -> Array:
    """Join along the first axis; string lists of unlike widths are filled up with the contract's padding."""
    if arrays[0].ndim == 1 or len({array.shape[1] for array in arrays}) == 1:
        return np.concatenate(arrays)
    width = max(array.shape[1] for array in arrays)
    joined = np.full((sum(map(len, arrays)), width), contract.PADDING, dtype=object)
    at = 0
    for array in arrays:
        joined[at : at + len(array), : array.shape[1]] = array
        at += len(array)
    return joined
