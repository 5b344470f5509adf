"""Connections that are open when policies and labels change: what comes of them, in both of the sandbox's modes."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from probe.model.cell import Outcome, Verdict, Via
from probe.model.record import CellRecord, RunRecord
from probe.sandbox.launch import Sandbox
from probe.sandbox.orders.client import give
from probe.sandbox.state import StateDirectory
from tests.sandbox.kube import Json
from tests.sandbox.run.conftest import RunIt

pytestmark = [pytest.mark.sandbox, pytest.mark.asyncio(loop_scope="session")]

SHIPPED = Path(__file__).parents[3] / "scenarios" / "over-time" / "established.yaml"
CHANGES = {
    "a policy is added",
    "it is edited back",
    "the second policy is deleted",
    "their label is changed back",
    "the server's label is changed back",
}


async def upgrade(sandbox: Sandbox, **change: str) -> list[Json]:
    """Restart the sandbox's enforcers, each with something changed; when each was away, as the order tells it."""
    arguments = {"nodes": [], "mode": "keep", "down": 0.01, "rolling": False, "upgrade": change}
    away: list[Json] = await give(StateDirectory(sandbox.name), "restart-enforcer", **arguments)
    return away


@pytest_asyncio.fixture(loop_scope="session", params=["cut", "keep"])
async def mode(sandbox: Sandbox, request: pytest.FixtureRequest) -> AsyncIterator[str]:
    """What a change means for open connections in the shared sandbox."""
    await upgrade(sandbox, established=request.param)
    yield request.param
    await upgrade(sandbox, established="cut")


def quick(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "established.yaml"
    path.write_text(text.replace("  steps:\n", "  timeouts: {confirm: 600ms}\n  steps:\n", 1))
    return path


def followed(record: RunRecord) -> dict[str, list[CellRecord]]:
    steps = record.scenarios[0].steps
    return {step.name: [cell for cell in step.cells if cell.via is Via.ESTABLISHED] for step in steps}


async def test_each_kind_of_change_over_each_protocol(run_it: RunIt, mode: str, tmp_path: Path) -> None:
    record = await run_it(quick(tmp_path, SHIPPED.read_text()))
    assert record.exit_code == 0, record.problems
    seen = set()
    for step, cells in followed(record).items():
        for cell in cells:
            if cell.source == "shop/friend":
                assert (cell.verdict, cell.outcome) == (Verdict.PASS, Outcome.CONNECTED), (step, cell.reason)
                continue
            assert step in CHANGES
            assert cell.verdict is Verdict.UNDEFINED
            if mode == "keep":
                assert cell.outcome is Outcome.CONNECTED, (step, cell.reason)
            else:
                assert cell.outcome is Outcome.TIMED_OUT, (step, cell.reason)
                opened, cut = cell.history
                assert opened.at < 0 < cut.at + 0.5
                assert cut.at < 2
            seen.add((step, cell.source, str(cell.protocol)))
    assert seen == {
        (step, source, protocol)
        for step in CHANGES
        for source in ("shop/stranger", "shop/neighbour")
        for protocol in ("TCP", "UDP")
    }


async def test_what_is_demanded_and_does_not_happen_is_a_mismatch(run_it: RunIt, mode: str, tmp_path: Path) -> None:
    first_step, _, _ = SHIPPED.read_text().partition("\n\n    - name:")
    demanded = "established: [{expect: cut, port: 80/TCP}, {expect: kept, port: 53/UDP}]"
    record = await run_it(quick(tmp_path, first_step.replace("established: {}", demanded) + "\n"))
    (cells,) = followed(record).values()
    verdicts = {(str(cell.protocol), cell.verdict) for cell in cells if cell.source != "shop/friend"}
    broken = ("UDP", Verdict.BLOCKED) if mode == "cut" else ("TCP", Verdict.LEAK)
    kept = ("TCP", Verdict.PASS) if mode == "cut" else ("UDP", Verdict.PASS)
    assert verdicts == {broken, kept}
    assert record.exit_code == 1
    assert all(cell.line for cell in cells)
