"""A small version, loaded by either engine."""

from __future__ import annotations

import pytest

from serving.engines import engine


@pytest.fixture(scope="module", params=["onnx", "tensorflow"])
def servable(request, tiny_version):
    return engine.load("m", 1, tiny_version.folder, engine=request.param)
