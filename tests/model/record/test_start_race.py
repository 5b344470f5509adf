"""What a record says of the pods of a race together."""

from __future__ import annotations

from probe.model.cell import Cell, Expectation, Family, Path, Protocol
from probe.model.record import StartedPodRecord, StartRaceRecord, Topology

CELL = Cell("shop/racer@same-node", "shop/server", 80, Protocol.TCP, Family.IPV4, Path.POD_IP)


def race(*seconds: float | None) -> StartRaceRecord:
    pods = [StartedPodRecord(f"racer-{n}", "n1", f"10.0.0.{n}", it, 0, 10) for n, it in enumerate(seconds)]
    return StartRaceRecord.of(CELL, Topology.SAME_NODE, Expectation.ALLOW, pods, limit=1.0, interval=0.01)


def test_a_pod_that_never_got_through_has_no_part_in_the_quantiles() -> None:
    record = race(0.3, None, 0.1, 0.2)
    assert (record.p50, record.p99, record.longest, len(record.pods)) == (0.2, 0.3, 0.3, 4)


def test_without_a_time_there_is_no_quantile() -> None:
    record = race(None, None)
    assert (record.p50, record.p99, record.longest) == (None, None, None)
