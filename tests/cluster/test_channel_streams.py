"""When streams break: a session goes on without loss, or ends as AgentLost; never something in between."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import socket
import time
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from probe.cluster import batches
from probe.cluster import line as stream_line
from probe.cluster.channel import AgentChannel, Target
from probe.cluster.duplex import Duplex
from probe.model.cell import Outcome, Protocol
from probe.model.errors import AgentLost, ClusterError
from tests.agent.support import RelayDuplex, RunningAgent, free_port, serving

OPEN_SECONDS = 10.0


class Cable:
    """A duplex over the control socket itself, which tests cut, hold up or falsify."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self.left: int | None = None  # bytes that may still be read; None: no bound
        self.change: Callable[[bytes], bytes] = lambda data: data

    async def read(self) -> bytes:
        while data := await self._read():
            if changed := self.change(data):  # nothing left is not the end of the stream
                return changed
        return b""

    async def _read(self) -> bytes:
        if self.left == 0:
            return b""
        try:
            data = await self._reader.read(4096 if self.left is None else min(4096, self.left))
        except OSError:
            return b""
        if self.left is not None:
            data = data[: self.left]  # the bound may have come while the read was under way
            self.left -= len(data)
        return data

    async def write(self, data: bytes) -> None:
        self._writer.write(data)
        await self._writer.drain()

    async def aclose(self) -> None:
        self._writer.close()
        with contextlib.suppress(OSError):
            await self._writer.wait_closed()

    def why(self) -> str:
        return "the cable was cut" if self.left == 0 else ""


@dataclass
class Bench:
    """A real agent, the cables to it so far, and what each new one is prepared with."""

    agent: RunningAgent
    tcp: int
    silent: int
    prepare: Callable[[int, Cable], None] = lambda number, cable: None
    cables: list[Cable] = field(default_factory=list)

    async def connect(self) -> Duplex:
        try:
            cable = Cable(*await asyncio.open_unix_connection(str(self.agent.socket_path)))
        except OSError as error:
            raise ClusterError(f"no way to the agent: {error}") from error
        self.prepare(len(self.cables), cable)
        self.cables.append(cable)
        return cable

    async def connect_by_relay(self) -> Duplex:
        return await RelayDuplex.start(self.agent.socket_path)

    def open_target(self) -> Target:
        return Target("127.0.0.1", self.tcp, Protocol.TCP)

    def silent_target(self) -> Target:
        return Target("127.0.0.1", self.silent, Protocol.UDP)


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    tcp = free_port()
    with (
        serving(tmp_path / "agent.sock", [f"{tcp}/TCP"]) as agent,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent,
    ):
        silent.bind(("127.0.0.1", 0))
        yield Bench(agent, tcp, silent.getsockname()[1])


@contextlib.asynccontextmanager
async def opened(connect: Callable[[], Any], patience: float = 20.0) -> AsyncIterator[AgentChannel]:
    channel = await AgentChannel.open(connect, timeout=OPEN_SECONDS, patience=patience)
    try:
        yield channel
    finally:
        await channel.aclose()


async def dialled(bench: Bench, channel: AgentChannel) -> None:
    """Wait until the agent has surely started on the batch before: it answers frames in order."""
    await channel.clock()


@pytest.mark.parametrize("cut_after", [1500, 5000, 20_000])
async def test_a_stream_cut_in_a_batch_is_resumed_and_nothing_is_lost(bench: Bench, cut_after: int) -> None:
    def cut_the_first_three(number: int, cable: Cable) -> None:
        cable.left = cut_after if number < 3 else None

    bench.prepare = cut_the_first_three
    targets = [bench.open_target()] * 3000
    async with opened(bench.connect) as channel:
        report = await channel.dial(targets, nonce="n", timeout=5.0)
        assert len(bench.cables) == 4
        assert len(report.results) == 3000
        assert {result.outcome for result in report.results} == {Outcome.CONNECTED}
        receipts = await channel.receipts([f"n.{i}" for i in range(3000)])
    assert len(receipts.found) == 3000


async def test_questions_are_repeated_on_the_new_stream(bench: Bench) -> None:
    async with opened(bench.connect) as channel:
        for _ in range(3):
            bench.cables[-1].left = 0
            bench.agent.process.send_signal(signal.SIGSTOP)
            checking = asyncio.create_task(channel.check())
            await asyncio.sleep(0)
            await bench.cables[-1].aclose()
            bench.agent.process.send_signal(signal.SIGCONT)
            assert {state.error for state in await checking} == {None}


async def test_a_killed_relay_is_replaced_in_the_middle_of_a_batch(bench: Bench) -> None:
    relays: list[RelayDuplex] = []

    async def connect() -> Duplex:
        relays.append(await RelayDuplex.start(bench.agent.socket_path))
        return relays[-1]

    async with opened(connect) as channel:
        targets = [bench.open_target()] * 500 + [bench.silent_target()] * 5
        dialling = asyncio.create_task(channel.dial(targets, nonce="n", timeout=1.0))
        await dialled(bench, channel)
        relays[0].process.kill()
        report = await dialling
    assert len(relays) == 2
    assert [result.outcome for result in report.results] == [Outcome.CONNECTED] * 500 + [Outcome.TIMED_OUT] * 5


