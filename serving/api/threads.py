"""Work that is too long for the event loop: done in threads while somebody waits for it, dropped once nobody does."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeVar

from serving.engines.batching import THREADS
from serving.http.messages import Request
from serving.wire.error_codes import Code, Refusal

T = TypeVar("T")

log = logging.getLogger("triptych.rest")


@dataclass(frozen=True, kw_only=True)
class Pools:
    """Threads, a pool for each kind of work, so that none waits for another.

    Attributes:
        graphs: run what takes longer than the event loop may be held up.
        long: one thread for runs of a single row that take much longer: the others' threads are never all taken.
        bodies: read and write what is large.
        exact: one thread for the exact reader. Its work is Python's, a second for each megabyte: two of them would take
            as long together, and everybody else's wait for the interpreter twice as long.
    """

    graphs: ThreadPoolExecutor
    long: ThreadPoolExecutor
    bodies: ThreadPoolExecutor
    exact: ThreadPoolExecutor

    @classmethod
    @contextmanager
    def open(cls) -> Iterator[Pools]:
        """Start them; at the end what was begun is finished."""
        with (
            ThreadPoolExecutor(THREADS, thread_name_prefix="graph") as graphs,
            ThreadPoolExecutor(1, thread_name_prefix="long") as long,
            ThreadPoolExecutor(THREADS, thread_name_prefix="body") as bodies,
            ThreadPoolExecutor(1, thread_name_prefix="exact") as exact,
        ):
            yield cls(graphs=graphs, long=long, bodies=bodies, exact=exact)


def in_thread(
    pool: ThreadPoolExecutor,
    request: Request,
    work: Callable[[], T],
    then: Callable[[T], None],
    refuse: Callable[[Refusal], None],
) -> None:
    """Do a request's work in a thread, and what follows, or what refuses it, on the event loop; called there."""
    loop = asyncio.get_running_loop()

    def finished(future: Future[T]) -> None:
        loop.call_soon_threadsafe(follow, future)

    def follow(future: Future[T]) -> None:
        request.on_leave = None  # it leads back to the request: only a collection would free both, and the body
        held.clear()
        try:
            then(future.result())
        except Exception as error:  # whatever it is, the caller is to have an answer
            refuse(_refusal(error, request))
        finally:
            del future  # it holds the refusal, whose traceback holds this frame, and with it the body

    def leave() -> None:
        if future.cancel():  # else it has begun, and `stay` ends it
            held.clear()  # the pool keeps what is cancelled until its turn would have come, and with it the body

    def run() -> T:
        return held[0]()

    held = [work]
    future = pool.submit(run)
    request.on_leave = leave
    future.add_done_callback(finished)


def stay(request: Request) -> None:
    """Raise once nobody waits for a request's answer any more; to be called now and then by work that takes long.

    Raises:
        Refusal: the caller is gone.
    """
    if request.gone:
        raise Refusal(Code.CANCELLED, "the caller is gone")


def _refusal(error: Exception, request: Request) -> Refusal:
    if isinstance(error, Refusal):
        return error
    if isinstance(error, CancelledError):
        return Refusal(Code.CANCELLED, "the caller is gone")
    if isinstance(error, MemoryError):
        return Refusal(Code.RESOURCE_EXHAUSTED, "there is no memory left for this request: try again")
    log.error("%r %r failed", request.method, request.target, exc_info=error)
    return Refusal(Code.INTERNAL, "Internal error")
