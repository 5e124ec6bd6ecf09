"""How long the client waits for a server that is busy or slow, and how often it asks again."""

from __future__ import annotations

import itertools
import threading
import time
from typing import Any

import pytest
from standin import ITEMS, RefusedError, contract_answer

from serving.client.client import Client, ServerError
from serving.client.patience import PAUSES
from serving.errors import Failure

BUSY = [(503, "UNAVAILABLE", "the queue is full"), (429, "RESOURCE_EXHAUSTED", "Server Threadpool Exhausted")]


@pytest.mark.parametrize("refusal", BUSY, ids=["unavailable", "exhausted"])
def test_a_busy_server_is_asked_again_with_growing_pauses_and_then_it_is_said(client, server, refusal):
    times: list[float] = []

    def busy(signature: str, inputs: object) -> None:
        times.append(time.monotonic())
        raise RefusedError(*refusal)

    server.answer = busy
    sentence = rf"answered {refusal[0]}: {refusal[2]}; asked 6 times in \d+\.\d s, it is too busy$"
    with pytest.raises(ServerError, match=sentence) as caught:
        client.top(["42"])
    assert (caught.value.status, caught.value.text, len(server.seen)) == (refusal[0], refusal[2], 6)
    pauses = [after - before for before, after in itertools.pairwise(times)]
    assert all(pause >= atleast / 2 for pause, atleast in zip(pauses, PAUSES, strict=True))


@pytest.mark.parametrize("refusal", BUSY, ids=["unavailable", "exhausted"])
def test_a_server_that_was_busy_for_a_moment_answers_and_nobody_hears_of_it(client, server, refusal):
    refused = iter([True, True, False])

    def busy_at_first(signature: str, inputs: dict[str, list[Any]]) -> dict[str, list[Any]]:
        if next(refused):
            raise RefusedError(*refusal)
        return contract_answer(signature, inputs)

    server.answer = busy_at_first
    assert client.top(["42"])[0].items == ITEMS[:4]
    assert len(server.seen) == 3


@pytest.mark.parametrize("protocol", ["rest", "grpc"])
def test_a_server_too_slow_is_one_sentence_and_is_asked_once(server, protocol):
    asked, release = threading.Event(), threading.Event()

    def slow(signature, inputs):
        asked.set()
        release.wait(20)
        return contract_answer(signature, inputs)

    server.answer = slow
    with (
        Client(getattr(server, protocol), model="two_tower", timeout=0.2) as client,
        pytest.raises(Failure, match=r"no answer from .* within 0\.2 s$"),
    ):
        client.top(["42"])
    assert asked.wait(20)  # what was sent may be read only after its sender has given up
    release.set()
    assert len(server.seen) == 1
