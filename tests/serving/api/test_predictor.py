"""What is foreseen to take long has a thread of its own: it keeps nobody else waiting, and goes once nobody waits."""

from __future__ import annotations

import asyncio
import threading
import time
from contextlib import contextmanager
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from serving.api.predictor import Asked, Predictor
from serving.api.threads import Pools
from serving.engines import engine, rows
from serving.engines.batching import INLINE_SECONDS, THREADS
from serving.engines.budget import Account, Budget
from serving.engines.pace import LONG_SECONDS, Pace
from serving.engines.warm_up import seconds_a_row
from serving.wire.error_codes import Code
from serving.wire.tensors import strings

WIDE = 3000
"""Items left out, which make one row as long as fifty do."""


def inputs(user, width=1):
    item = strings(["Film 1 (1991)"] * width, (1, width))
    return {"user_id": strings([user], (1,)), "k": np.array([3], np.int32), "exclude": item, "unseen": np.array([True])}


class Held:
    """A version whose wide requests are not run before ``go`` is set; notes what is run, and how much of it at once."""

    def __init__(self, folder):
        self.go, self.begun = threading.Event(), threading.Event()
        self.ran, self.at_once, self._running = [], 0, 0
        self.stalls = 0.0
        loaded = engine.load("m", 1, folder)
        self._real = loaded.signatures["recommend"]
        self.signature = replace(self._real, run=self._run, seconds=INLINE_SECONDS)
        self.servable = replace(loaded, signatures={"recommend": self.signature})

    def _run(self, asked):
        self._running += 1
        self.at_once = max(self.at_once, self._running)
        self.ran.append(asked["user_id"][0])
        stalls, self.stalls = self.stalls, 0.0
        time.sleep(stalls)
        if asked["exclude"].shape[1] == WIDE:
            self.begun.set()
            assert self.go.wait(20)
        self._running -= 1
        return self._real.run(asked)

    def alone(self, asked):
        return {name: array.tolist() for name, array in self._real.run(asked).items()}


@contextmanager
def predictor(held, *, batching=False):
    """Give what submits a request and returns the future of its outcome."""
    with Pools.open() as pools:
        asks = Predictor(None, pools, Account(Budget()), batching=batching)

        def submit(asked, caller=None):
            future = asyncio.get_running_loop().create_future()
            price = rows.price(held.signature, asked)
            asks.submit(
                Asked(held.servable, held.signature, asked, price),
                caller or SimpleNamespace(gone=False),
                future.set_result,
            )
            return future

        try:
            yield submit
        finally:
            held.go.set()


@pytest.fixture
def held(tiny_version):
    return Held(tiny_version.folder)


@pytest.fixture
def pinned(monkeypatch):
    """Keep what a row is foreseen to take: a machine that stalls must not make a short run foreseen to be long."""
    monkeypatch.setattr(Pace, "learn", lambda pace, seconds: None)


async def told(future):
    outcome = await asyncio.wait_for(future, 20)
    return {name: array.tolist() for name, array in outcome.items()} if isinstance(outcome, dict) else outcome


async def begun(held):
    await asyncio.to_thread(held.begun.wait, 20)


def test_runs_that_take_long_wait_for_each_other_and_nobody_waits_for_them(held, pinned):
    async def ask():
        with predictor(held) as submit:
            long = [submit(inputs(str(user), WIDE)) for user in range(1, THREADS + 4)]
            await begun(held)
            short = [await told(submit(inputs(str(user)))) for user in range(1, 4)]
            assert not any(one.done() for one in long)
            held.go.set()
            return short, [await told(one) for one in long]

    short, long = asyncio.run(ask())
    assert short == [held.alone(inputs(str(user))) for user in range(1, 4)]
    assert long == [held.alone(inputs(str(user), WIDE)) for user in range(1, THREADS + 4)]
    assert held.at_once == 2  # a long one, and a short one beside it


def test_a_long_run_whose_caller_has_gone_before_its_turn_is_never_begun(held, pinned):
    async def ask():
        with predictor(held) as submit:
            first, goer = submit(inputs("1", WIDE)), SimpleNamespace(gone=False)
            second, third = submit(inputs("2", WIDE), goer), submit(inputs("3", WIDE))
            await begun(held)
            goer.gone = True
            held.go.set()
            return await told(first), await told(second), await told(third)

    first, second, third = asyncio.run(ask())
    assert second.code == Code.CANCELLED
    assert (first, third) == (held.alone(inputs("1", WIDE)), held.alone(inputs("3", WIDE)))
    assert held.ran == ["1", "3"]


def test_one_stall_ends_the_joining_of_requests_only_until_the_runs_are_short_again(held):
    async def ask():
        with predictor(held, batching=True) as submit:
            held.stalls = 6 * LONG_SECONDS  # one run of a row is foreseen to take a fifth of it
            await told(submit(inputs("1")))
            for _ in range(50):  # this machine may stall too
                held.ran.clear()
                for one in [submit(inputs(user)) for user in ("1", "2", "3")]:
                    await told(one)
                if len(held.ran) == 1:
                    return True
        return False

    assert asyncio.run(ask())


def test_a_stall_in_the_warm_up_is_not_taken_for_what_a_row_takes(held):
    def stalls(asked):
        calls.append(asked)
        if len(calls) == 2:
            time.sleep(0.3)
        return held.signature.run(asked)

    calls = []
    assert 0 < seconds_a_row(stalls, inputs("1")) < 0.3
