"""Hostile names, large runs, small and large windows, assistive technology, paper."""

from __future__ import annotations

import re
import time
from typing import Any

import pytest

from probe.model.record import RunRecord
from probe.report.diff.compare import compare
from probe.report.diff.render import FORMATS
from tests.report.html.browser.chromium import Page
from tests.report.watch.records import watch_record

pytestmark = pytest.mark.browser

HOSTILE = (
    "<script>window.pwned=1</script>",
    "<img src=x onerror=window.pwned=1>",
    "\"'`&amp;${1}</td>",
    "\u202e\u05d0\u05d1\u05d2 right to left",
    "__proto__",
    "x" * 253,
)


def test_hostile_names_are_text_everywhere(page: Page, build: Any) -> None:
    pods = [f"{name.replace('/', '∕')}/p{number}" for number, name in enumerate(HOSTILE)]
    cells = build.mesh(pods, seen=lambda cell: {"expected": "deny", "outcome": "connected", "decided_by": [HOSTILE[0]]})
    steps = [build.step(cells, name=name, description=name, changes=list(HOSTILE)) for name in HOSTILE[:2]]
    page.open(build.run(build.scenario(*steps, name=HOSTILE[0], description=HOSTILE[1]), notes=list(HOSTILE)))
    page.click(".place")
    page.keys("\ue00c")
    page.choose("#pod", pods[0])
    for number in range(len(steps)):
        page.step(number)
        assert page.run("return window.pwned") is None
    assert page.run("return document.querySelectorAll('script').length") == 3
    assert not page.all("img")
    seen = page.run("return document.body.textContent")
    assert "<script>window.pwned=1<∕script>/p0" in seen
    assert "\\u202e" in seen
    assert "\u202e" not in seen
    assert "x" * 253 in page.run("return [...document.querySelectorAll('.matrix th')].map((th) => th.title).join(' ')")


def test_what_is_not_ours_may_not_run(page: Page, green: RunRecord) -> None:
    page.open(green)
    page.run(
        "const own = document.createElement('script'); own.textContent = 'window.pwned = 1'; document.body.append(own)"
    )
    assert page.run("return window.pwned") is None
    (refused,) = page.complaints()
    assert "Content Security Policy" in refused


@pytest.fixture
def everything(red: RunRecord) -> RunRecord:
    """A run that has all that a page may show."""
    red.scenarios[0].watch = watch_record()
    return red


@pytest.mark.parametrize("width", [360, 2560])
def test_the_page_fits_into_any_window(page: Page, everything: RunRecord, width: int) -> None:
    page.open(everything, width)
    assert page.run("return document.documentElement.scrollWidth") <= width
    page.click(".place")
    assert page.run("return document.documentElement.scrollWidth") <= width
    assert page.run("const d = document.querySelector('dialog'); return d.scrollWidth - d.clientWidth") <= 0


@pytest.mark.parametrize("dark", [False, True])
def test_assistive_technology_finds_nothing_serious(page: Page, everything: RunRecord, axe: str, dark: bool) -> None:
    rules = ["color-contrast"] if dark else []  # the scheme changes nothing else
    page.open(everything, dark=dark)
    page.run(axe)
    page.choose("#pod", "production/backend")
    found = _serious(page, *rules)
    page.click("#pod")
    page.click(".place")
    assert [*found, *_serious(page, *rules)] == []


def test_two_runs_side_by_side_are_as_careful(page: Page, build: Any, axe: str) -> None:
    """The page of a comparison: no script of ours or of others, any window, nothing serious."""
    pods = [f"{name.replace('/', '∕')}/p" for name in HOSTILE]
    old = build.run(build.scenario(build.step(build.mesh(pods), name=HOSTILE[0])))
    new = build.run(build.scenario(build.step(build.mesh(pods, seen=lambda cell: {"outcome": "refused"}),
                                              name=HOSTILE[0])), notes=list(HOSTILE))  # fmt: skip
    new.cluster.version = HOSTILE[1]
    page.show(FORMATS["html"](compare(old, new), 100))
    assert page.run("return document.querySelectorAll('script, img').length + Boolean(window.pwned)") == 0
    assert "<script>window.pwned=1<∕script>/p" in page.run("return document.body.textContent")
    page.run(axe)
    assert _serious(page) == []
    for width in (360, 2560):
        page.look(width)
        assert page.run("return document.documentElement.scrollWidth") <= width


