"""What a server tells of itself: metrics for Prometheus, and a line for each request, as text or as JSON.

Off by default, both: they are work for every request.
"""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from serving.engines.engine import Servable
from serving.printable import word
from serving.wire.error_codes import Code

if TYPE_CHECKING:
    from serving.api.metrics import Metrics

AccessLog = Literal["text", "json"] | None

Load = Callable[[str, int, Path], Servable]

access = logging.getLogger("triptych.access")


class Observer:
    """Counts and logs requests and loads; inactive unless it is given a metrics path or told to log.

    Attributes:
        path: where metrics are asked for, None for nowhere.
        active: whether `request` does anything.
        metrics: what counts; None where there is no path.
    """

    def __init__(self, *, path: str | None, access_log: AccessLog) -> None:
        self.path = path.encode() if path else None
        self.active = bool(path or access_log)
        self.metrics: Metrics | None = None
        self._access_log = access_log
        if path:
            from serving.api.metrics import Metrics  # its library is not loaded where nobody asks for metrics

            self.metrics = Metrics()

    def request(
        self, *, entrypoint: str, api: str, model: str, version: int | None, signature: str, code: Code, seconds: float
    ) -> None:
        """Take note of an answered request."""
        if self._access_log:
            said = {"entrypoint": entrypoint, "api": api, "model": model, "version": version, "signature": signature}
            self._log({**said, "status": code.name, "ms": round(1e3 * seconds, 3)})
        if self.metrics and api in ("predict", "classify", "regress"):
            self.metrics.request(
                entrypoint=entrypoint,
                api=api,
                model=model,
                version=version,
                signature=signature,
                code=code,
                seconds=seconds,
            )

    def loading(self, load: Load) -> Load:
        """Return ``load`` with its attempts counted."""
        metrics = self.metrics
        if metrics is None:
            return load

        def counted(model: str, version: int, path: Path) -> Servable:
            start = time.perf_counter()
            succeeded = False
            try:
                servable = load(model, version, path)
                succeeded = True
            finally:
                metrics.loaded(model, version, path, seconds=time.perf_counter() - start, succeeded=succeeded)
            return servable

        return counted

    def unloaded(self, model: str, version: int) -> None:
        """Take note of an unload."""
        if self.metrics:
            self.metrics.unloaded(model, version)

    def exposition(self) -> bytes:
        """Return the metrics as text, of all worker processes where there are several."""
        return self.metrics.exposition() if self.metrics else b""

    def _log(self, said: dict[str, object]) -> None:
        if self._access_log == "json":
            access.info(json.dumps({"time": datetime.now(UTC).isoformat(timespec="milliseconds"), **said}))
        else:
            entrypoint, api, *rest = said.items()
            named = " ".join(f"{key}={word('' if value is None else str(value))}" for key, value in rest)
            access.info("%s %s %s", entrypoint[1], api[1], named)
