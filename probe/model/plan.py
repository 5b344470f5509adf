"""A plan: for each step the cells that exist then, and what is expected of each.

Made from a scenario without a cluster (``cni-probe plan``), and again by a run once it is known which
address families the pods have.
"""

from __future__ import annotations

from dataclasses import dataclass

from probe.model.cell import Cell, Expectation
from probe.model.errors import Location
from probe.model.fleet import Pod
from probe.model.scenario import Scenario, Step


@dataclass(frozen=True, slots=True)
class PlannedCell:
    """A cell with its expectation; ``decided_by`` is the rule's place, or None for the step's default.

    ``computed``: the step's policies decide; until they are asked the expectation is ``either``, which passes nothing.
    """

    cell: Cell
    expectation: Expectation
    decided_by: Location | None = None
    computed: bool = False

    @property
    def line(self) -> int | None:
        """The rule's line in the scenario's file; None for the step's default."""
        return line_of(self.decided_by)


def line_of(location: Location | None) -> int | None:
    """The line of a place, as records have it."""
    return (location.line or None) if location else None


@dataclass(frozen=True, slots=True)
class PlannedStep:
    """A step with the pods alive after its actions and its cells, in stable order."""

    step: Step
    pods: tuple[Pod, ...]
    cells: tuple[PlannedCell, ...]


@dataclass(frozen=True, slots=True)
class Plan:
    """A scenario's steps with their cells."""

    scenario: Scenario
    steps: tuple[PlannedStep, ...]
