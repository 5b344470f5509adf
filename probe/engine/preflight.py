"""What a run checks before it creates anything: what would make it impossible is said at once, and all of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from probe.cluster.nodes import Node
from probe.cluster.placement import Placer
from probe.cluster.preflight.demand import Fleet, most_pods
from probe.cluster.preflight.doctor import QuickCheck, problems
from probe.cluster.preflight.finding import Level
from probe.engine.liveness import WITNESS, needs_witness
from probe.model.errors import ClusterError
from probe.model.events import Event, Noticed, ProblemSeen

if TYPE_CHECKING:
    from probe.engine.planned import PlannedFleet

_NAMED = 5
_WORTH_A_WORD = ("nodes", "network plugin", "cluster policies")
"""Checks whose warnings a reader of the results should know; the others are for ``doctor``."""


def fleet_demands(planned: Iterable[PlannedFleet]) -> tuple[Fleet, ...]:
    """The pods of each planned fleet at its largest, the witness included."""
    return tuple(
        Fleet(
            fleet.scenario.name,
            (*most_pods(fleet.scenario), *((WITNESS,) if needs_witness(fleet.scenario) else ())),
            fleet.nodes,
            fleet.scenario.fleet.placement.spread,
        )
        for fleet in planned
    )


def homes(fleet: Fleet) -> list[str]:
    """The node of each pod; none where they have no room, which is told when they are deployed."""
    try:
        return [node.name for node in Placer(fleet.nodes, fleet.spread).place(fleet.pods).values()]
    except ClusterError:
        return []


def notice_idle_nodes(nodes: Iterable[Node], fleets: Iterable[Fleet], emit: Callable[[Event], None]) -> None:
    """Say which usable nodes no pod will be on: a pass must not be taken for theirs."""
    names = [node.name for node in nodes]
    busy = {name for fleet in fleets for name in homes(fleet)}
    if idle := [name for name in names if name not in busy]:
        more = f" and {len(idle) - _NAMED} more" if len(idle) > _NAMED else ""
        emit(
            Noticed(
                f"nothing is tested of {len(idle)} of {len(names)} usable nodes, where no pod is: "
                f"{', '.join(idle[:_NAMED])}{more}; --nodes takes as many as you say, in pairs"
            )
        )


def is_possible(check: QuickCheck, fleets: Iterable[Fleet], emit: Callable[[Event], None]) -> bool:
    """Whether a run can work, as far as can be told; each reason why not becomes a ``ProblemSeen``."""
    found = problems(check.findings(fleets))
    for finding in found:
        emit(ProblemSeen(str(finding)))
    return not found


def notice(check: QuickCheck, emit: Callable[[Event], None]) -> None:
    """Say what does not stop a run, but tells how to read its results."""
    for finding in check.findings():
        if finding.level is Level.WARNING and finding.check in _WORTH_A_WORD:
            emit(Noticed(str(finding)))
