"""How many lanes a run has: as many as are of use, have room, and were allowed."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from probe.cluster.preflight.demand import Fleet
from probe.engine.lanes import UNKNOWN_ROOM_LANES, Lineup, room_for
from probe.engine.options import RunOptions
from tests.engine.test_queue import NODES, many, planned, pod, scenario

FLEET = Fleet("s", (pod("a"), pod("b"), pod("c")), NODES)
"""Two pods on the first node, one on the second."""


@pytest.mark.parametrize(
    ("free", "lanes"),
    [
        ({"n1": 100, "n2": 100}, 49),
        ({"n1": 9, "n2": 100}, 3),
        ({"n1": 100, "n2": 2}, 1),
        ({"n1": 0, "n2": 0}, 1),
        ({"n1": 10}, 4),
        (None, UNKNOWN_ROOM_LANES),
    ],
)
def test_copies_have_room_side_by_side_and_one_more_while_it_ends(free: Mapping[str, int] | None, lanes: int) -> None:
    assert room_for([FLEET], free) == lanes


ROOM = {"n1": 1000, "n2": 1000}


def lineup(number: int, free: Mapping[str, int] | None = ROOM, **options: object) -> Lineup:
    each = planned(*many(number, "s", pod("web")), scenario("host", pod("web", host_network=True)))
    return Lineup.of(each, RunOptions(**options), [FLEET], free)  # type: ignore[arg-type]


def test_auto_is_bounded_by_use_by_room_and_at_all() -> None:
    assert lineup(100).lanes == 12
    assert lineup(3).lanes == 2
    assert lineup(1).lanes == 1
    assert lineup(100, {"n1": 9, "n2": 9}).lanes == 3


def test_who_says_how_many_is_believed_as_far_as_they_are_of_use() -> None:
    assert lineup(100, {"n1": 9, "n2": 9}, lanes=12).lanes == 12
    assert lineup(3, lanes=12).lanes == 2
    assert lineup(100, lanes=1).lanes == 1


def test_exact_names_leave_one_lane_in_which_everything_runs() -> None:
    exact = lineup(5, exact_namespaces=True)
    assert (exact.lanes, exact.together.shapes) == (1, [])
    assert len(exact.left) == 6


def test_what_is_left_is_told_in_the_plans_order() -> None:
    found = lineup(4)
    job = found.together.take(None)
    assert job is not None
    assert found.left == ["s1", "s2", "s3", "host"]
