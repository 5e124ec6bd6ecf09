"""Run signatures of loaded versions for whoever asks, by either API."""

from __future__ import annotations

import weakref
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from serving.api.threads import Pools
from serving.engines.batching import THREADS, Batcher
from serving.engines.budget import Account
from serving.engines.engine import Servable, Signature
from serving.engines.rows import Price
from serving.engines.waiting import Caller, Done
from serving.repository.repository import Repository
from serving.wire.tensors import Array

if TYPE_CHECKING:
    from serving.api.metrics import Metrics

Batchers = dict[tuple[str, bool], Batcher]
"""A version's, by signature, and whether they are for what takes long."""


class Asked(NamedTuple):
    """What a request asks for: a signature of a version, the inputs, and the elements that they stand for."""

    servable: Servable
    signature: Signature
    inputs: dict[str, Array]
    price: Price


class Predictor:
    """Runs signatures of whatever version it is given, each through its own batcher."""

    def __init__(
        self,
        repository: Repository,
        pools: Pools,
        account: Account,
        *,
        batching: bool,
        metrics: Metrics | None = None,
    ) -> None:
        self.repository = repository
        self.pools = pools
        self.account = account
        self._metrics = metrics
        self._batching = batching
        # Keyed by the version itself, so that a batcher goes with it.
        self._batchers: weakref.WeakKeyDictionary[Servable, dict[tuple[str, bool], Batcher]] = (
            weakref.WeakKeyDictionary()
        )

    def submit(self, asked: Asked, caller: Caller, done: Done) -> None:
        """Run a signature whose inputs have been verified; ``done`` hears the outcome."""
        batcher = self._batcher(asked)
        if batcher.takes_long(asked.price):
            batcher = self._batcher(asked, alone=True)
        batcher.submit(asked.inputs, asked.price, caller, done)

    def _batcher(self, asked: Asked, *, alone: bool = False) -> Batcher:
        batchers = self._batchers.get(asked.servable)
        if batchers is None:
            batchers = self._batchers[asked.servable] = {}
        batcher = batchers.get((asked.signature.name, alone))
        if batcher is None:
            which = (asked.servable.model, asked.servable.version, asked.signature.name)
            ran = partial(self._metrics.ran, *which) if self._metrics else None
            pool, threads = (self.pools.long, 1) if alone else (self.pools.graphs, THREADS)
            batcher = Batcher(asked.signature, pool, join=self._batching and not alone, threads=threads, ran=ran)
            batchers[asked.signature.name, alone] = batcher
        return batcher
