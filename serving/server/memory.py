"""Give memory back to the system once a large request is over: else the C library keeps what is free in between.

glibc alone does so, and alone has the call that helps; elsewhere nothing is done.
"""

from __future__ import annotations

import asyncio
import ctypes
import gc
import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from serving.engines.budget import Account
from serving.http.server import HttpServer

MUCH = 8
"""Where more than one part in so many of what may be taken is held, it is about to be needed again."""

WORTH = 32 << 20
"""Bytes that are worth giving back: all threads wait for some milliseconds meanwhile."""

EVERY = 1.0
"""Seconds between two looks."""

TRIES = 5
"""How often in a row, as the last of a request may be there at first; what stays may be needed: a new version, say."""

LATER = 25.0
"""Seconds before one more try then: an answer that is not read is held for 30."""

M_ARENA_MAX = -8
"""mallopt's number for how many arenas there may be."""


async def keep_low(account: Account, http: HttpServer) -> None:
    """Look again and again whether more is held than was once enough, and nobody at work on anything large; for ever.

    What requests stand for would not tell: of what gRPC takes nothing is known here.
    """
    trim, low, tries = _trim(), _resident(), 0
    while trim is not None:
        await asyncio.sleep(EVERY)
        low = min(low, _resident())
        idle = account.held <= account.budget.in_flight // MUCH and http.buffered <= http.limits.buffered // MUCH
        if idle and _resident() > low + WORTH:
            gc.collect()  # what start-up made is frozen: some milliseconds
            await asyncio.to_thread(trim)
            tries += 1
            if tries == TRIES:
                await asyncio.sleep(LATER)
                tries -= 1
        else:
            tries = 0


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


def _resident() -> int:
    try:
        return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:  # no Linux
        return 0
