"""A real Chromium, and a page in it: what a person does with a report, and what the browser saw meanwhile."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from selenium import webdriver
from selenium.webdriver import ActionChains, Keys
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.select import Select

from probe.model.record import RunRecord
from probe.report.html import pieces
from probe.report.render import RenderOptions

_FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--hide-scrollbars",
    "--disable-background-networking", "--disable-component-update", "--disable-sync", "--force-device-scale-factor=1",
    "--disable-dev-shm-usage", "--disable-lcd-text",
)  # fmt: skip
"""Nothing that Chromium does on its own account, and the same pixels everywhere."""


def start(browser: str, driver: str, profile: Path) -> webdriver.Chrome:
    """One headless browser with an empty profile."""
    options = webdriver.ChromeOptions()
    options.binary_location = browser
    for flag in (*_FLAGS, f"--user-data-dir={profile}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    options.add_experimental_option("perfLoggingPrefs", {"enableNetwork": True, "enablePage": False})
    return webdriver.Chrome(options=options, service=Service(driver))


class Page:
    """A report in the browser."""

    def __init__(self, driver: webdriver.Chrome, directory: Path) -> None:
        self.driver = driver
        self._file = directory / "report.html"

    # --- looking ------------------------------------------------------------------------------------------------------

    def open(self, record: RunRecord, width: int = 1280, height: int = 900, *, dark: bool = False) -> None:
        """Load the record's page into a window of this size."""
        self.show(pieces(record, RenderOptions()), width, height, dark=dark)

    def show(self, document: Iterable[str], width: int = 1280, height: int = 900, *, dark: bool = False) -> None:
        """Load a page of ours."""
        self._file.write_text("".join(document), encoding="utf-8")
        self.look(width, height, dark=dark)
        self.driver.get(self._file.as_uri())

    def look(self, width: int, height: int = 900, *, dark: bool = False) -> None:
        """Another window, or another colour scheme."""
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [scheme]})

    def run(self, script: str, *arguments: Any) -> Any:
        """What a script in the page returns."""
        return self.driver.execute_script(script, *arguments)

    def all(self, selector: str) -> list[WebElement]:
        """All elements of a CSS selector."""
        return self.driver.find_elements(By.CSS_SELECTOR, selector)

    def one(self, selector: str) -> WebElement:
        """The first element of a CSS selector."""
        return self.driver.find_element(By.CSS_SELECTOR, selector)

    def text(self, selector: str) -> str:
        """The text that is seen there, on one line."""
        return " ".join(self.one(selector).text.split())

    def focused(self) -> WebElement:
        """Where the keyboard is."""
        return self.driver.switch_to.active_element

    # --- doing --------------------------------------------------------------------------------------------------------

    def click(self, selector: str) -> None:
        """Click an element, wherever it is on the page."""
        element = self.one(selector)
        self.run("arguments[0].scrollIntoView({block: 'center'})", element)
        element.click()

    def choose(self, selector: str, label: str) -> None:
        """Choose an option by its text."""
        Select(self.one(selector)).select_by_visible_text(label)

    def step(self, number: int) -> None:
        """Go to a step of the scenario that is shown, by its number from 0."""
        Select(self.one("#step")).select_by_value(str(number))

    def keys(self, *keys: str) -> None:
        """Press keys, one after the other."""
        ActionChains(self.driver).send_keys(*keys).perform()

    def tab_to(self, selector: str, most: int = 80) -> WebElement:
        """Press Tab until an element of the selector has the focus; fails when none ever has."""
        for _ in range(most):
            self.keys(Keys.TAB)
            if self.run("return document.activeElement.matches(arguments[0])", selector):
                return self.focused()
        raise AssertionError(f"Tab never came to {selector}")

    # --- what the browser saw -----------------------------------------------------------------------------------------

    def complaints(self) -> list[str]:
        """What is in the console since the last look."""
        return [entry["message"] for entry in self.driver.get_log("browser")]  # type: ignore[no-untyped-call]

    def requests(self) -> set[str]:
        """What the browser asked for since the last look, beside the page itself and what lies within it."""
        entries: Iterable[dict[str, Any]] = self.driver.get_log("performance")  # type: ignore[no-untyped-call]
        messages = (json.loads(entry["message"])["message"] for entry in entries)
        own = self._file.as_uri()
        sent = [each["params"] for each in messages if each["method"] == "Network.requestWillBeSent"]
        urls = {each["request"]["url"] for each in sent if each["documentURL"] == own}
        return {url for url in urls if url != own and not url.startswith("data:")}

    def pdf(self) -> bytes:
        """The page as it is printed."""
        printed = self.driver.execute_cdp_cmd("Page.printToPDF", {"printBackground": True, "preferCSSPageSize": True})
        return base64.b64decode(printed["data"])

    def picture(self, of: str | None = None, height: int = 900) -> bytes:
        """A PNG of the window, or of an element and at most this much of what follows it."""
        self.run("document.activeElement.blur()")
        arguments: dict[str, Any] = {"format": "png"}
        if of is not None:
            box = self.run(
                "const r = arguments[0].getBoundingClientRect();"
                "return [r.left + scrollX, r.top + scrollY, r.width, r.height]",
                self.one(of),
            )
            clip = {"x": box[0], "y": box[1], "width": box[2], "height": min(box[3], height), "scale": 1}
            arguments |= {"captureBeyondViewport": True, "clip": clip}
        return base64.b64decode(self.driver.execute_cdp_cmd("Page.captureScreenshot", arguments)["data"])
