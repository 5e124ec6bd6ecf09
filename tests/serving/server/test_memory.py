"""What is free goes back to the system, also where it was held for longer than the first tries take."""

from __future__ import annotations

import asyncio
import ctypes
import sys

import psutil
import pytest

from serving.engines.budget import Account, Budget
from serving.http.messages import Limits
from serving.http.server import HttpServer
from serving.server import memory

PIECE = 64 << 10
"""Bytes that are taken from the heap, and not from the system by themselves."""

pytestmark = pytest.mark.skipif(
    sys.platform != "linux", reason="glibc alone keeps what is free, and can be told not to"
)


def resident() -> int:
    return int(psutil.Process().memory_info().rss)


async def held_for(seconds: float) -> tuple[int, int]:
    """Hold 128 MB for so long, and free all but every hundredth piece: growth meanwhile, and in the end."""
    account, http = Account(Budget()), HttpServer(lambda request: None, limits=Limits())
    ctypes.CDLL(None).malloc_trim(0)  # what other tests left free would be taken first, and be no growth
    before = resident()
    tidying = asyncio.create_task(memory.keep_low(account, http))
    await asyncio.sleep(0)
    pieces = [bytearray(b"x" * PIECE) for _ in range((128 << 20) // PIECE)]
    most = resident() - before
    await asyncio.sleep(seconds)
    pieces = pieces[::100]  # what stays keeps the heap from being cut off at its end
    for _ in range(100):
        await asyncio.sleep(0.05)
        if resident() - before < memory.WORTH:
            break
    tidying.cancel()
    return most, resident() - before


@pytest.mark.parametrize("seconds", [0.0, 1.0])
def test_what_was_held_before_or_past_the_last_try_goes_back_to_the_system(
    monkeypatch: pytest.MonkeyPatch, seconds: float
) -> None:
    monkeypatch.setattr(memory, "EVERY", 0.02)
    monkeypatch.setattr(memory, "LATER", 1.5)
    most, left = asyncio.run(held_for(seconds))
    assert most > 100 << 20
    assert left < memory.WORTH
