"""A plan: for each step the cells that exist then, and what is expected of each.

Made from a scenario without a cluster (``cni-probe plan``), and again by a run once it is known which
address families the pods have.
"""

from __future__ import annotations

from dataclasses import dataclass

from probe.model.cell import Cell, Expectation
from probe.model.errors import Location
from probe.model.scenario import Pod, Scenario, Step


@dataclass(frozen=True, slots=True)
class PlannedCell:
    """A cell with its expectation; ``decided_by`` is the rule's place, or None for the step's default.

    ``computed``: the step's policies decide; until they are asked the expectation is ``either``, which passes nothing.
    """

    cell: Cell
    expectation: Expectation
    decided_by: Location | None = None
    computed: bool = False


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
