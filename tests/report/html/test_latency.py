"""Times to enforce by kind of change."""

from __future__ import annotations

from typing import Any

import pytest

from probe.report.html.latency import Latency, latencies
from probe.report.html.spread import spread

DENY = {"expected": "deny"}


def test_only_cells_whose_expectation_changed_count_and_each_for_its_change(build: Any) -> None:
    def cells(after: float, **frontend: Any) -> list[Any]:
        return [
            build.cell("a/x", "a/y", matched_after=after, **frontend),
            build.cell("a/x", "a/z", matched_after=0.001),
        ]

    record = build.run(
        build.scenario(
            build.step(cells(0.5, **DENY), name="open", changes=[]),  # no change was made, so nothing was enforced
            build.step(cells(0.1), name="1", changes=["apply networkpolicy/a/p"]),
            build.step(cells(0.2, **DENY), name="2", changes=["apply networkpolicy/a/p"]),
            build.step(cells(0.3, **DENY), name="3", changes=["label pod/a/x k=v"]),
            build.step(cells(0.4), name="4", changes=["delete networkpolicy/a/p", "label pod/a/x k=v"]),
        )
    )
    assert {each.kind: each.seconds for each in latencies(record)} == {
        "policy applied: new allow": [0.1],
        "policy applied: new deny": [0.2],
        "policy deleted and pod labelled: new allow": [0.4],
    }


def test_a_cell_that_never_matched_is_counted_apart(build: Any) -> None:
    leak = build.cell(expected="deny", outcome="connected", matched_after=None)
    (found,) = latencies(build.run(build.scenario(build.step([leak]))))
    assert (found.seconds, found.never) == ([], 1)
    assert (spread(found).median, spread(found).bars) == ("–", [])


def test_what_the_api_leaves_open_has_no_latency(build: Any) -> None:
    cell = build.cell(expected="either", outcome="timed-out", matched_after=0.0)
    assert latencies(build.run(build.scenario(build.step([cell])))) == []


@pytest.mark.parametrize(("share", "expected"), [(0.5, 2.0), (0.75, 3.0), (0.95, 4.0), (1.0, 4.0), (0.0, 1.0)])
def test_quantiles_are_times_that_were_seen(share: float, expected: float) -> None:
    assert Latency("x", [1.0, 2.0, 3.0, 4.0]).quantile(share) == expected


def test_every_cell_is_in_a_bar(build: Any) -> None:
    times = [0.0, 0.0009, 0.001, 0.0011, 0.5, 99.0, 1000.0]
    latency = Latency("x", times)
    assert sum(latency.bins()) == len(times)
    picture = spread(latency)
    assert picture.bars[-1].title.startswith("2 between ")
    assert picture.ticks[0][1] == "1 ms"
    assert picture.ticks[-1][1] == "100 s"
