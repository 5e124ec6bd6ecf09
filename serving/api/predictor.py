"""Run signatures of loaded versions for whoever asks, by either API."""

from __future__ import annotations

import weakref
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from serving.api.threads import Pools
from serving.engines.batching import Batcher
from serving.engines.budget import Account
from serving.engines.engine import Servable, Signature
from serving.engines.pace import Pace
from serving.engines.rows import Price
from serving.engines.waiting import Caller, Done
from serving.repository.repository import Repository
from serving.wire.tensors import Array

if TYPE_CHECKING:
    from serving.api.metrics import Metrics


class Asked(NamedTuple):
    """What a request asks for: a signature of a version, the inputs, and the elements that they stand for."""

    servable: Servable
    signature: Signature
    inputs: dict[str, Array]
    price: Price


class _Queues(NamedTuple):
    """A signature's: for most, and for what takes long; what either runs tells how fast its rows go."""

    pace: Pace
    main: Batcher
    alone: Batcher


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
        # Keyed by the version itself, so that its queues go with it.
        self._queues: weakref.WeakKeyDictionary[Servable, dict[str, _Queues]] = weakref.WeakKeyDictionary()

    def submit(self, asked: Asked, caller: Caller, done: Done) -> None:
        """Run a signature whose inputs have been verified; ``done`` hears the outcome."""
        queues = self._of(asked)
        batcher = queues.alone if queues.pace.takes_long(asked.price.row) else queues.main
        batcher.submit(asked.inputs, asked.price, caller, done)

    def _of(self, asked: Asked) -> _Queues:
        queues = self._queues.get(asked.servable)
        if queues is None:
            queues = self._queues[asked.servable] = {}
        found = queues.get(asked.signature.name)
        if found is None:
            found = queues[asked.signature.name] = self._made(asked.servable, asked.signature)
        return found

    def _made(self, servable: Servable, signature: Signature) -> _Queues:
        which = (servable.model, servable.version, signature.name)
        ran = partial(self._metrics.ran, *which) if self._metrics else None
        pace = Pace(signature.seconds)
        return _Queues(
            pace=pace,
            main=Batcher(signature, self.pools.graphs, pace=pace, join=self._batching, ran=ran),
            alone=Batcher(signature, self.pools.long, pace=pace, join=False, threads=1, ran=ran),
        )
