"""A watch as it might have been measured: a leak, an outage that goes on, and a cell without either."""

from __future__ import annotations

from typing import Any

from probe.model.cell import Expectation, Family, Path, Protocol, Verdict, Via
from probe.model.watch import (
    Budget,
    ClusterEvent,
    CommandRecord,
    Fate,
    OutputLine,
    SpanKind,
    SpanRecord,
    Stall,
    StallRecord,
    WatchedAgent,
    WatchedCell,
    WatchedConnection,
    WatchRecord,
)

LEAK = SpanRecord(SpanKind.LEAK, 4.0, 5.8, 10, 2.0, 1.8, 2.2, 0.003, {"connected": 8, "timed-out": 2}, arrived=2)
OUTAGE = SpanRecord(SpanKind.OUTAGE, 8.0, 8.4, 3, 0.6, 0.4, 0.8, 0.003, {"timed-out": 3}, ongoing=True)


def cell(source: str, verdict: Verdict, *spans: SpanRecord, node: str = "n1", reason: str = "") -> WatchedCell:
    expected = Expectation.DENY if SpanKind.LEAK in {span.kind for span in spans} else Expectation.ALLOW
    return WatchedCell(
        source, "prod/web", 80, Protocol.TCP, Family.IPV4, Path.POD_IP, None, Via.ONLY, expected, verdict, reason,
        attempts=50, unknown=1, longest_gap=0.4, spans=list(spans), source_node=node, destination_node="n2",
    )  # fmt: skip


def held(source: str, fate: Fate, **more: Any) -> WatchedConnection:
    default: dict[str, Any] = {"sent": 50, "answered": 50, "arrived": 50}
    return WatchedConnection(
        source, "prod/web", 80, Protocol.TCP, Family.IPV4, Path.POD_IP, Via.ONLY, fate, **(default | more)
    )  # fmt: skip


def watch_record(verdict: Verdict = Verdict.LEAK) -> WatchRecord:
    return WatchRecord(
        step="closed",
        started="2026-01-01T00:00:00.000+00:00",
        seconds=10.0,
        interval=0.2,
        timeout=0.9,
        load=15.0,
        budget=Budget(),
        verdict=verdict,
        reasons=["1 of 3 cells leaked"] if verdict is Verdict.LEAK else [],
        cells=[
            cell("prod/api", Verdict.PASS, OUTAGE),
            cell("dev/job", Verdict.LEAK, LEAK, node="n3", reason="expected deny, but 10 packets got through"),
            cell("prod/db", Verdict.PASS),
        ],
        connections=[
            held("prod/api", Fate.STALLED, stalls=[Stall(4.0, 6.5)], answered=38),
            held("prod/db", Fate.CUT, ended=4.2, error="requests arrived no more", answered=20, arrived=20),
            held("prod/web", Fate.KEPT),
        ],
        agents=[WatchedAgent("prod/web", "n2", 0.003, 1, stalls=[StallRecord(6.0, 0.5), StallRecord(7.0, 0.06)])],
        events=[ClusterEvent(4.5, "Pod", "kube-system/cni-x", "ready True -> False")],
        command=CommandRecord("make upgrade", 2.0, 7.0, 0, [OutputLine(3.0, "stdout", "rolling out\x1b[2J")]),
        unseen=["DaemonSets: forbidden"],
        left_out={"the API leaves open what should happen": 2},
        error=0.003,
    )
