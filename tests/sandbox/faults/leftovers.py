"""What other runs leave, and what does not go."""

from __future__ import annotations

import asyncio

from probe.model.cell import ExitCode
from probe.model.events import FleetReady
from tests.sandbox.faults.stage import Row, Seen, Stage, at


async def two_at_once(stage: Stage) -> Seen:
    """Each with its own namespaces, on the same nodes."""
    first, second = await asyncio.gather(stage.run(), stage.run())
    assert first.verdicts("closed") == {"pass"}
    assert first.exit_code == ExitCode.PASSED
    return second


async def killed_before(stage: Stage) -> Seen:
    """SIGKILL leaves a fleet and its policy; the next run does not mind, and ``clean`` removes it."""
    await stage.killed_run()
    (left,) = stage.cluster.leftovers()
    seen = await stage.run()
    assert stage.cluster.leftovers() == [left]
    cleaned = await stage.command("clean")
    assert cleaned.exit_code == ExitCode.PASSED
    assert left in cleaned.text
    return seen


async def finalizer(stage: Stage) -> Seen:
    """An object in the namespace has a finalizer that nobody serves: what stays is said, and why."""
    path = ""

    def hold() -> None:
        nonlocal path
        namespace = stage.cluster.namespaces["shop"]
        path = f"/api/v1/namespaces/{namespace}/configmaps"
        held = {"metadata": {"name": "held", "finalizers": ["example.com/nobody"]}}
        stage.cluster.request("POST", path, held)

    seen = await stage.run(at(FleetReady, hold), removal_seconds=1.0)
    assert seen.verdicts("closed") == {"pass"}
    assert [f"cp-{stage.runs[-1]}-shop"] == stage.cluster.leftovers()
    stage.cluster.request("PATCH", f"{path}/held", {"metadata": {"finalizers": None}})
    await stage.clean()
    return seen


ROWS = (
    Row("two runs at once", two_at_once, ExitCode.PASSED, "closed: 12 pass"),
    Row("a run over the leftovers of a killed one", killed_before, ExitCode.PASSED, "closed: 12 pass"),
    Row("namespace stuck in Terminating", finalizer, ExitCode.HARNESS, "run cni-probe clean --run"),
)
