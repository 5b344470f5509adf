"""A step: what was changed, and what came of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from probe.model.record.cell import CellRecord
from probe.model.record.enforcement import EnforcementRecord, SamplingRecord
from probe.model.record.start_race import StartRaceRecord


@dataclass(frozen=True, slots=True)
class PolicyRecord:
    """A policy that was in force in a step. ``name`` is what ``CellRecord.decided_by`` calls it.

    ``manifest`` is the object as the scenario has it, in logical namespaces; in the cluster it was in the actual ones
    (``ScenarioRecord.namespaces``). ``changed``: this step applied it.
    """

    name: str
    kind: str
    manifest: dict[str, Any]
    changed: bool = False


@dataclass(slots=True)
class StepRecord:
    """A step: what was changed, how long enforcement took, and its cells in plan order.

    ``acknowledged`` is when the API server acknowledged the last change. ``converge_seconds`` runs from there to
    the first instant at which every cell matched (None: never), ``confirm_seconds`` is the confirmation's length.
    ``line``: where the step begins in the scenario's file.
    ``policies`` are all those in force after the changes. ``enforcement`` has the cells that the changes turned, by
    kind and by where their ends are; ``sampling`` says how exact that is. ``slowed``: so many cells were confirmed
    again more slowly, because an agent had too little CPU for what it saw to be believed.
    """

    name: str
    description: str
    changes: list[str]
    acknowledged: str | None
    change_seconds: float
    converge_seconds: float | None
    confirm_seconds: float
    seconds: float
    cells: Sequence[CellRecord]
    problems: list[str] = field(default_factory=list)
    completed: bool = True
    line: int | None = None
    policies: list[PolicyRecord] = field(default_factory=list)
    start_race: list[StartRaceRecord] = field(default_factory=list)
    enforcement: list[EnforcementRecord] = field(default_factory=list)
    sampling: SamplingRecord | None = None
    slowed: int = 0
