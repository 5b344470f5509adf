"""Reading an agent's series through streams that break: real agents, whose relays are cut off."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from probe.cluster.channel import Target
from probe.cluster.duplex import Duplex
from probe.cluster.series import Entry, Run, SeriesPlan
from probe.engine.watch import collector as collector_module
from probe.engine.watch.collector import Collector
from probe.model.cell import Protocol
from probe.model.errors import AgentLost, ClusterError
from tests.agent.support import RelayDuplex, RunningAgent, free_port, serving

INTERVAL = 0.05


class Way:
    """The way to an agent of a test, which can be shut, and the pod's fate, which can be told."""

    def __init__(self, agent: RunningAgent) -> None:
        self.path = agent.socket_path
        self.shut = False
        self.end = ""
        self.streams: list[RelayDuplex] = []

    async def connect(self) -> Duplex:
        if self.end:
            raise AgentLost(self.end)
        if self.shut:
            raise ClusterError("the API server is away")
        self.streams.append(await RelayDuplex.start(self.path))
        return self.streams[-1]

    def fate(self) -> str:
        return self.end

    def cut(self) -> None:
        """End the present stream as a proxy would."""
        self.streams[-1].process.kill()


@pytest.fixture
def port() -> int:
    return free_port()


@pytest.fixture
def agent(tmp_path: Path, port: int) -> Iterator[RunningAgent]:
    with serving(tmp_path / "agent.sock", [f"{port}/UDP"]) as agent:
        yield agent


class Reading:
    """A collector at work, and the runs that it has taken in."""

    def __init__(self, agent: RunningAgent, port: int, way: Way) -> None:
        plan = SeriesPlan(
            "watch", "n", 0, INTERVAL, 0.9, 60.0, [Target("127.0.0.1", port, Protocol.UDP)], [agent.uid], [0.0], []
        )  # fmt: skip
        self.runs: list[Run] = []
        self._more = asyncio.Event()
        self.collector = Collector(plan, way, self._take)

    def _take(self, entry: Entry) -> None:
        assert isinstance(entry, Run)
        self.runs.append(entry)
        self._more.set()

    @property
    def count(self) -> int:
        """Attempts so far; no number may be missing or come twice."""
        expected = 0
        for run in self.runs:
            assert run.first == expected, self.runs
            expected += run.count
        return expected

    async def until(self, count: int) -> None:
        """Wait for so many attempts."""
        async with asyncio.timeout(60):
            while self.count < count:
                self._more.clear()
                await self._more.wait()


@asynccontextmanager
async def reading(agent: RunningAgent, port: int, way: Way) -> AsyncIterator[Reading]:
    """A collector that has started; at the end of the block it has read all."""
    found = Reading(agent, port, way)
    await found.collector.open()
    await found.collector.begin()
    task = asyncio.create_task(found.collector.run())
    try:
        yield found
    finally:
        found.collector.stop()
        async with asyncio.timeout(60):
            await task


@pytest.fixture(autouse=True)
def in_a_hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(collector_module, "POLL_SECONDS", 0.1)


async def test_all_attempts_are_read_to_the_end(agent: RunningAgent, port: int) -> None:
    async with reading(agent, port, Way(agent)) as found:
        await found.until(5)
    assert found.collector.ended
    assert (found.collector.lost, found.collector.missing, found.collector.streams) == ("", 0, 1)
    assert {run.outcome for run in found.runs} - {"skipped"} == {"connected"}


async def test_a_cut_stream_and_an_api_server_that_is_away_lose_nothing(agent: RunningAgent, port: int) -> None:
    way = Way(agent)
    async with reading(agent, port, way) as found:
        await found.until(2)
        before = found.count
        way.shut = True
        way.cut()
        await asyncio.sleep(0.5)  # the agent goes on alone
        away = found.collector.away
        way.shut = False
        await found.until(before + 10)
    assert away
    assert not found.collector.away
    assert found.collector.ended
    assert (found.collector.lost, found.collector.missing) == ("", 0)
    assert found.collector.streams == 2


async def test_a_pod_that_is_gone_is_not_waited_for(agent: RunningAgent, port: int) -> None:
    way = Way(agent)
    async with reading(agent, port, way) as found:
        await found.until(2)
        way.end = "the pod was deleted"
        way.cut()
        async with asyncio.timeout(60):
            while not found.collector.lost:  # noqa: ASYNC110 - nobody tells of it but the end of the block
                await asyncio.sleep(0.02)
    assert found.collector.lost == "the pod was deleted"
    assert not found.collector.ended


async def test_an_agent_that_was_restarted_is_lost(agent: RunningAgent, port: int) -> None:
    way = Way(agent)
    async with reading(agent, port, way) as found:
        await found.until(2)
        agent.kill()
        with serving(agent.socket_path, [f"{port}/UDP"]):
            async with asyncio.timeout(60):
                while not found.collector.lost:  # noqa: ASYNC110 - nobody tells of it but the end of the block
                    await asyncio.sleep(0.02)
    assert found.collector.lost == "the agent was restarted"


async def test_the_clock_is_read_with_every_answer(agent: RunningAgent, port: int) -> None:
    async with reading(agent, port, Way(agent)) as found:
        await found.until(2)
        assert found.collector.began is not None
        instant, error = found.collector.clock.instant(found.collector.began.time)
        assert found.collector.began.asked - error <= instant <= found.collector.began.answered + error
        assert error < 1.0
