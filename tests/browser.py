"""A real browser for tests: Chromium as the machine has it, driven by Playwright, which brings none of its own here."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"]
FLAGS += ["--disable-component-update", "--disable-sync", "--disable-dev-shm-usage"]

SCREENSHOTS = os.environ.get("TRIPTYCH_SCREENSHOTS")
"""A folder that the pictures go to; `make screenshots` names one."""


def executable() -> str | None:
    """Find Chromium: named in the environment, or by a usual name on the path."""
    names = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
    return os.environ.get("CHROMIUM") or next((found for found in map(shutil.which, names) if found), None)


@contextmanager
def chromium() -> Iterator[Browser]:
    """Start it without a screen; skip where there is none."""
    path = executable()
    if path is None:
        pytest.skip("no Chromium: install it (Debian: apt-get install chromium) or name it in CHROMIUM")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
        try:
            yield browser
        finally:
            browser.close()


def picture(page: Page, name: str) -> None:
    """Keep what the page shows, for people to look at, where the environment names a folder."""
    if SCREENSHOTS:
        page.screenshot(path=Path(SCREENSHOTS) / f"{name}.png", full_page=True)
