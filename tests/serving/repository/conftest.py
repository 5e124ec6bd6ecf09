"""A repository whose folder, loader and clock a test has in its hands."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from serving.engines.engine import Servable
from serving.errors import Failure
from serving.repository.model_sources import ModelSource
from serving.repository.repository import Repository


@pytest.fixture
def loads(monkeypatch):
    """A repository over a folder that is polled by hand, with a loader that fails where a version says so."""
    clock = SimpleNamespace(now=1000.0)
    monkeypatch.setattr("serving.repository.repository.time.monotonic", lambda: clock.now)

    def load(model: str, version: int, path: Path) -> Servable:
        if (path / "broken").exists():
            raise Failure("it is broken")
        return Servable(model=model, version=version, signatures={})

    def make(base: Path, **policy):
        repository = Repository(lambda: [], load)
        source = ModelSource(name="m", base_path=base, **policy)
        return SimpleNamespace(
            repository=repository,
            poll=lambda *others, **change: repository.poll([replace(source, **change), *others]),
            states=lambda: {one.version: one.state.name for one in repository.now.status("m")},
            answers=lambda **which: repository.now.find("m", **which).version,
            clock=clock,
        )

    return make
