"""The end of held connections: what a cut at the very end looks like is waited for. Real agents; one is frozen."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from probe.cluster.channel import Target
from probe.cluster.duplex import Duplex
from probe.cluster.holding import Connection
from probe.cluster.series import SeriesPlan
from probe.engine.routes import Route
from probe.engine.watch.collector import Collector
from probe.engine.watch.connections import Connections
from probe.model.cell import Cell, Expectation, Protocol
from probe.model.watch import Fate, WatchedConnection
from tests.agent.support import RelayDuplex, RunningAgent, free_port, serving

API, WEB = "shop/api", "shop/web"


@pytest.fixture
def port() -> int:
    return free_port()


@pytest.fixture
def api(tmp_path: Path) -> Iterator[RunningAgent]:
    with serving(tmp_path / "api.sock", [], "api") as agent:
        yield agent


@pytest.fixture
def web(tmp_path: Path, port: int) -> Iterator[RunningAgent]:
    with serving(tmp_path / "web.sock", [f"{port}/UDP"], "web") as agent:
        yield agent


class Way:
    """The way to an agent that stays."""

    def __init__(self, agent: RunningAgent) -> None:
        self._path = agent.socket_path

    async def connect(self) -> Duplex:
        return await RelayDuplex.start(self._path)

    def fate(self) -> str:
        return ""


async def until(held: Connections, condition: Callable[[Connection], bool]) -> None:
    """Read until it is so."""
    agent = held.agents[API]
    while True:
        if await agent.read() and agent.news and condition(agent.news.connections[0]):
            return
        await asyncio.sleep(0.01)


async def end_of(api: RunningAgent, web: RunningAgent, port: int, *, frozen: bool) -> WatchedConnection:
    """The record of a connection from api to web, which is frozen, or not, right before the end."""
    cell = Cell(API, WEB, port, Protocol.UDP)
    plan = SeriesPlan("watch", "n", 0, 1.0, 0.9, 60.0, [Target("127.0.0.1", port, Protocol.UDP)], [web.uid], [0.0], [])
    collector = Collector(plan, Way(api), lambda entry: None)
    await collector.open()
    held = Connections.of(
        [(cell, Expectation.ALLOW, Route("127.0.0.1", port, web.uid))], {API: collector}, heartbeat=0.05
    )
    async with asyncio.timeout(60):
        await held.hold()
        await until(held, lambda it: it.opened is not None)
        if frozen:
            web.process.send_signal(signal.SIGSTOP)
            await until(held, lambda it: it.unanswered_since is not None)
        await held.finish(20)
    assert collector.channel is not None
    await collector.channel.aclose()
    agent = held.agents[API]
    (record,) = held.records(agent.clock.instant(0.0)[0], lambda pod: ())
    return record


async def test_one_that_is_answered_is_kept(api: RunningAgent, web: RunningAgent, port: int) -> None:
    assert (await end_of(api, web, port, frozen=False)).fate is Fate.KEPT


async def test_one_that_falls_silent_right_before_the_end_is_cut(
    api: RunningAgent, web: RunningAgent, port: int
) -> None:
    record = await end_of(api, web, port, frozen=True)
    assert (record.fate, record.error) == (Fate.CUT, "no answer any more")
