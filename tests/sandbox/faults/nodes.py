"""Faults of nodes and pods, and of the clocks on them."""

from __future__ import annotations

import json
import os

from probe.model.cell import ExitCode
from probe.model.events import RoundDone
from probe.model.record import Change
from probe.report.run_record import record_from_json
from tests.sandbox.faults.stage import Row, Seen, Stage, at
from tests.sandbox.faults.wire import Answer, Request, refusal

SKEW = """
import time
_time, _begin = time.time, time.monotonic()
time.time = lambda: _time() + (300 if time.monotonic() - _begin < 2.5 else -300)
"""
"""The clock of the process is five minutes fast, and is set to five minutes slow in the middle of the run."""


async def evicted(stage: Stage) -> Seen:
    """An eviction takes the server in the middle of a step: its cells are lost, all others keep their truth."""

    def evict() -> None:
        path = stage.pod_path("shop/server")
        name, namespace = path.rpartition("/")[2], path.split("/")[4]
        stage.cluster.request("POST", f"{path}/eviction", {"metadata": {"name": name, "namespace": namespace}})

    seen = await stage.run(at(RoundDone, evict, step="closed"))
    for cell in seen.cells("closed").values():
        ends = (cell.source, cell.destination)
        assert (cell.verdict == "inconclusive") == ("shop/server" in ends), cell
    assert seen.verdicts("open") == {"pass"}
    return seen


async def node_not_ready_before(stage: Stage) -> Seen:
    """One of two nodes is not ready: the fleet goes on the other."""
    with stage.not_ready("node-2"):
        seen = await stage.run()
    assert {cell.source_node for cell in seen.cells("closed").values()} == {"node-1"}
    return seen


async def node_not_ready_meanwhile(stage: Stage) -> Seen:
    """A node's kubelet goes in the middle of a step: no stream leads to its pods any more, though they live."""
    dead: list[str] = []

    def refuse(request: Request) -> Answer | None:
        if not any(request.path.startswith(path) for path in dead):
            return None
        return refusal(500, "InternalError", "error dialing backend: dial tcp 172.20.0.3:10250: no route to host")

    def die() -> None:
        dead.extend(f"{stage.pod_path(pod)}/exec?" for pod in ("shop/server", "shop/other"))
        stage.wire.answer = refuse
        stage.set_ready("node-2", False)
        stage.wire.cut(lambda request: request.is_exec)

    try:
        seen = await stage.run(at(RoundDone, die, step="closed"))
    finally:
        stage.set_ready("node-2", True)
    for cell in seen.cells("closed").values():
        assert cell.verdict == "inconclusive" or cell.source == "shop/client", cell
    return seen


async def skewed(stage: Stage) -> Seen:
    """The orchestrator's clock is minutes off those of the nodes, and is set while the run goes on."""
    (stage.directory / "sitecustomize.py").write_text(SKEW)
    out = stage.directory / "run.json"
    path = os.pathsep.join(filter(None, (str(stage.directory), os.environ.get("PYTHONPATH", ""))))
    seen = await stage.command("run", "-o", f"json={out}", str(stage.scenario()), PYTHONPATH=path)
    seen = Seen.of(record_from_json(json.loads(out.read_text())))
    for step in seen.steps():
        for cell in seen.cells(step).values():
            if cell.matched_after is None:
                assert cell.change is Change.NONE, cell  # the step leaves it open
            else:
                assert 0 <= cell.matched_after < 100, cell
            assert all(-1 < attempt.at < 100 for attempt in cell.history), cell.history
    return seen


ROWS = (
    Row("pod evicted", evicted, ExitCode.HARNESS, "the pod was evicted"),
    Row("node not ready before the run", node_not_ready_before, ExitCode.PASSED, "closed: 12 pass"),
    Row("node not ready in mid-step", node_not_ready_meanwhile, ExitCode.HARNESS, "node node-2 is not ready"),
    Row("clocks ten minutes apart, and set in mid-run", skewed, ExitCode.PASSED, "closed: 12 pass"),
)