def _serious(page: Page, *rules: str) -> list[str]:
    """What axe-core finds by some of its rules, or by all."""
    result = page.driver.execute_async_script(
        "const [rules, done] = arguments;"
        "const chosen = rules.length ? {runOnly: {type: 'rule', values: rules}} : {};"
        "axe.run(document, {resultTypes: ['violations'], ...chosen}).then(done)",
        rules,
    )
    return [
        f"{each['id']}: {node['html'][:200]}"
        for each in result["violations"]
        if each["impact"] in ("serious", "critical")
        for node in each["nodes"]
    ]


def test_paper_has_every_step(page: Page, red: RunRecord, green: RunRecord, build: Any) -> None:
    page.open(build.run(*red.scenarios, *green.scenarios))
    page.run("dispatchEvent(new Event('beforeprint'))")
    sheets = [sheet.get_attribute("textContent") or "" for sheet in page.all("#paper .sheet")]
    assert [re.search(r"step \d: [^–]*", sheet)[0].strip() for sheet in sheets] == [  # type: ignore[index]
        "step 1: frontend-policy", "step 1: no policy, everything is open", "step 2: frontend-policy",
    ]  # fmt: skip
    page.run("dispatchEvent(new Event('afterprint'))")
    assert not page.all("#paper")
    printed = page.pdf()
    assert printed.startswith(b"%PDF")
    assert 2 <= len(re.findall(rb"/Type\s*/Page\b", printed)) <= 8


def test_thirty_thousand_cells(page: Page, build: Any, capsys: pytest.CaptureFixture[str]) -> None:
    pods = [f"team-{number // 10}/pod-{number}" for number in range(100)]

    def seen(cell: Any) -> dict[str, Any] | None:
        leaks = cell.source == pods[7] and cell.destination == pods[42]
        return {"expected": "deny", "outcome": "connected" if leaks else None} if cell.port != 80 else None

    cells = build.mesh(pods, ("80/TCP", "443/TCP", "53/UDP"), seen)
    record = build.run(build.scenario(build.step(cells)))
    began = time.perf_counter()
    page.open(record)
    loaded = time.perf_counter() - began
    assert page.text("h1").startswith("FAIL 2 leaks: team-0/pod-7 reached team-4/pod-42 on 443/TCP")
    assert page.text("#shown") == "30000 cells"
    paint, interactive, size = page.run(
        "return [performance.getEntriesByName('first-contentful-paint')[0].startTime,"
        "performance.timing.domContentLoadedEventEnd - performance.timing.navigationStart,"
        "document.documentElement.outerHTML.length]"
    )
    began = time.perf_counter()
    page.choose("#filter-verdict", "leak")
    filtered = time.perf_counter() - began
    assert page.text("#shown") == "2 of 30000 cells"
    page.click("#clear")
    page.click(".place[data-ends='team-0 → team-4']")
    assert page.text("#shown") == "300 of 30000 cells"
    assert len(page.all("#tables table:last-of-type .place")) >= 100
    page.choose("#pod", "team-0/pod-7")
    assert "reaches directly" in page.text("#radius")
    page.click("#clear")
    assert page.text(".pager") == "Previous sources 1 to 40 of 100 Next"
    with capsys.disabled():
        print(
            f"\n  30,000 cells: {size / 1e6:.1f} MB; written and loaded in {loaded:.1f} s; first answer after "
            f"{paint:.0f} ms, usable after {interactive} ms; a filter takes {filtered * 1000:.0f} ms"
        )
