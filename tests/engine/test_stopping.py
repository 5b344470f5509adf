"""A run that is told to stop at failures."""

from __future__ import annotations

from probe.engine.stopping import Stopping
from probe.model.cell import Verdict
from probe.model.events import Event
from tests.engine.test_known import cell, step

LEAK, FINE = step(cell(80, Verdict.LEAK)), step(cell(80, Verdict.PASS), cell(81, Verdict.KNOWN))


def test_it_is_due_once_so_many_scenarios_failed() -> None:
    out = list[Event]()
    stopping = Stopping(2)
    first = stopping.watching(out.append)
    first(LEAK)
    first(step(cell(80, Verdict.BLOCKED), name="another step of the same"))
    assert not stopping.is_due
    stopping.watching(out.append)(FINE)
    assert not stopping.is_due, "what is known is no failure"
    stopping.watching(out.append)(LEAK)
    assert stopping.is_due
    assert len(out) == 4


def test_a_step_that_a_later_control_cleared_does_not_count() -> None:
    stopping = Stopping(1)
    tell = stopping.watching(lambda event: None)
    tell(LEAK)
    tell(FINE)
    assert not stopping.is_due


def test_it_is_never_due_unless_asked_for() -> None:
    stopping = Stopping(None)
    stopping.watching(lambda event: None)(LEAK)
    assert not stopping.is_due
