"""A server with little of everything, and two proven versions to go forth and back between."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from conftest import Tiny, once_for_all_workers
from live import live

from export.publishing.proof import prove
from serving.client.client import Client, Ranked
from serving.contract import MANIFEST
from serving.engines.budget import Budget
from serving.http.messages import Limits
from serving.server.rpc_server import RpcLimits

BUDGET = Budget(request=20_000, in_flight=40_000)
LIMITS = Limits(body=2 << 20, buffered=8 << 20, request_seconds=2, answer_seconds=2, linger_seconds=0.5, connections=60)
RPC = RpcLimits(calls=4, age_seconds=1, grace_seconds=1)

KINDS = ("plain", "item_biases")
"""What versions 1 and 2 are copies of."""


@pytest.fixture(scope="module")
def server(tiny_version):
    with live(models=tiny_version.folder.parent.parent, budget=BUDGET, limits=LIMITS, rpc=RPC) as where:
        yield where


@pytest.fixture(scope="session")
def proven(tmp_path_factory: pytest.TempPathFactory, tiny_versions: dict[str, Tiny]) -> Path:
    """Two proven versions of a model, at <folder>/m/1 and <folder>/m/2, which answer user 1 differently."""
    with once_for_all_workers(tmp_path_factory, "proven") as (models, first):
        if first:
            for number, kind in enumerate(KINDS, start=1):
                folder, tiny = models / "m" / str(number), tiny_versions[kind]
                shutil.copytree(tiny.folder, folder)
                (folder / MANIFEST).write_text(json.dumps({"contract": 1, "seed": number}))
                prove(folder, tiny.model, tiny.interactions)
    return models


@pytest.fixture
def models(proven: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(proven, tmp_path / "models"))


@pytest.fixture(scope="module")
def answers(proven: Path) -> dict[int, Ranked]:
    """What each version answers user 1, asked offline."""
    found = {}
    for number in (1, 2):
        with Client((proven / "m" / str(number)).as_uri(), model="m") as client:
            (found[number],) = client.recommend(["1"], k=5)
    assert found[1] != found[2]
    return found
