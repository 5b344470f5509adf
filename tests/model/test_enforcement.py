"""The one computation of times to enforce."""

from __future__ import annotations

from dataclasses import replace

import pytest

from probe.model.cell import Expectation, Family, Outcome, Path, Protocol, Verdict
from probe.model.enforcement import Tally, Times
from probe.model.record import CellRecord, Change, Topology

DENIED = CellRecord(
    "a/x", "a/y", 80, Protocol.TCP, Family.IPV4, Path.POD_IP, None, Expectation.DENY, Outcome.TIMED_OUT, Verdict.PASS,
    matched_after=0.5, topology=Topology.SAME_NODE, change=Change.NEW_DENY,
)  # fmt: skip


@pytest.mark.parametrize(("share", "expected"), [(0.5, 2.0), (0.75, 3.0), (0.95, 4.0), (1.0, 4.0), (0.0, 1.0)])
def test_quantiles_are_times_that_were_seen(share: float, expected: float) -> None:
    assert Times([4.0, 1.0, 3.0, 2.0]).quantile(share) == expected


def test_without_a_time_there_is_no_quantile() -> None:
    assert Times(never=3).quantile(0.5) is None


def test_cells_are_counted_together_and_by_where_their_ends_are() -> None:
    tally = Tally()
    cells = [
        replace(DENIED, matched_after=0.1),
        replace(DENIED, matched_after=0.3, topology=Topology.CROSS_NODE),
        replace(DENIED, change=Change.NONE),
        replace(DENIED, change=Change.NEW_ALLOW, matched_after=0.2),
    ]
    assert list(tally.counted(cells)) == cells
    found = [(each.change, each.topology, each.cells, each.max) for each in tally.records()]
    assert found == [
        (Change.NEW_DENY, Topology.UNKNOWN, 2, 0.3),
        (Change.NEW_DENY, Topology.SAME_NODE, 1, 0.1),
        (Change.NEW_DENY, Topology.CROSS_NODE, 1, 0.3),
        (Change.NEW_ALLOW, Topology.UNKNOWN, 1, 0.2),
        (Change.NEW_ALLOW, Topology.SAME_NODE, 1, 0.2),
    ]


def counted(**fields: object) -> tuple[int, int, int]:
    """How a cell counts: timed, never, untimed."""
    times = Times()
    times.add(replace(DENIED, **fields))  # type: ignore[arg-type]
    return len(times.seconds), times.never, times.untimed


def test_only_what_was_proven_by_agents_with_cpu_has_a_time() -> None:
    assert counted() == (1, 0, 0)
    assert counted(matched_after=None, verdict=Verdict.LEAK, outcome=Outcome.CONNECTED) == (0, 1, 0)
    assert counted(untimed="the prober was starved") == (0, 0, 1)
    assert counted(verdict=Verdict.INCONCLUSIVE) == (0, 0, 1)
    assert counted(verdict=Verdict.UNSUPPORTED, matched_after=None) == (0, 0, 0)


def test_what_matched_once_and_leaks_in_the_end_was_never_enforced_but_what_is_merely_late_was() -> None:
    assert counted(verdict=Verdict.LEAK, outcome=Outcome.CONNECTED) == (0, 1, 0)
    assert counted(verdict=Verdict.LEAK, outcome=Outcome.TIMED_OUT) == (1, 0, 0)
    allowed = {"expected": Expectation.ALLOW, "verdict": Verdict.BLOCKED}
    assert counted(**allowed, outcome=Outcome.TIMED_OUT) == (0, 1, 0)
    assert counted(**allowed, outcome=Outcome.CONNECTED) == (1, 0, 0)
