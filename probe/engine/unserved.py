"""What a cluster without some kind of policy cannot show: steps whose policies it does not have are not tried.

A step is told apart before anything is deployed. It cannot be tried as long as one of the policies that should be in
force is of a kind that the cluster does not serve; its cells are then ``unsupported``, with the reason, and never a
pass: what would be seen has nothing to do with what the step is about.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator

from probe.model.cell import Verdict
from probe.model.clusterpolicy import API_VERSIONS
from probe.model.plan import PlannedStep
from probe.model.record import CellRecord
from probe.model.scenario import Action, Apply, Delete, ObjectRef, Scenario

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
