"""A real browser for tests: Chromium as the machine has it, driven by Playwright, which brings none of its own here.

Beside it how the page of `triptych explore` is opened in it, and read.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Locator, Page, expect, sync_playwright

FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"]
FLAGS += ["--disable-component-update", "--disable-sync", "--disable-dev-shm-usage"]
# The address bar opens two pages of its own in each window, unless told not to: a third of what these tests took. The
# last list of features is the only one that counts, so those by which Playwright keeps off the network are said again.
UNWANTED = ("WebUIOmniboxPopup", "WebUIOmniboxAimPopup")
UNWANTED += ("AimEnabled", "MediaRouter", "NetworkTimeServiceQuerying", "OptimizationHints", "PreconnectToSearch")
FLAGS += [f"--disable-features={','.join(UNWANTED)}"]

DESKTOP = {"width": 1280, "height": 900}

SCREENSHOTS = os.environ.get("TRIPTYCH_SCREENSHOTS")
"""A folder that the pictures go to; `make screenshots` names one."""


def executable() -> str | None:
    """Find Chromium: named in the environment, or by a usual name on the path; first what has no window to draw."""
    names = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
    return os.environ.get("CHROMIUM") or next((found for found in map(shutil.which, names) if found), None)


@contextmanager
def chromium() -> Iterator[Browser]:
    """Start it without a screen; skip where there is none."""
    path = executable()
    if path is None:
        pytest.skip("no Chromium: install it (Debian: apt-get install chromium-headless-shell) or name it in CHROMIUM")
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


def accessible(page: Page) -> None:
    found = Axe().run(page)
    assert found.violations_count == 0, found.generate_report()


def open_for(page: Page, address: str, user: str = "7") -> None:
    page.goto(f"{address}/#user={user}")
    expect(page.locator(".rank")).not_to_have_count(0)


def listed(page: Page, model: str) -> list[tuple[str, str]]:
    """Read a model's list off the page: items and scores as they are written."""
    rows = section(page, model).locator(".rank")
    return list(zip(rows.locator(".title").all_inner_texts(), rows.locator(".score").all_inner_texts(), strict=True))


def section(page: Page, model: str) -> Locator:
    return page.get_by_role("region", name=model, exact=True)


def settled(page: Page, model: str, answer: object) -> None:
    """Wait until a model's list is what a client is answered."""
    expect(section(page, model).locator(".title")).to_have_text(list(answer.items))
    expect(section(page, model).locator(".score")).to_have_text(written(answer.scores))


def written(scores: Sequence[float]) -> list[str]:
    """Write scores as the page does: three decimals, a half away from zero; whole numbers, popularity, without."""
    digits = Decimal("1") if all(float(score).is_integer() for score in scores) else Decimal("0.001")
    return [str(Decimal(score).quantize(digits, ROUND_HALF_UP)) for score in scores]
