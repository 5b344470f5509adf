"""Each fault, injected at the wire or the process: what must be seen, the exit code, and nothing left behind."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path

import pytest
import pytest_asyncio

from probe.sandbox.launch import Sandbox
from tests.sandbox.faults.matrix import ROWS, play, play_slow
from tests.sandbox.faults.stage import Line, Row

pytestmark = pytest.mark.sandbox


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def slow_lines(
    sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> Mapping[str, asyncio.Task[Line]]:
    """What came of the slow rows that are to be tested, played together."""
    parameters = (item.callspec.params for item in request.session.items if hasattr(item, "callspec"))
    rows = (params.get("row") for params in parameters)  # tests of other modules call tables' rows so, too
    chosen = [row for row in rows if isinstance(row, Row)]
    return await play_slow(chosen, sandbox, tmp_path_factory.mktemp("faults"))


def name(row: Row) -> str:
    return row.fault.replace(" ", "-")


@pytest.mark.parametrize("row", [row for row in ROWS if row.slow], ids=name)
def test_a_fault_that_takes_its_time_ends_as_documented(row: Row, slow_lines: Mapping[str, asyncio.Task[Line]]) -> None:
    line = slow_lines[row.fault].result()
    assert line.wrong == [], line.seen


@pytest.mark.parametrize("row", [row for row in ROWS if not row.slow], ids=name)
async def test_a_fault_ends_as_documented(row: Row, sandbox: Sandbox, tmp_path: Path) -> None:
    line = await play(row, sandbox, tmp_path)
    assert line.wrong == [], line.seen
