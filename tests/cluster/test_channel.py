"""The channel to an agent, against a real agent through a real relay."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from probe.cluster.channel import AgentChannel, Target
from probe.cluster.duplex import Duplex
from probe.model.cell import Family, Outcome, Protocol
from probe.model.errors import AgentLost
from tests.agent.support import RelayDuplex, RunningAgent, free_port, serving

TIMEOUT = 10.0


@dataclass
class Peer:
    """An agent with the ports it serves, and one that nobody serves."""

    agent: RunningAgent
    tcp: int
    udp: int
    closed: int

    async def connect(self) -> Duplex:
        return await RelayDuplex.start(self.agent.socket_path)


@pytest.fixture
def peer(tmp_path: Path) -> Iterator[Peer]:
    tcp, udp, closed = free_port(), free_port(), free_port()
    with serving(tmp_path / "agent.sock", [f"{tcp}/TCP", f"{udp}/UDP"]) as agent:
        yield Peer(agent, tcp, udp, closed)


@pytest.fixture
async def channel(peer: Peer) -> AsyncIterator[AgentChannel]:
    channel = await AgentChannel.open(peer.connect, timeout=TIMEOUT)
    yield channel
    await channel.aclose()


async def test_hello_says_who_the_agent_is_and_what_it_serves(peer: Peer, channel: AgentChannel) -> None:
    hello = channel.hello
    assert hello.pod_uid == peer.agent.uid
    assert not hello.resumed
    assert "IPv4" in hello.features
    served = {(state.port, state.protocol, state.family): state.error for state in hello.listeners}
    assert served[(peer.tcp, Protocol.TCP, Family.IPV4)] is None
    assert served[(peer.udp, Protocol.UDP, Family.IPV6)] is None


async def test_results_come_in_the_order_of_the_targets(peer: Peer, channel: AgentChannel) -> None:
    targets = [
        Target("127.0.0.1", peer.closed, Protocol.TCP),
        Target("127.0.0.1", peer.tcp, Protocol.TCP),
        Target("::1", peer.udp, Protocol.UDP),
        Target("not-an-address", 1, Protocol.TCP),
    ]
    report = await channel.dial(targets, nonce="n", timeout=2.0)
    outcomes = [result.outcome for result in report.results]
    assert outcomes == [Outcome.REFUSED, Outcome.CONNECTED, Outcome.CONNECTED, Outcome.UNRESOLVED]
    assert report.results[0].error == "ECONNREFUSED"
    assert report.results[1].responder == peer.agent.uid
    assert report.results[1].observed == report.results[1].local
    assert abs(report.results[1].started - time.time()) < 10
    assert report.lag >= 0


async def test_a_batch_of_thousands_is_cut_into_frames_and_comes_back_whole(peer: Peer, channel: AgentChannel) -> None:
    targets = [Target("127.0.0.1", peer.tcp if i % 2 else peer.closed, Protocol.TCP) for i in range(12_000)]
    report = await channel.dial(targets, nonce="many", timeout=5.0)
    assert len(report.results) == len(targets)
    assert {result.outcome for result in report.results[::2]} == {Outcome.REFUSED}
    assert {result.outcome for result in report.results[1::2]} == {Outcome.CONNECTED}
    receipts = await channel.receipts(["many.1", "many.2", f"many.{len(targets) - 1}"])
    assert set(receipts.found) == {"many.1", f"many.{len(targets) - 1}"}


async def test_no_targets_need_no_agent(channel: AgentChannel) -> None:
    report = await channel.dial([], nonce="n", timeout=1.0)
    assert report.results == ()


async def test_batches_at_once_do_not_mix(peer: Peer, channel: AgentChannel) -> None:
    open_targets = [Target("127.0.0.1", peer.tcp, Protocol.TCP)] * 300
    closed_targets = [Target("127.0.0.1", peer.closed, Protocol.TCP)] * 200
    opened, closed = await asyncio.gather(
        channel.dial(open_targets, nonce="a", timeout=5.0), channel.dial(closed_targets, nonce="b", timeout=5.0)
    )
    assert {result.outcome for result in opened.results} == {Outcome.CONNECTED}
    assert {result.outcome for result in closed.results} == {Outcome.REFUSED}
    assert (len(opened.results), len(closed.results)) == (300, 200)


async def test_receipts_tell_what_arrived_and_from_where(peer: Peer, channel: AgentChannel) -> None:
    report = await channel.dial([Target("127.0.0.1", peer.udp, Protocol.UDP)], nonce="r", timeout=2.0)
    receipts = await channel.receipts(["r.0", "never"])
    assert set(receipts.found) == {"r.0"}
    assert receipts.found["r.0"].source == report.results[0].local
    assert receipts.overwritten == 0


async def test_check_dials_every_listener(peer: Peer, channel: AgentChannel) -> None:
    states = await channel.check()
    assert {(state.port, state.protocol) for state in states} == {(peer.tcp, "TCP"), (peer.udp, "UDP")}
    assert [state.error for state in states if state.family == Family.IPV4] == [None, None]


async def test_the_clock_of_an_agent_on_this_machine_is_ours_within_the_stated_error(channel: AgentChannel) -> None:
    clock = await channel.clock()
    assert abs(clock.offset) <= clock.error + 0.001


async def test_a_refused_request_is_agent_lost_with_the_agents_reason(peer: Peer, channel: AgentChannel) -> None:
    with pytest.raises(AgentLost, match="nonce"):
        await channel.dial([Target("127.0.0.1", peer.tcp, Protocol.TCP)], nonce="no spaces", timeout=1.0)


async def test_a_closed_channel_refuses_work(peer: Peer, channel: AgentChannel) -> None:
    await channel.aclose()
    with pytest.raises(AgentLost, match="closed"):
        await channel.check()


async def test_open_without_an_agent_says_what_the_relay_said(tmp_path: Path) -> None:
    impatient = (
        f"from cni_probe_agent import relay; raise SystemExit(relay.run({str(tmp_path / 'nobody.sock')!r}, 0.1))"
    )

    async def connect() -> Duplex:
        return await RelayDuplex.start(tmp_path / "nobody.sock", (sys.executable, "-c", impatient))

    with pytest.raises(AgentLost, match=r"no agent at .*nobody\.sock"):
        await AgentChannel.open(connect, timeout=30.0)
