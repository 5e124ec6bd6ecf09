"""Three small versions behind a real server, the page of `triptych explore` in front, and a browser to see it in."""

from __future__ import annotations

import shutil
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from browser import DESKTOP, chromium
from live import explore, live
from playwright.sync_api import Browser, Page

import export  # noqa: F401  isort: skip - selects Keras 2

import tensorflow as tf

from export.models.registry import MODELS
from export.publishing import manifest
from export.publishing.names import write_names

KINDS = {"two_tower": "plain", "wide_deep": "user_biases", "lightfm": "history"}
FOREIGN = "foreign"


class Doubler(tf.Module):
    """A model of somebody else, which keeps no contract."""

    @tf.function(input_signature=[tf.TensorSpec([None], tf.float32, name="x")])
    def __call__(self, x):
        return {"y": 2.0 * x}


@pytest.fixture(scope="session")
def folder(tmp_path_factory, tiny_versions) -> Path:
    """A models folder as people have it: three versions with manifests, and one that is none of ours."""
    models = tmp_path_factory.mktemp("explored")
    for model, kind in KINDS.items():
        tiny = tiny_versions[kind]
        shutil.copytree(tiny.folder, models / model / "1")
        config = MODELS[model].recipes["tutorial"]
        origin = manifest.Origin(model=model, recipe="tutorial", config=config, seed=7, data="ratings.csv")
        manifest.write(models / model / "1", origin, tiny.interactions)
        write_names(models / model / "1", tiny.interactions)
    module = Doubler()
    tf.saved_model.save(module, str(models / FOREIGN / "1"), signatures=module.__call__)
    return models


@pytest.fixture(scope="module")
def server(folder) -> Iterator[str]:
    with live(models=folder) as where:
        yield f"http://127.0.0.1:{where.rest_port}"


@pytest.fixture
def unused_port() -> Iterator[int]:
    """A port that nobody answers on; kept, so that no other test is given it, and not listened on, so that one may."""
    with socket.socket() as kept:
        kept.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        kept.bind(("127.0.0.1", 0))
        yield int(kept.getsockname()[1])


@pytest.fixture(scope="module")
def page_at(folder, server) -> Iterator[str]:
    with explore("--url", server, "--models", str(folder)) as (_, address):
        yield address


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as found:
        yield found


@pytest.fixture
def page(browser: Browser, page_at: str) -> Iterator[Page]:
    """The page, watched: nothing goes wrong in it, and nothing is asked elsewhere."""
    context = browser.new_context(viewport=DESKTOP, permissions=["clipboard-read", "clipboard-write"])
    page = context.new_page()
    page.set_default_timeout(10_000)
    faults: list[str] = []
    page.on("console", lambda message: faults.append(message.text) if message.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.on("request", lambda request: None if request.url.startswith(page_at) else faults.append(request.url))
    yield page
    context.close()
    assert faults == []
