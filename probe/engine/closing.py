"""The closing control: for denials that no earlier connection vouches for.

A pod created while a policy is in force never had a chance to connect without it, so its denials are unproven. When
the last step is judged, the scenario's policies are lifted and these cells tried again, between the very same pods:
what connects now was denied by policy then. What still does not connect stays inconclusive.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from probe.cluster.deployment import Deployment
from probe.engine.agents import Agents
from probe.engine.controls import Controls, run_baseline
from probe.engine.evidence import Scribe
from probe.engine.step import StepMeasurement
from probe.model.cell import Cell, Verdict
from probe.model.events import Event, StepDone
from probe.model.record import StepRecord
from probe.model.scenario import Timeouts


@dataclass(slots=True)
class JudgedStep:
    """A step with its record, kept for as long as a later control may change a verdict."""

    measurement: StepMeasurement
    record: StepRecord

    def unproven(self) -> list[Cell]:
        """Cells that were denied without a positive control."""
        return [
            track.planned.cell
            for track, cell in zip(self.measurement.tracks, self.record.cells, strict=True)
            if cell.verdict is Verdict.INCONCLUSIVE
            and not cell.control
            and track.confirmed is not None
            and track.confirmed.outcome.is_denial
        ]

    def revise(self, scribe: Scribe) -> StepRecord | None:
        """The record with the cells judged again that have a control now; None when nothing changes."""
        proven = {cell for cell in self.unproven() if self.measurement.has_control(cell)}
        if not proven:
            return None
        judged = self.measurement.records(scribe, proven)
        cells = [
            judged.get(track.planned.cell, cell)
            for track, cell in zip(self.measurement.tracks, self.record.cells, strict=True)
        ]
        return replace(self.record, cells=cells)


async def run_closing_control(
    steps: Sequence[JudgedStep],
    deployment: Deployment,
    agents: Agents,
    controls: Controls,
    timeouts: Timeouts,
    scribe: Scribe,
    emit: Callable[[Event], None],
) -> None:
    """Lift the policies and judge unproven denials again; emits a new ``StepDone`` for each step that it changes.

    Raises ClusterError when the policies cannot be deleted.
    """
    unproven = [cell for step in steps for cell in step.unproven()]
    if not unproven:
        return
    await deployment.delete_policies()
    await run_baseline(unproven, agents, controls, timeouts.attempt, timeouts.baseline)
    for step in steps:
        revised = step.revise(scribe)
        if revised is not None:
            emit(StepDone(revised))
