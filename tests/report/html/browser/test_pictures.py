"""The pictures of docs/report, from a real run: two seed scenarios, on a cluster that breaks one of their policies.

They are drawn every time, and kept where ``CNI_PROBE_SCREENSHOTS`` says (``make screenshots``).
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TypeAlias

import pytest
import pytest_asyncio

from probe.model.cell import Outcome, Verdict
from probe.model.record import CellRecord, RunRecord, StepRecord
from probe.report.diff.compare import compare
from probe.report.diff.render import FORMATS
from probe.report.run_record import record_from_json
from probe.sandbox.launch import Sandbox
from tests.report.html.browser.chromium import Page
from tests.report.watch.records import watch_record

pytestmark = [pytest.mark.browser, pytest.mark.sandbox]

_ROOT = Path(__file__).parents[4]
_MOST = 150_000
"""Bytes of a picture: they are in the repository."""

Keep: TypeAlias = Callable[[str, bytes], None]


FAULT = "absent-namespace-selector-as-all"


def measured(directory: Path, *arguments: str) -> RunRecord:
    """The record of a real run on an embedded cluster."""
    file = directory / "run.json"
    scenarios = [f"scenarios/seeds/{name}.yaml" for name in ("ingress", "least-privilege")]
    command = [sys.executable, "-m", "probe", "run", "--sandbox", *scenarios, "-q", "-o", f"json={file}", *arguments]
    done = subprocess.run(command, cwd=_ROOT, capture_output=True, text=True, timeout=110, check=False)
    if not file.exists():
        pytest.skip(done.stderr)
    return record_from_json(json.loads(file.read_text(encoding="utf-8")))


@pytest.fixture(scope="module")
def leaking(tmp_path_factory: pytest.TempPathFactory) -> RunRecord:
    """The frontend's policy lets other namespaces' backends in; the shop's policies hold."""
    return measured(tmp_path_factory.mktemp("leaking"), "--fault", FAULT, "--converge", "1")


@pytest.fixture
def before(leaking: RunRecord, tmp_path: Path) -> RunRecord:
    """The same without the fault: measured for a picture that is kept, else made up."""
    if os.environ.get("CNI_PROBE_SCREENSHOTS"):
        return measured(tmp_path)
    scenarios = [replace(each, steps=[_mended(step) for step in each.steps]) for each in leaking.scenarios]
    return replace(leaking, scenarios=scenarios)


@pytest_asyncio.fixture
async def watched(leaking: RunRecord, tmp_path: Path) -> RunRecord:
    """A watch of a cluster whose enforcers restart and are open meanwhile: measured for a picture that is kept."""
    if not os.environ.get("CNI_PROBE_SCREENSHOTS"):
        first, *others = leaking.scenarios
        return replace(leaking, scenarios=[replace(first, watch=watch_record()), *others])
    probe, out = f"{sys.executable} -m probe", tmp_path / "watch.json"
    async with Sandbox.start() as sandbox:
        restart = f"{probe} sandbox restart-enforcer --name {sandbox.name} --mode fail-open --down 2s --rolling"
        watch = f"watch scenarios/seeds/ingress.yaml --step frontend-policy --kubeconfig {sandbox.kubeconfig}"
        _do(*probe.split(), *watch.split(), "--settle", "3s", "-q", "-o", f"json={out}", "--until", restart)
    return record_from_json(json.loads(out.read_text("utf-8")))


def _do(*words: str) -> None:
    """Run a command, whatever its verdict."""
    subprocess.run(words, cwd=_ROOT, capture_output=True, timeout=110, check=False)


def _mended(step: StepRecord) -> StepRecord:
    return replace(step, cells=[_dropped(cell) if cell.verdict is Verdict.LEAK else cell for cell in step.cells])


def _dropped(cell: CellRecord) -> CellRecord:
    return replace(cell, verdict=Verdict.PASS, outcome=Outcome.TIMED_OUT)


@pytest.fixture
def keep(tmp_path: Path) -> Keep:
    """Keeps a picture, which must be one and small."""
    directory = Path(os.environ.get("CNI_PROBE_SCREENSHOTS") or tmp_path)

    def write(name: str, picture: bytes) -> None:
        assert picture.startswith(b"\x89PNG")
        assert 5_000 < len(picture) < _MOST, f"{name}: {len(picture)} bytes"
        directory.mkdir(parents=True, exist_ok=True)
        (directory / f"{name}.png").write_bytes(picture)

    return write


def test_pictures_of_leaks(page: Page, leaking: RunRecord, keep: Keep) -> None:
    page.open(leaking, 1060, 700)
    keep("answer", page.picture())
    page.choose("#step", "2. frontend-policy (FAIL)")
    assert "L" in {place.get_attribute("data-symbol") for place in page.all(".place")}
    keep("matrix", page.picture("#matrix"))
    page.click(".place[data-ends='development/backend → production/frontend'][data-symbol=L]")
    assert "policies say development/backend to production/frontend" in page.text("#evidence")
    keep("evidence", page.picture())
    page.keys("\ue00c")
    page.look(360, 740)
    page.run("document.querySelector('#matrix').scrollIntoView()")
    keep("narrow", page.picture())
    page.look(1060, 700, dark=True)
    page.run("document.querySelector('#explore').scrollIntoView()")
    keep("dark", page.picture())


def test_pictures_of_flows(page: Page, leaking: RunRecord, keep: Keep) -> None:
    page.open(leaking, 1060, 700)
    page.choose("#scenario", "least-privilege")
    page.step(2)
    page.choose("#beside", "1. no policy, everything is open")
    keep("flows", page.picture("#graph"))
    page.choose("#pod", "edge/proxy")
    assert "reaches in three hops shop/db" in page.text("#radius")
    keep("blast-radius", page.picture("#graph"))


def test_a_picture_of_a_watch(page: Page, watched: RunRecord, keep: Keep) -> None:
    page.open(watched, 1060, 700)
    assert page.all(".watch .leak rect")
    keep("watch", page.picture(".watch", 620))


def test_a_picture_of_two_runs(page: Page, before: RunRecord, leaking: RunRecord, keep: Keep) -> None:
    page.show(FORMATS["html"](compare(before, leaking), 100), 1060, 700)
    assert page.text("h1").startswith("WORSE 2 regressions: development/backend -> production/frontend 80/TCP is leak")
    keep("diff", page.picture("#sides", 520))
