"""What a cluster without some kind of policy cannot show: steps whose policies it does not have are not tried.

A step is told apart before anything is deployed. It cannot be tried as long as one of the policies that should be in
force is of a kind that the cluster does not serve; its cells are then ``unsupported``, with the reason, and never a
pass: what would be seen has nothing to do with what the step is about.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from datetime import UTC, datetime

from probe.cluster.clock import now
from probe.engine.computed import Consultant, computed
from probe.model.actions import Action, Apply, Delete
from probe.model.cell import Family, Verdict
from probe.model.clusterpolicy import API_VERSIONS
from probe.model.events import Event, StepDone, StepStarted
from probe.model.manifest import ObjectRef
from probe.model.packed import PackedCells
from probe.model.plan import PlannedStep, line_of
from probe.model.record import CellRecord, StepRecord
from probe.model.scenario import Scenario
from probe.scenario.plan import make_plan

_VERSIONS = {kind.lower(): (kind, version) for kind, version in API_VERSIONS.items()}


def missing_kinds(scenario: Scenario, served: Collection[str]) -> frozenset[str]:
    """The kinds of cluster-scoped objects that the scenario applies and the cluster does not serve."""
    return frozenset(ref.kind for ref in scenario.cluster_scoped if ref.kind not in served)


def untried_steps(scenario: Scenario, missing: Collection[str]) -> tuple[str, ...]:
    """For each step why it cannot be tried; empty where it can."""
    absent: dict[ObjectRef, None] = {}
    reasons = []
    for step in scenario.steps:
        for action in step.actions:
            match action:
                case Apply() if action.ref.kind in missing:
                    absent[action.ref] = None
                case Delete(ref):
                    absent.pop(ref, None)
        reasons.append("; ".join(_reasons(absent)))
    return tuple(reasons)


def _reasons(refs: Collection[ObjectRef]) -> Iterator[str]:
    for name, (kind, version) in _VERSIONS.items():
        if named := [str(ref) for ref in refs if ref.kind == name]:
            yield f"the cluster does not serve {kind} ({version}): {', '.join(named)} cannot be applied"


def is_possible(action: Action, missing: Collection[str]) -> bool:
    """Whether the cluster knows what the action is about."""
    return not isinstance(action, Apply | Delete) or action.ref.kind not in missing


def untried(planned: PlannedStep, reason: str) -> Iterator[CellRecord]:
    """The records of the cells of a step that cannot be tried."""
    for item in planned.cells:
        yield CellRecord.of(item.cell, item.expectation, None, Verdict.UNSUPPORTED, reason, line=item.line)


def untried_record(planned: PlannedStep, reason: str, changes: list[str]) -> StepRecord:
    """The record of a step that cannot be tried."""
    return StepRecord(
        name=planned.step.name,
        description=planned.step.description,
        changes=changes,
        acknowledged=datetime.fromtimestamp(now(), UTC).isoformat(),
        change_seconds=0.0,
        converge_seconds=None,
        confirm_seconds=0.0,
        seconds=0.0,
        cells=PackedCells(untried(planned, reason)),
        problems=[],
        completed=True,
        line=line_of(planned.step.location),
    )


def tell_untried(
    scenario: Scenario, reasons: Collection[str], families: Collection[Family], emit: Callable[[Event], None]
) -> None:
    """Tell a scenario of which no step can be tried, for the ``reasons``; nothing is deployed for it.

    ``families``: those that its pods would have.
    """
    known = set(families) or {Family.IPV4}
    plan = make_plan(scenario, families=[family for family in Family if family in known])
    consultant = Consultant(scenario)
    for index, (planned, reason) in enumerate(zip(plan.steps, reasons, strict=True)):
        changes = list(map(str, planned.step.actions))
        emit(StepStarted(planned.step.name, index, tuple(changes), len(planned.cells)))
        emit(StepDone(untried_record(computed(planned, consultant.at(index, {})), reason, changes)))
