"""Faults of the control streams and of the agents at their ends."""

from __future__ import annotations

from probe.model.cell import ExitCode
from probe.model.events import BaselineDone, FleetReady, RoundDone, StepDone, StepStarted
from tests.sandbox.faults.stage import Row, Seen, Stage, at


async def cut_in_mid_batch(stage: Stage) -> Seen:
    """The stream breaks inside of a frame of results. The agent has gone on, so nothing is lost."""

    def arm() -> None:
        stage.wire.cut_at = b'"op":"results"'

    seen = await stage.run(at(StepStarted, arm, name="closed"))
    assert len(stage.wire.dropped) == 1
    return seen


async def container_restarted(stage: Stage) -> Seen:
    """SIGKILL to the agent in the middle of a step: that step's cells are lost, the next step has it back."""
    seen = await stage.run(at(RoundDone, lambda: stage.kill_agent("shop/client"), step="closed"))
    assert seen.verdicts("open") == {"pass"}
    assert seen.verdicts("closed") == {"pass", "inconclusive"}
    assert all("137" in cell.reason for cell in seen.cells("closed").values() if cell.verdict == "inconclusive")
    assert seen.verdicts("open again") == {"pass"}
    assert seen.verdicts("closed again") == {"pass"}
    return seen


async def restarted_between_steps(stage: Stage) -> Seen:
    """A container that was restarted between two steps is there in the next: nothing is lost at all."""
    return await stage.run(at(StepDone, lambda: stage.kill_agent("shop/server")))


async def cut_all(stage: Stage) -> Seen:
    """Every stream at once, in every step."""

    def hook(event: object) -> None:
        if isinstance(event, (FleetReady, BaselineDone, StepStarted, RoundDone)):
            stage.wire.cut(lambda request: request.is_exec)

    return await stage.run(hook)


ROWS = (
    Row("exec stream cut in mid-batch", cut_in_mid_batch, ExitCode.PASSED, "closed: 12 pass"),
    Row("every exec stream cut in every round", cut_all, ExitCode.PASSED, "closed: 12 pass"),
    Row("agent killed in mid-step (as by the OOM killer)", container_restarted, ExitCode.HARNESS, "exit code 137"),
    Row("container restarted between steps", restarted_between_steps, ExitCode.PASSED, "closed: 12 pass"),
)
