"""Answer requests that arrive together with one run of the graph, and give each what it would have got alone.

Only the contract's signatures are joined, up to bounds on what one run may take; a request beyond them is run in
slices, between which others have their turn. A request that finds nobody else waiting is run at once, so batching never
costs a lone caller a wait.
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
from functools import partial

from serving.engines import rows as by_rows
from serving.engines.engine import Signature
from serving.engines.pace import Pace, lengths
from serving.engines.waiting import Caller, Done, Outputs, Waiting
from serving.wire.error_codes import Code, Refusal
from serving.wire.tensors import Array

log = logging.getLogger("triptych.batching")

MAX_WAITING = 4096
"""Requests that may wait for one signature before further ones are refused."""

INLINE_SECONDS = 0.002
"""A run foreseen to take longer leaves the event loop for a thread: that costs 0.05 ms, a blocked loop everyone."""

THREADS = min(4, os.cpu_count() or 1)
"""Runs of one signature at a time beside those on the event loop: a thread for each core, up to four."""


class Batcher:
    """Runs one signature of a loaded version for whoever asks, on the loop it is made in; ``ran`` hears of each run."""

    def __init__(
        self,
        signature: Signature,
        pool: ThreadPoolExecutor,
        *,
        pace: Pace,
        join: bool,
        threads: int = THREADS,
        ran: Callable[..., None] | None = None,
    ) -> None:
        self._signature = signature
        self._ran = ran
        self._loop = asyncio.get_running_loop()
        self._pool = pool
        self._join = join
        self._threads = threads
        self._known = by_rows.in_contract(signature)
        self._queue: deque[Waiting] = deque()
        self._running = 0
        self._planned = False
        self._pace = pace

    def submit(self, inputs: dict[str, Array], price: by_rows.Price, caller: Caller, done: Done) -> None:
        """Run the signature on these inputs, together with whatever else has arrived by the end of this loop turn."""
        if len(self._queue) >= MAX_WAITING:
            done(Refusal(Code.RESOURCE_EXHAUSTED, f"{MAX_WAITING} requests already wait for this signature"))
            return
        rows, even = by_rows.rows_of(self._signature, inputs) if self._known else (0, False)
        since = time.perf_counter() if self._ran else 0.0
        elements = price.row if rows else price.request
        self._wait(Waiting(inputs, rows, even and self._join, elements, done, caller, since))
        if not self._planned and self._running < self._threads:
            self._planned = True
            self._loop.call_soon(self._start)

    def _wait(self, one: Waiting) -> None:
        self._queue.append(one)
        one.caller.on_leave = partial(self._drop, one)

    def _drop(self, one: Waiting) -> None:
        """Forget a request whose caller has gone before its turn: it could come late, and it holds its inputs."""
        one.caller.on_leave = None  # it leads back to the caller: only a collection would free both
        self._queue.remove(one)
        self._loop.call_soon(one.done, Refusal(Code.CANCELLED, "the caller is gone"))

    def _start(self) -> None:
        self._planned = False
        while self._queue and self._running < self._threads:
            batch = self._take()
            if not batch:
                continue
            size = self._size(batch)
            if self._pace.seconds * size < INLINE_SECONDS:
                self._finish(batch, self._run(batch, size))
            else:
                self._running += 1
                future = self._pool.submit(self._run, batch, size)
                future.add_done_callback(lambda done, batch=batch: self._back(batch, done))  # type: ignore[misc]

    def _back(self, batch: Sequence[Waiting], future: Future[list[Outputs | Refusal | None]]) -> None:
        def finish() -> None:
            self._running -= 1
            self._finish(batch, future.result())
            self._start()

        self._loop.call_soon_threadsafe(finish)

    def _take(self) -> list[Waiting]:
        """Take the next request that somebody waits for, and those behind it that fit into one run with it."""
        batch: list[Waiting] = []
        rows = widest = 0
        while self._queue:
            one = self._queue[0]
            if one.caller.gone:  # it went while a slice was run
                self._queue.popleft().done(Refusal(Code.CANCELLED, "the caller is gone"))
                continue
            rows += one.rows
            widest = one.elements if one.elements > widest else widest
            if batch and (not one.joins or not by_rows.fits(rows, self._signature.catalogue, widest)):
                break
            batch.append(self._queue.popleft())
            one.caller.on_leave = None
            if not one.joins:
                break
        return batch

    def _size(self, batch: Sequence[Waiting]) -> float:
        """Foresee how long a run takes, in rows; what is cut into slices is never run on the event loop."""
        first = batch[0]
        if first.rows > 1 and not by_rows.fits(first.rows, self._signature.catalogue, first.elements):
            return math.inf
        return sum([lengths(one.elements, one.rows or 1) for one in batch])

    def _most_rows(self, elements: int) -> int:
        return by_rows.most_rows(self._signature.catalogue, elements)

    def _run(self, batch: Sequence[Waiting], size: float) -> list[Outputs | Refusal | None]:
        """Answer each of a batch; None: there is a slice more to run."""
        start = time.perf_counter()
        if size == math.inf:
            first = batch[0]
            size = lengths(first.elements, min(self._most_rows(first.elements), first.rows - first.at))
        answers: list[Outputs | Refusal | None]
        if len(batch) == 1:
            answers = [self._alone(batch[0])]
        else:
            try:
                answers = list(self._together(batch))
            except Exception:  # one of them is to blame, and only that one shall hear it
                answers = [self._alone(one) for one in batch]
        self._pace.learn((time.perf_counter() - start) / size)
        if self._ran:
            self._ran(requests=len(batch), rows=sum(map(_count, batch)), waited=start - batch[0].since)
        return answers

    def _alone(self, one: Waiting) -> Outputs | Refusal | None:
        try:
            if one.rows <= 1 or one.rows <= (step := self._most_rows(one.elements)):
                return self._signature.run(one.inputs)
            return self._slice(one, step)
        except Refusal as refusal:
            return refusal
        except MemoryError:
            return Refusal(Code.RESOURCE_EXHAUSTED, "there is no memory left for this request: try again, or for less")
        except Exception:
            log.exception("signature %s failed", self._signature.name)
            return Refusal(Code.INTERNAL, "Internal error")

    def _slice(self, one: Waiting, step: int) -> Outputs | None:
        one.keep(self._signature.run(by_rows.cut(one.inputs, slice(one.at, one.at + step))))
        one.at += step
        return by_rows.join(one.sliced) if one.at >= one.rows else None

    def _together(self, batch: Sequence[Waiting]) -> list[Outputs]:
        outputs = self._signature.run(by_rows.join([one.inputs for one in batch]))
        answers, at = [], 0
        widest = max([array.shape[1] for array in outputs.values() if array.ndim == 2], default=0)
        for one in batch:
            answer = by_rows.cut(outputs, slice(at, at + one.rows))
            at += one.rows
            if "k" in one.inputs and (width := by_rows.largest(one.inputs["k"])) < widest:  # as wide as it is alone
                answer = {name: array[:, :width] if array.ndim == 2 else array for name, array in answer.items()}
            answers.append(answer)
        return answers

    def _finish(self, batch: Sequence[Waiting], answers: Sequence[Outputs | Refusal | None]) -> None:
        for one, answer in zip(batch, answers, strict=True):
            if answer is None:
                self._wait(one)
            else:
                one.done(answer)


def _count(one: Waiting) -> int:
    return one.rows or math.prod(next(iter(one.inputs.values())).shape[:1])