async def test_the_agent_dials_on_while_nobody_listens(bench: Bench) -> None:
    gate = asyncio.Event()
    gate.set()

    async def connect() -> Duplex:
        await gate.wait()
        return await bench.connect()

    async with opened(connect) as channel:
        gate.clear()
        dialling = asyncio.create_task(channel.dial([bench.silent_target()], nonce="n", timeout=0.5))
        await dialled(bench, channel)
        await bench.cables[0].aclose()
        await asyncio.sleep(1.5)
        back = time.time()
        gate.set()
        (result,) = (await dialling).results
    assert result.outcome is Outcome.TIMED_OUT
    assert result.started + result.seconds < back


async def test_a_killed_agent_that_stays_away_is_lost(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream_line, "_HELLO_SECONDS", 1.0)
    async with opened(bench.connect_by_relay) as channel:
        dialling = asyncio.create_task(channel.dial([bench.silent_target()] * 50, nonce="n", timeout=60.0))
        await dialled(bench, channel)
        bench.agent.kill()
        with pytest.raises(AgentLost, match="no hello in time"):
            await dialling
        with pytest.raises(AgentLost):
            await channel.check()


async def test_a_restarted_agent_is_lost_at_once(bench: Bench, tmp_path: Path) -> None:
    async with opened(bench.connect) as channel:
        await channel.check()
        dialling = asyncio.create_task(channel.dial([bench.silent_target()] * 50, nonce="n", timeout=60.0))
        await dialled(bench, channel)
        bench.agent.kill()
        with serving(bench.agent.socket_path, []), pytest.raises(AgentLost, match="restarted"):
            await dialling


async def test_a_frozen_agent_is_lost_when_its_time_is_up(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batches, "_SLACK", 0.3)
    monkeypatch.setattr(stream_line, "_HELLO_SECONDS", 1.0)
    async with opened(bench.connect) as channel:
        bench.agent.process.send_signal(signal.SIGSTOP)
        begin = time.monotonic()
        with pytest.raises(AgentLost, match=r"no complete answer to 10 dials in 0\.8 s"):
            await channel.dial([bench.silent_target()] * 10, nonce="n", timeout=0.5)
        assert time.monotonic() - begin < 30


