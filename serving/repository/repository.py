"""The loaded versions of every model: watches base paths, loads before it unloads, tries again what is broken.

One thread polls, loads and decides; readers take a snapshot that it replaces in one assignment. A servable lives as
long as somebody holds it, so a request in flight finishes on the version it began with.
"""

from __future__ import annotations

import gc
import logging
import threading
import time
import weakref
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path

from serving.engines.engine import Servable
from serving.errors import Failure
from serving.repository.life import Followed
from serving.repository.model_sources import ModelSource, Sources
from serving.repository.snapshot import Snapshot, State

LOAD_RETRIES = 5
RETRY_SECONDS = 60.0
"""A version that does not load is tried again this often, this far apart: TensorFlow Serving's defaults."""

STOP_SECONDS = 5.0
"""How long the end waits for a load that is going on."""

log = logging.getLogger("triptych.repository")

Load = Callable[[str, int, Path], Servable]


class Repository:
    """Loads and unloads what ``sources`` lists; start it with `start`, end it with `stop`. ``unloaded`` hears of these.

    Attributes:
        now: what can be answered at this instant.
    """

    def __init__(
        self,
        sources: Sources,
        load: Load,
        *,
        poll_seconds: float = 1.0,
        unloaded: Callable[[str, int], None] = lambda model, version: None,
    ) -> None:
        self._sources = sources
        self._load = load
        self._unloaded = unloaded
        self._poll_seconds = poll_seconds
        self._models: dict[str, dict[int, Followed]] = {}
        self._known: dict[str, ModelSource] = {}
        self.now = Snapshot()
        self._stopped = threading.Event()
        self._freed = threading.Event()
        self._first: Future[None] = Future()
        self._thread = threading.Thread(target=self._watch, name="repository", daemon=True)

    def start(self) -> Future[None]:
        """Load everything that is wanted now, then watch for what comes; what is returned is done once that is loaded.

        It fails with a Failure if the sources cannot be read.
        """
        self._first.set_running_or_notify_cancel()
        self._thread.start()
        return self._first

    def stop(self) -> None:
        """Stop watching, and loading after the load that is going on; what is loaded stays usable."""
        self._stopped.set()
        if self._thread.is_alive():
            self._thread.join(STOP_SECONDS)

    def poll(self, sources: list[ModelSource]) -> None:
        """Bring what is loaded in line with what is wanted, once; a change is taken up as a whole or not at all."""
        unready = self._unready_label(sources)
        if unready:
            log.error("nothing of the new configuration is taken up: %s", unready)
        else:
            self._known = {source.name: source for source in sources}
        for name in set(self._models) - set(self._known):
            self._forget(name, keep=set())
            self._unload(name, keep=set())
        self._publish()
        for source in self._known.values():
            wanted: dict[int, Path] = {}
            try:
                wanted = source.wanted()
            except OSError as error:
                log.warning("model %s: base path cannot be listed: %s", source.name, error)
            self._forget(source.name, keep=set(wanted))
            if wanted:  # else the last good one goes on answering: an emptied folder is more often a slip than an order
                self._follow(source.name, wanted)

    def _unready_label(self, sources: list[ModelSource]) -> str | None:
        """Say which label would move to a version that does not answer yet, in TensorFlow Serving's words.

        It looks at the labels before it loads what the same configuration asks for, so a version has to be available
        under the old labels first. A label that is new may name any version, as it lets it with
        --allow_version_labels_for_unavailable_models; without that flag no server would start on a file with labels.
        """
        for source in sources:
            known = self._known.get(source.name)
            for label, number in source.labels.items():
                version = self._models.get(source.name, {}).get(number)
                moved = known is not None and known.labels.get(label, number) != number
                if moved and (version is None or version.state != State.AVAILABLE):
                    lacking = "which is not currently available for inference"
                    return f"Request to assign label to version {number} of model {source.name}, {lacking}"
        return None

    def _follow(self, name: str, wanted: dict[int, Path]) -> None:
        versions = self._models.setdefault(name, {})
        for number, path in sorted(wanted.items()):
            version = versions.get(number)
            moved = version is not None and version.path != path and version.state != State.AVAILABLE
            if version is None or version.forgotten or moved:
                version = versions[number] = Followed(path=path)
            due = version.state in (State.START, State.LOADING) and time.monotonic() >= version.retry_at
            if due and not self._stopped.is_set():
                self._try(name, number, version)
        # Availability first: the old version goes when a wanted one answers.
        if any(versions[number].state == State.AVAILABLE for number in wanted):
            self._unload(name, keep=set(wanted))
        self._publish()

    def _try(self, name: str, number: int, version: Followed) -> None:
        version.state = State.LOADING
        self._publish()
        start = time.perf_counter()
        try:
            version.servable = self._load(name, number, version.path)
        except Exception as failure:  # whatever a folder holds, the others are still to be watched
            version.attempts += 1
            version.retry_at = time.monotonic() + RETRY_SECONDS
            log.error("model %s version %d: attempt %d: %s", name, number, version.attempts, failure)
            if version.attempts > LOAD_RETRIES:
                version.state, version.error = State.END, str(failure)
            return
        weakref.finalize(version.servable, self._freed.set).atexit = False
        version.state = State.AVAILABLE
        log.info("model %s version %d: loaded in %.0f ms", name, number, 1e3 * (time.perf_counter() - start))

    def _forget(self, name: str, keep: set[int]) -> None:
        for number, version in self._models.get(name, {}).items():
            version.forgotten |= number not in keep and version.state != State.AVAILABLE

    def _unload(self, name: str, keep: set[int]) -> None:
        for number, version in self._models[name].items():
            if number not in keep and version.state != State.END:
                log.info("model %s version %d: unloaded", name, number)
                version.state, version.servable, version.error, version.forgotten = State.END, None, "", True
                self._unloaded(name, number)

    def _publish(self) -> None:
        servables = {}
        statuses = {}
        for name, versions in self._models.items():
            servables[name] = {number: one.servable for number, one in versions.items() if one.servable is not None}
            statuses[name] = {number: one.status(number) for number, one in versions.items()}
        labels = {name: source.labels for name, source in self._known.items()}
        self.now = Snapshot(servables=servables, labels=labels, statuses=statuses)

    def _watch(self) -> None:
        try:
            self.poll(self._sources())
        except Exception as error:  # told to whoever starts
            self._first.set_exception(error)
            return
        self._first.set_result(None)
        while not self._stopped.wait(self._poll_seconds):
            try:
                self.poll(self._read())
            except Exception:
                log.exception("nothing changed")
            if (
                self._freed.is_set()
            ):  # no request holds it any more, but a TensorFlow graph's operations hold each other
                self._freed.clear()
                gc.collect()

    def _read(self) -> list[ModelSource]:
        try:
            return self._sources()
        except (Failure, OSError) as failure:  # a configuration being edited: what it said before is still followed
            log.warning("nothing of the new configuration is taken up: %s", failure)
            return list(self._known.values())
