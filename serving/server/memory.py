"""Give memory back to the system once a large request is over: else the C library keeps what is free in between.

glibc alone does so, and alone has the call that helps; elsewhere nothing is done.
"""

from __future__ import annotations

import asyncio
import ctypes
import gc
from collections.abc import Callable
from contextlib import suppress

from serving.engines.budget import Account
from serving.http.server import HttpServer

MUCH = 64
"""What is worth giving back: one part in so many of what may be taken."""

M_ARENA_MAX = -8
"""mallopt's number for how many arenas there may be."""


async def keep_low(account: Account, http: HttpServer) -> None:
    """Look once a second whether much was taken and is free again; for ever."""
    trim = _trim()
    most = 0
    while trim is not None:
        await asyncio.sleep(1.0)
        most = max(most, http.buffered)
        much = account.most > account.budget.in_flight // MUCH or most > http.limits.buffered // MUCH
        if much and account.held <= account.most // 2 and http.buffered <= most // 2:
            account.most, most = account.held, http.buffered
            gc.collect()  # what start-up made is frozen: some milliseconds
            await asyncio.to_thread(trim)


def share_arena() -> None:
    """Have all threads allocate from one arena; to be called before there are any.

    Of the others' last free stretch, up to 64 MB for each thread, glibc never gives anything back.
    """
    with suppress(OSError, AttributeError, TypeError):
        ctypes.CDLL(None).mallopt(M_ARENA_MAX, 1)


def freeze() -> None:
    """Keep what there is by now out of every later collection: imports make most of a server's objects."""
    gc.collect()
    gc.freeze()


def _trim() -> Callable[[], object] | None:
    try:
        trim = ctypes.CDLL(None).malloc_trim
    except (OSError, AttributeError, TypeError):
        return None
    return lambda: trim(0)
