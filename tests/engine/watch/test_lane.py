"""What attempts show of an expectation, and how they are kept."""

from __future__ import annotations

import pytest

from probe.cluster.series import Run
from probe.engine.watch.lane import speaks_for
from probe.model.cell import Expectation
from tests.engine.watch.lanes import lane

ALLOW, DENY = Expectation.ALLOW, Expectation.DENY


@pytest.mark.parametrize(
    ("outcome", "established", "allow", "deny"),
    [
        ("connected", True, True, False),
        ("timed-out", False, False, True),
        ("timed-out", True, False, False),
        ("refused", False, False, True),
        ("reset", True, False, False),
        ("unreachable", False, False, True),
        ("wrong-responder", True, False, False),
        ("unresolved", True, None, False),
        ("unresolved", False, None, None),
        ("agent-error", False, None, None),
        ("unsupported", False, None, None),
        ("skipped", False, None, None),
    ],
)
def test_what_an_attempt_shows(outcome: str, established: bool, allow: bool | None, deny: bool | None) -> None:
    run = Run(0, 0, 1, outcome, None, established, 0.0)
    assert speaks_for(ALLOW, run) is allow
    for expected in (DENY, Expectation.DROP, Expectation.REJECT):
        assert speaks_for(expected, run) is deny


def test_equal_neighbours_are_one_stretch_so_that_hours_take_no_room() -> None:
    found = lane(ALLOW, "ccc")
    found.take(Run(0, 3, 500, "connected", None, True, 0.1))
    (stretch,) = found.stretches()
    assert (stretch.first, stretch.count, stretch.late) == (0, 503, 0.1)


def test_a_hole_is_not_closed() -> None:
    assert [(each.first, each.count) for each in lane(ALLOW, "cc cc").stretches()] == [(0, 2), (3, 2)]


def test_a_lane_knows_whether_anything_went_wrong() -> None:
    assert not lane(ALLOW, "cc-cc").bad
    assert lane(ALLOW, "cctcc").bad
    assert lane(DENY, "tttt", arrived=(2,)).bad
