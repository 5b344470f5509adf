"""When attempts are due."""

from __future__ import annotations

import pytest

from cni_probe_agent.schedule import Due, Schedule


def test_every_cell_is_due_once_an_interval_in_the_order_of_phases() -> None:
    schedule = Schedule(100.0, 1.0, [0.5, 0.0, 0.25])
    seen = []
    for _ in range(7):
        seen.append(schedule.next)
        schedule.advance()
    assert [(due.cell, due.number) for due in seen] == [(1, 0), (2, 0), (0, 0), (1, 1), (2, 1), (0, 1), (1, 2)]
    assert [due.at for due in seen] == pytest.approx([100.0, 100.25, 100.5, 101.0, 101.25, 101.5, 102.0])


def test_what_is_due_stays_due_until_it_is_made() -> None:
    schedule = Schedule(0.0, 0.2, [0.1])
    assert schedule.next == schedule.next == Due(0.1, 0, 0)
