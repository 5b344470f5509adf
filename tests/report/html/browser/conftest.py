"""One browser for all tests, and after each: nothing in its console, and nothing asked of anybody."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from selenium import webdriver

from tests.report.html.browser.chromium import Page, start

_AXE = Path(sys.prefix) / "browser/node_modules/axe-core/axe.min.js"


@pytest.fixture(scope="session")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[webdriver.Chrome]:
    """Debian's Chromium under its own driver."""
    browser, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if browser is None or driver is None:
        pytest.skip("there is no chromium with its chromedriver: scripts/setup-browser .venv installs both")
    started = start(browser, driver, tmp_path_factory.mktemp("profile"))
    try:
        yield started
    finally:
        started.quit()


@pytest.fixture
def page(chromium: webdriver.Chrome, tmp_path: Path) -> Iterator[Page]:
    """A page that must keep to itself."""
    shown = Page(chromium, tmp_path)
    shown.complaints()
    shown.requests()
    yield shown
    assert shown.complaints() == []
    assert shown.requests() == set()


@pytest.fixture(scope="session")
def axe() -> str:
    """The source of axe-core."""
    if not _AXE.is_file():
        pytest.skip("there is no axe-core: scripts/setup-browser .venv installs it")
    return _AXE.read_text(encoding="utf-8")
