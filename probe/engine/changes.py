"""What a step's changes turn each cell into: a new denial, a revocation, a new permission, or nothing.

By what the policies said before and say now, not by what was seen: how long it takes until the latter is seen is the
latency of enforcement. The definitions are for people in docs/latency.md.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from functools import cached_property

from probe.cluster.resources import POLICIES
from probe.engine.computed import StepOracle
from probe.model.actions import Action, Apply, CreatePod, Delete, Label
from probe.model.cell import Cell, Expectation
from probe.model.plan import PlannedCell, PlannedStep
from probe.model.record import Change
from probe.policy.decision import Answer


@dataclass
class Changes:
    """Tells what a step does to its cells.

    ``before`` are the policies that were in force until then (None: there were none yet), and ``previous`` is the step
    before, of which what it states counts where policies say nothing (None: the fleet was open).
    """

    planned: PlannedStep
    now: StepOracle
    before: StepOracle | None = None
    previous: PlannedStep | None = None
    _new: Collection[str] = field(init=False)

    def __post_init__(self) -> None:
        self._new = {action.pod.id for action in self.planned.step.actions if isinstance(action, CreatePod)}

    def of(self, planned: PlannedCell) -> Change:
        """The change of a cell whose expectation is filled in."""
        cell, expected = planned.cell, planned.expectation
        if expected is Expectation.EITHER or not self.planned.step.actions:
            return Change.NONE
        if self.now.answer(cell) is (Answer.ALLOW if expected.denies else Answer.DENY):
            return Change.NONE  # stated against what the policies say
        if self._is_new(cell):
            return Change.NEW_DENY if expected.denies else Change.NONE
        denied = self._was_denied(cell)
        if denied is None or denied is expected.denies:
            return Change.NONE
        if not expected.denies:
            return Change.NEW_ALLOW
        return Change.REVOCATION if self._is_revocation(cell) else Change.NEW_DENY

    def left_open(self) -> frozenset[Cell]:
        """The cells that are allowed before and after a step which closes others by policies and labels alone.

        None where it closes nothing: there is no silence to wait for then, so that what it should leave alone would be
        looked at before a change that is enforced late, or wrongly, is there.
        """
        cells, actions = self.planned.cells, self.planned.step.actions
        if not all(map(_is_of_policy, actions)) or not any(self._is_closed(each) for each in cells):
            return frozenset()
        return frozenset(each.cell for each in cells if self._stays_open(each))

    def _is_closed(self, planned: PlannedCell) -> bool:
        return planned.expectation.denies and self.of(planned) in (Change.NEW_DENY, Change.REVOCATION)

    def _stays_open(self, planned: PlannedCell) -> bool:
        cell = planned.cell
        if planned.expectation is not Expectation.ALLOW or self.now.answer(cell) is not Answer.ALLOW:
            return False
        open_before = self.before is None or self.before.answer(cell) is Answer.ALLOW
        return open_before and not self._stated.get(cell, Expectation.ALLOW).denies

    def stays_denied(self, planned: PlannedCell) -> bool:
        """Whether there was no moment in the step at which the cell may have been open.

        Several changes one after the other may open what both before and after them is closed, and what the step before
        did not try may not have been enforced yet.
        """
        cell = planned.cell
        tried = planned.expectation.denies and len(self.planned.step.actions) == 1 and not self._is_new(cell)
        return tried and cell in self._stated and self._was_denied(cell) is True

    def _is_new(self, cell: Cell) -> bool:
        return cell.source in self._new or cell.destination in self._new

    @cached_property
    def _stated(self) -> dict[Cell, Expectation]:
        return {each.cell: each.expectation for each in self.previous.cells} if self.previous else {}

    def _was_denied(self, cell: Cell) -> bool | None:
        """What was so before; None if nobody can tell."""
        if self.before is None:
            return False
        answer = self.before.answer(cell)
        if answer is not Answer.UNDEFINED:
            return answer is Answer.DENY
        stated = self._stated.get(cell, Expectation.EITHER)
        return None if stated is Expectation.EITHER else stated.denies

    def _is_revocation(self, cell: Cell) -> bool:
        """Whether every end that denies it now was isolated before, so that only what allowed it is gone."""
        denials = list(self.now.denials(cell))
        return (
            self.before is not None
            and bool(denials)
            and all(alone and self.before.is_isolated(cell, direction) for direction, alone in denials)
        )


def _is_of_policy(action: Action) -> bool:
    """Whether an action changes what policies say, and no pod."""
    return isinstance(action, Label) or (isinstance(action, Apply | Delete) and action.ref.kind in POLICIES)
