"""What became of a held connection, from what the agents at its two ends tell."""

from __future__ import annotations

from typing import Any, cast

import pytest

from probe.cluster.holding import MAX_HELD, Connection, Heard, HeldEvent, HeldNews
from probe.cluster.series import Reading, SeriesPlan
from probe.engine.routes import Route
from probe.engine.watch.collector import Collector
from probe.engine.watch.connections import Connections, choose_held
from probe.engine.watch.options import Wanted
from probe.engine.watch.spans import Sleep
from probe.model.cell import Cell, Expectation, Outcome, Path, Protocol
from probe.model.errors import UsageError
from probe.model.watch import Fate, Stall, WatchedConnection

API, WEB = "shop/api", "shop/web"
CELL = Cell(API, WEB, 80, Protocol.TCP)
END = 20.0
"""When the agents were read for the last time, in seconds since the watch began (all clocks agree)."""

NOBODY = cast(Any, None)


def collector(number: int) -> Collector:
    plan = SeriesPlan("watch", "n", number, 0.2, 0.9, 60.0, [], [], [], [])
    return Collector(plan, NOBODY, lambda entry: None)


def connection(**more: Any) -> Connection:
    """One that was answered to the end."""
    healthy: dict[str, Any] = {
        "opened": 0.1, "sent": 100, "answered": 100, "latest": 100, "latest_at": END, "unanswered_since": None,
    }  # fmt: skip
    return Connection(**(healthy | more))


def news(connections: tuple[Connection, ...], heard: dict[tuple[int, int], Heard]) -> HeldNews:
    return HeldNews(END, connections, (), heard, 0.0, 0, 0)


def became(
    held: Connection,
    *events: HeldEvent,
    arrived: int = 100,
    sleeps: tuple[Sleep, ...] = (),
    lost: str = "",
    is_read: bool = True,
    heartbeat: float = 0.2,
) -> WatchedConnection:
    """The record of one connection from api to web."""
    collectors = {API: collector(0), WEB: collector(1)}
    found = Connections.of([(CELL, Expectation.ALLOW, Route("10.0.0.1", 80, "uid"))], collectors, heartbeat)
    collectors[WEB].lost = lost
    for agent in found.agents.values():
        agent.is_read = is_read
        agent.clock.see(Reading(0.0, 0.0, 0.0))
    found.agents[API].news = news((held,), {})
    found.agents[API].events += events
    found.agents[WEB].news = news((), {(0, 0): Heard(arrived, arrived, END)})
    (record,) = found.records(0.0, lambda pod: sleeps if pod == WEB else ())
    return record


def back(since: float, at: float) -> HeldEvent:
    return HeldEvent("b", 0, at, since=since)


def test_one_that_is_answered_to_the_end_was_kept() -> None:
    record = became(connection())
    assert (record.fate, record.stalls, record.arrived) == (Fate.KEPT, [], 100)


def test_one_that_came_back_has_stalled() -> None:
    record = became(connection(), back(4.0, 6.5), back(9.0, 10.0))
    assert record.fate is Fate.STALLED
    assert record.stalls == [Stall(4.0, 6.5), Stall(9.0, 10.0)]


def test_a_stall_that_a_retransmission_tells_of_twice_is_one() -> None:
    assert became(connection(), back(4.0, 6.5), back(4.4, 6.6)).stalls == [Stall(4.0, 6.6)]


def test_a_stall_in_which_an_end_had_no_cpu_says_nothing() -> None:
    assert became(connection(), back(4.0, 6.0), sleeps=(Sleep(4.1, 5.9),)).fate is Fate.KEPT
    assert became(connection(), back(4.0, 6.0), sleeps=(Sleep(4.1, 4.5),)).fate is Fate.STALLED


@pytest.mark.parametrize(
    ("arrived", "side"),
    [(60, "requests arrived no more"), (100, "requests still arrived, answers came back no more")],
)
def test_one_that_is_silent_to_the_end_was_cut_and_the_responder_tells_which_way(arrived: int, side: str) -> None:
    record = became(connection(latest=60, latest_at=12.0, unanswered_since=12.2), arrived=arrived)
    assert (record.fate, record.ended, record.error) == (Fate.CUT, 12.2, side)


def test_a_flow_that_was_cut_is_cut_though_something_said_no_to_it_meanwhile() -> None:
    refused = HeldEvent("n", 0, 13.0, outcome=Outcome.UNREACHABLE, error="EHOSTUNREACH")
    quiet = HeldEvent("q", 0, 13.1, since=12.2)
    assert became(connection(latest=60, unanswered_since=12.2), quiet, refused).fate is Fate.CUT


def test_one_that_was_told_so_has_ended() -> None:
    record = became(connection(ended=Outcome.RESET, ended_at=7.0, error="ECONNRESET"))
    assert (record.fate, record.ended, record.error) == (Fate.ENDED, 7.0, "reset (ECONNRESET)")


def test_one_that_was_never_answered_is_unknown() -> None:
    record = became(connection(opened=None, answered=0, latest=0, latest_at=None, unanswered_since=0.1))
    assert (record.fate, record.error) == (Fate.UNKNOWN, "it was never answered")


def test_nothing_is_concluded_from_an_end_that_is_gone_or_was_not_asked_in_the_end() -> None:
    ended = connection(ended=Outcome.RESET, ended_at=7.0, error="EOF")
    assert became(ended, lost="the pod was deleted").fate is Fate.UNKNOWN
    assert became(connection(), is_read=False).fate is Fate.UNKNOWN


def test_one_is_held_to_each_allowed_cell_that_is_wanted_and_has_an_agent_at_its_end() -> None:
    route, agentless = Route("10.0.0.1", 80, "uid"), Route("192.0.2.1", 80, None)
    denied, unasked = Cell(API, WEB, 81, Protocol.TCP), Cell(API, WEB, 82, Protocol.TCP)
    dns = Cell(API, "cluster/dns", 53, Protocol.UDP, path=Path.DNS)
    vault, store = (Cell(API, f"external/{name}", 80, Protocol.TCP, path=Path.EXTERNAL) for name in ("vault", "store"))
    cells = [
        (CELL, Expectation.ALLOW, route), (denied, Expectation.DENY, route), (unasked, Expectation.ALLOW, route),
        (dns, Expectation.ALLOW, route), (vault, Expectation.ALLOW, agentless), (store, Expectation.ALLOW, route),
    ]  # fmt: skip
    wanted = [
        Wanted("shop.yaml:7", frozenset({CELL, denied, dns, vault, store})),
        Wanted("shop.yaml:8", frozenset({denied})),
    ]
    held = choose_held(cells, wanted)
    assert [cell for cell, _, _ in held.cells] == [CELL, store]
    assert held.missing == ("no connection could be held for shop.yaml:8: no such cell is watched, and allowed",)


def test_more_than_an_agent_holds_is_refused() -> None:
    route = Route("10.0.0.1", 80, "uid")
    cells = [(Cell(API, WEB, port, Protocol.TCP), Expectation.ALLOW, route) for port in range(1, MAX_HELD + 2)]
    with pytest.raises(UsageError, match="shop/api would hold 1025 connections"):
        Connections.of(cells, {API: collector(0), WEB: collector(1)}, 0.2)
