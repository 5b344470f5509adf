"""The pictures of docs/report, from real runs: the seed scenarios with enforcement and without.

They are drawn every time, and kept where ``CNI_PROBE_SCREENSHOTS`` says (``make screenshots``).
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

import pytest

from probe.model.record import RunRecord
from probe.report.run_record import record_from_json
from tests.report.html.browser.chromium import Page

pytestmark = [pytest.mark.browser, pytest.mark.sandbox]

_ROOT = Path(__file__).parents[4]
_MOST = 150_000
"""Bytes of a picture: they are in the repository."""

Keep: TypeAlias = Callable[[str, bytes], None]


def measured(directory: Path, scenario: str, *arguments: str) -> RunRecord:
    """The record of a real run on an embedded cluster."""
    file = directory / "run.json"
    command = [sys.executable, "-m", "probe", "run", "--sandbox", f"scenarios/seeds/{scenario}.yaml", *arguments]
    done = subprocess.run(
        [*command, "-q", "-o", f"json={file}"], cwd=_ROOT, capture_output=True, text=True, timeout=110, check=False
    )
    if not file.exists():
        pytest.skip(done.stderr)
    return record_from_json(json.loads(file.read_text(encoding="utf-8")))


@pytest.fixture(scope="module")
def enforced(tmp_path_factory: pytest.TempPathFactory) -> RunRecord:
    return measured(tmp_path_factory.mktemp("enforced"), "least-privilege")


@pytest.fixture(scope="module")
def leaking(tmp_path_factory: pytest.TempPathFactory) -> RunRecord:
    return measured(tmp_path_factory.mktemp("leaking"), "ingress", "--no-enforcement", "--converge", "1")


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


def test_pictures_of_flows(page: Page, enforced: RunRecord, keep: Keep) -> None:
    assert enforced.exit_code == 0
    page.open(enforced, 1060, 700)
    page.step(2)
    page.choose("#beside", "1. no policy, everything is open")
    keep("flows", page.picture("#graph"))
    page.choose("#pod", "edge/proxy")
    assert "reaches in three hops shop/db" in page.text("#radius")
    keep("blast-radius", page.picture("#graph"))
