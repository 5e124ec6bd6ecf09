"""What a server counts for Prometheus: TensorFlow Serving's own names, and beside them ours, which know the signature.

Ours begin with ``triptych_``. Labels are never what a caller made up, but a model, version and signature that exist, or
nothing. With several worker processes each counts into files, and whichever is asked adds them up.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest, multiprocess, values
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.metrics_core import Metric

from serving.wire.error_codes import Code

PREFIX = ":tensorflow:serving:"

_MICROSECONDS = tuple(10 * 1.8**power for power in range(33))
"""TensorFlow Serving's latency buckets."""

_SECONDS = tuple(1e-4 * 2**power for power in range(18))
_ROWS = tuple(2**power for power in range(11))

_NO_TOTAL = (f"{PREFIX}request_count", ":tensorflow:cc:saved_model:load_attempt_count")
"""Counters whose names the library ends in _total and TensorFlow Serving does not."""

_WHICH = ("model", "version", "signature")


class Metrics:
    """Counts requests, batches, loads and unloads; what is read when it is asked for is read then."""

    def __init__(self) -> None:
        registry = self._registry = CollectorRegistry()

        def counter(name: str, what: str, *labels: str) -> Counter:
            return Counter(name, what, labels, registry=registry)

        def histogram(name: str, what: str, buckets: tuple[float, ...], *labels: str) -> Histogram:
            return Histogram(name, what, labels, buckets=buckets, registry=registry)

        self._count = counter(f"{PREFIX}request_count", "The total number of requests.", "model_name", "status")
        about = "Distribution of wall time (in microseconds) for Tensorflow Serving requests."
        latency = f"{PREFIX}request_latency"
        self._latency = histogram(latency, about, _MICROSECONDS, "model_name", "API", "entrypoint")
        attempts = ":tensorflow:cc:saved_model:load_attempt_count"
        self._attempts = counter(attempts, "The number of times a SavedModel was loaded.", "model_path", "status")
        which = (*_WHICH, "entrypoint")
        self._requests = counter("triptych_requests", "Predict requests, by what answered.", *which, "status")
        self._seconds = histogram("triptych_request_seconds", "From request to answer, where OK.", _SECONDS, *which)
        self._rows = histogram("triptych_batch_rows", "Rows that one run of a graph answered.", _ROWS, *_WHICH)
        self._joined = histogram("triptych_batch_requests", "Requests that one run answered.", _ROWS, *_WHICH)
        self._waited = histogram("triptych_waiting_seconds", "The longest wait in a batch.", _SECONDS, *_WHICH)
        self._loads = counter("triptych_loads", "Versions loaded, or tried.", "model", "version", "status")
        self._load_seconds = histogram("triptych_load_seconds", "How long a load took.", _SECONDS, "model")
        self._unloads = counter("triptych_unloads", "Versions unloaded.", "model", "version")
        self._loaded: set[tuple[str, int]] = set()
        self._several = values.ValueClass is not values.MutexValue
        if not self._several:
            registry.register(self)

    def request(
        self, *, entrypoint: str, api: str, model: str, version: int | None, signature: str, code: Code, seconds: float
    ) -> None:
        """Count an answered request; one that found no version counts for none, whatever model it named."""
        known = model if version is not None else ""
        self._count.labels(known, code.name).inc()
        if api == "predict":
            which = (known, "" if version is None else str(version), signature, entrypoint)
            self._requests.labels(*which, code.name).inc()
            if code == Code.OK:
                self._seconds.labels(*which).observe(seconds)
        if code == Code.OK:
            # TensorFlow Serving writes it small for REST, and large for gRPC.
            name = api if entrypoint == "REST" else api.capitalize()
            self._latency.labels(known, name, entrypoint).observe(1e6 * seconds)

    def ran(self, model: str, version: int, signature: str, *, requests: int, rows: int, waited: float) -> None:
        """Count one run of a graph."""
        which = (model, str(version), signature)
        self._rows.labels(*which).observe(rows)
        self._joined.labels(*which).observe(requests)
        self._waited.labels(*which).observe(waited)

    def loaded(self, model: str, version: int, path: Path, *, seconds: float, succeeded: bool) -> None:
        """Count an attempt to load a version."""
        status = "success" if succeeded else "fail"
        self._attempts.labels(str(path), status).inc()
        self._loads.labels(model, str(version), status).inc()
        if succeeded:
            self._load_seconds.labels(model).observe(seconds)
            self._loaded.add((model, version))

    def unloaded(self, model: str, version: int) -> None:
        """Count an unload; one that never was loaded is none."""
        if (model, version) in self._loaded:
            self._loaded.discard((model, version))
            self._unloads.labels(model, str(version)).inc()

    def collect(self) -> Iterator[Metric]:
        """Read what is not counted (called by prometheus_client): which versions are loaded, and the memory."""
        loaded = GaugeMetricFamily("triptych_loaded", "Versions that answer now.", labels=("model", "version"))
        for model, version in sorted(self._loaded):
            loaded.add_metric((model, str(version)), 1)
        yield loaded
        size = sum(map(_resident, _workers() if self._several else [os.getpid()]))
        yield GaugeMetricFamily("triptych_resident_bytes", "Memory that the server's processes hold.", value=size)

    def exposition(self) -> bytes:
        """Return everything as text, of all worker processes where there are several."""
        registry = self._registry
        if self._several:
            registry = CollectorRegistry()
            multiprocess.MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
            registry.register(self)
        text = generate_latest(registry)
        for name in _NO_TOTAL:
            text = text.replace(f"{name}_total".encode(), name.encode())
        return b"".join(line + b"\n" for line in text.splitlines() if b"_created" not in line)


def _workers() -> list[int]:
    """List the processes that share the ports: the children of this one's parent, but for multiprocessing's own."""
    parent = os.getppid()
    try:
        found = [int(pid) for pid in Path(f"/proc/{parent}/task/{parent}/children").read_text().split()]
        return [pid for pid in found if b"resource_tracker" not in Path(f"/proc/{pid}/cmdline").read_bytes()]
    except OSError:
        return [os.getpid()]


def _resident(process: int) -> int:
    try:
        return int(Path(f"/proc/{process}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:  # it ended meanwhile, or this is no Linux
        return 0
