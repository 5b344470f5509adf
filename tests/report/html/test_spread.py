"""Times to enforce as numbers and bars."""

from __future__ import annotations

from probe.model.enforcement import Times
from probe.model.record import Topology
from probe.report.html.spread import histogram, spread
from probe.report.latency import Latency


def test_every_cell_is_in_a_bar() -> None:
    times = [0.0, 0.0009, 0.001, 0.0011, 0.5, 99.0, 1000.0]
    assert sum(histogram(times)) == len(times)
    picture = spread(Latency("x", Times(times)))
    assert picture.bars[-1].title.startswith("2 between ")
    assert picture.ticks[0][1] == "1 ms"
    assert picture.ticks[-1][1] == "100 s"


def test_quantiles_are_followed_by_the_longest_of_a_node_and_across_nodes() -> None:
    times = [number / 100 for number in range(1, 101)]
    picture = spread(Latency("x", Times(times), {Topology.SAME_NODE: Times(times[:50])}))
    assert picture.numbers == ["500 ms", "900 ms", "990 ms", "1.0 s", "500 ms", "–"]


def test_without_a_time_there_are_no_numbers() -> None:
    picture = spread(Latency("x", Times(never=1, untimed=2)))
    assert (picture.cells, picture.never, picture.untimed) == (3, 1, 2)
    assert (set(picture.numbers), picture.bars) == ({"–"}, [])
