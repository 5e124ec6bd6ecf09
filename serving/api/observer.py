"""What a server tells of itself: Prometheus metrics under TensorFlow Serving's names, access lines in the log.

Off by default, both: they are work for every request.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path

from serving.engines.engine import Servable
from serving.errors import Failure
from serving.printable import word
from serving.wire.error_codes import Code

access = logging.getLogger("triptych.access")

PREFIX = ":tensorflow:serving:"
_BUCKETS = tuple(10 * 1.8**power for power in range(33))
"""TensorFlow Serving's latency buckets, in microseconds."""

_COUNTERS = (
    f"{PREFIX}request_count",
    ":tensorflow:cc:saved_model:load_attempt_count",
    ":tensorflow:cc:saved_model:load_latency",
)


class Observer:
    """Counts and logs requests and loads; inactive unless it is given a metrics path or told to log.

    Attributes:
        path: where metrics are asked for, None for nowhere.
        active: whether `request` does anything.
    """

    def __init__(self, *, path: str | None, log_access: bool) -> None:
        self.path = path.encode() if path else None
        self.active = bool(path) or log_access
        self._log_access = log_access
        if path:
            self._start_metrics()

    def request(
        self, *, entrypoint: str, api: str, model: str, version: int | None, signature: str, code: Code, seconds: float
    ) -> None:
        """Take note of an answered request."""
        if self._log_access:
            which = "" if version is None else version
            line = "%s %s model=%s version=%s signature=%s status=%s ms=%.3f"
            access.info(line, entrypoint, api, word(model), which, word(signature), code.name, 1e3 * seconds)
        if self.path and api in ("predict", "classify", "regress"):
            # TensorFlow Serving counts any name it is asked for; a caller could fill the memory with them.
            known = model if version is not None else ""
            self._requests.labels(known, code.name).inc()
            if code == Code.OK:
                label = api if entrypoint == "REST" else api.capitalize()  # so unlike in TensorFlow Serving, too
                self._latency.labels(known, label, entrypoint).observe(1e6 * seconds)

    def loading(self, load: Callable[[str, int, Path], Servable]) -> Callable[[str, int, Path], Servable]:
        """Return ``load`` with its attempts counted."""
        if not self.path:
            return load

        def counted(model: str, version: int, path: Path) -> Servable:
            try:
                servable = load(model, version, path)
            except Failure:
                self._loads.labels(str(path), "fail").inc()
                raise
            self._loads.labels(str(path), "success").inc()
            return servable

        return counted

    def exposition(self) -> bytes:
        """Return the metrics as text, of all worker processes where there are several."""
        import prometheus_client
        from prometheus_client import multiprocess, values

        registry = self._registry
        if values.ValueClass is not values.MutexValue:
            registry = prometheus_client.CollectorRegistry()
            multiprocess.MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
        text = prometheus_client.generate_latest(registry)
        for name in _COUNTERS:  # the library ends a counter's name in _total, TensorFlow Serving does not
            text = text.replace(f"{name}_total".encode(), name.encode())
        return b"".join(line + b"\n" for line in text.splitlines() if b"_created" not in line)

    def _start_metrics(self) -> None:
        from prometheus_client import CollectorRegistry, Counter, Histogram  # not loaded where nobody asks for metrics

        self._registry = CollectorRegistry()
        self._requests = Counter(
            f"{PREFIX}request_count", "The total number of requests.", ("model_name", "status"), registry=self._registry
        )
        self._latency = Histogram(
            f"{PREFIX}request_latency",
            "Distribution of wall time (in microseconds) for Tensorflow Serving requests.",
            ("model_name", "API", "entrypoint"),
            buckets=_BUCKETS,
            registry=self._registry,
        )
        self._loads = Counter(
            ":tensorflow:cc:saved_model:load_attempt_count",
            "The number of times a SavedModel was loaded.",
            ("model_path", "status"),
            registry=self._registry,
        )