async def test_time_without_a_stream_is_not_the_agents(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """The control plane is away for longer than the batch may take: the agent has gone on, and nothing is lost."""
    monkeypatch.setattr(batches, "_SLACK", 0.3)
    away = False

    async def connect() -> Duplex:
        if away:
            raise ClusterError("nobody listens")
        return await bench.connect()

    async with opened(connect) as channel:
        dialling = asyncio.create_task(channel.dial([bench.silent_target()], nonce="n", timeout=0.3))
        await dialled(bench, channel)
        away = True
        await bench.cables[0].aclose()
        await asyncio.sleep(1.5)
        away = False
        (result,) = (await dialling).results
    assert result.outcome is Outcome.TIMED_OUT
    assert result.seconds < 1.5


async def test_a_stream_that_leads_nowhere_is_replaced(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """As when a firewall forgets a connection: it is open, and nothing comes out of it."""
    monkeypatch.setattr(batches, "_SLACK", 0.3)
    async with opened(bench.connect) as channel:
        bench.cables[0].change = lambda data: b""
        (result,) = (await channel.dial([bench.silent_target()], nonce="n", timeout=0.3)).results
        assert len(bench.cables) == 2
    assert result.outcome is Outcome.TIMED_OUT


async def test_what_is_known_to_be_gone_is_not_waited_for(bench: Bench) -> None:
    gone = False

    async def connect() -> Duplex:
        if gone:
            raise AgentLost("the pod was evicted")
        return await bench.connect()

    async with opened(connect) as channel:
        dialling = asyncio.create_task(channel.dial([bench.silent_target()], nonce="n", timeout=60.0))
        await dialled(bench, channel)
        gone = True
        await bench.cables[0].aclose()
        async with asyncio.timeout(30):
            with pytest.raises(AgentLost, match="the pod was evicted"):
                await dialling


def test_the_deadline_of_a_batch_is_what_its_bounds_allow() -> None:
    targets = [Target("192.0.2.1", 80, Protocol.TCP)] * 1000
    batch = batches.Batch("b", targets, nonce="n", timeout=1.5, in_flight=256, rate=100)
    assert batch.deadline == 4 * 1.5 + 1000 / 100 + 5.0


async def test_a_stream_that_breaks_before_hello_is_lost_with_the_reason(bench: Bench) -> None:
    def cut(number: int, cable: Cable) -> None:
        cable.left = 0

    bench.prepare = cut
    with pytest.raises(AgentLost, match="before the agent said hello: the cable was cut"):
        await AgentChannel.open(bench.connect, timeout=OPEN_SECONDS)


async def test_an_agent_that_says_nothing_is_lost_after_the_timeout(bench: Bench) -> None:
    bench.agent.process.send_signal(signal.SIGSTOP)
    with pytest.raises(AgentLost, match="no hello in time"):
        await AgentChannel.open(bench.connect, timeout=0.3)


async def test_a_stream_that_breaks_again_and_again_is_given_up(bench: Bench) -> None:
    async with opened(bench.connect, patience=1.0) as channel:

        def cut(number: int, cable: Cable) -> None:
            cable.left = 100

        bench.prepare = cut
        bench.cables[0].left = 0
        with pytest.raises(AgentLost, match="could not be resumed: the cable was cut"):
            await channel.dial([bench.open_target()] * 100, nonce="n", timeout=30.0)


async def test_each_result_is_told_once_and_answers_before_the_silence_of_others_ends(bench: Bench) -> None:
    told: asyncio.Queue[tuple[int, Outcome]] = asyncio.Queue()
    targets = [bench.silent_target(), bench.open_target()]
    async with opened(bench.connect) as channel:
        take = lambda index, result, lag: told.put_nowait((index, result.outcome))  # noqa: E731
        dialling = asyncio.create_task(channel.dial(targets, nonce="n", timeout=0.5, take=take))
        assert await told.get() == (1, Outcome.CONNECTED)
        await bench.cables[0].aclose()
        assert await told.get() == (0, Outcome.TIMED_OUT)
        report = await dialling
    assert [result.outcome for result in report.results] == [Outcome.TIMED_OUT, Outcome.CONNECTED]
    assert told.empty()


def edit(op: str, change: Callable[[dict[str, Any]], Any]) -> Callable[[bytes], bytes]:
    """Change frames of one op on the wire (frames here are small enough to come in one read each)."""

    def on_wire(data: bytes) -> bytes:
        lines = []
        for line in data.splitlines(keepends=True):
            frame = json.loads(line)
            if frame["op"] == op:
                changed = change(frame)
                line = b"" if changed is None else json.dumps(changed).encode() + b"\n"
            lines.append(line)
        return b"".join(lines)

    return on_wire


@pytest.mark.parametrize(
    ("op", "change", "message"),
    [
        ("results", lambda frame: None, "frames 2 to 2 of the agent are missing"),
        ("results", lambda frame: frame | {"results": frame["results"][:-1]}, "2 of 3 results"),
        ("results", lambda frame: frame | {"results": frame["results"] * 2}, "has one already"),
        ("results", lambda frame: frame | {"results": [[9, *frame["results"][0][1:]]]}, "not asked for"),
        ("results", lambda frame: frame | {"results": [[0, "fine"]]}, "malformed results"),
        ("results", lambda frame: frame | {"results": [[0, "fine", *frame["results"][0][2:]]]}, "malformed results"),
        ("results", lambda frame: frame | {"results": None}, "malformed results"),
        ("done", lambda frame: frame | {"count": 2}, "counts 2 of 3"),
        ("done", lambda frame: frame | {"lag": "long"}, "malformed done"),
        ("done", lambda frame: {"seq": "x"}, "not a frame"),
    ],
)
async def test_an_answer_that_is_not_whole_is_agent_lost_never_a_part(
    bench: Bench, op: str, change: Callable[[dict[str, Any]], Any], message: str
) -> None:
    async with opened(bench.connect) as channel:
        bench.cables[0].change = edit(op, change)
        with pytest.raises(AgentLost, match=message):
            await channel.dial([bench.open_target()] * 3, nonce="n", timeout=2.0)


async def test_noise_on_the_stream_is_agent_lost(bench: Bench) -> None:
    async with opened(bench.connect) as channel:
        bench.cables[0].change = lambda data: b"sh: python3: not found\n" + data
        with pytest.raises(AgentLost, match="python3: not found"):
            await channel.check()


async def test_an_agent_of_another_protocol_version_is_lost_with_advice(bench: Bench) -> None:
    def newer(number: int, cable: Cable) -> None:
        cable.change = edit("hello", lambda frame: frame | {"v": 2})

    bench.prepare = newer
    with pytest.raises(AgentLost, match="control protocol 2, not 1"):
        await AgentChannel.open(bench.connect, timeout=OPEN_SECONDS)


async def test_a_cancelled_dial_leaves_the_channel_usable(bench: Bench) -> None:
    async with opened(bench.connect) as channel:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.1):
                await channel.dial([bench.silent_target()], nonce="n", timeout=0.3)
        report = await channel.dial([bench.silent_target(), bench.open_target()], nonce="m", timeout=0.5)
    assert [result.outcome for result in report.results] == [Outcome.TIMED_OUT, Outcome.CONNECTED]


async def test_closing_leaves_no_relay_and_no_task(bench: Bench) -> None:
    children = Path(f"/proc/{os.getpid()}/task/{os.getpid()}/children")
    before = set(children.read_text().split())
    async with opened(bench.connect_by_relay) as channel:
        await channel.check()
        assert set(children.read_text().split()) > before
    assert set(children.read_text().split()) == before
    assert asyncio.all_tasks() == {asyncio.current_task()}
