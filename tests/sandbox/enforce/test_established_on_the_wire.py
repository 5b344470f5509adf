"""Open connections and old conntrack entries: what a change of policy, or of an address' owner, does to them."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from probe.model.cell import Family
from probe.sandbox.enforce.compile import Deny, Established, Options
from tests.sandbox.enforce.objects import Obj, labelled, policy
from tests.sandbox.enforce.world import Flow, World

pytestmark = [pytest.mark.sandbox, pytest.mark.asyncio(loop_scope="module")]

CLOSED = policy("x", labelled(pod="b"), types=["Ingress"])
FLOWS = [
    pytest.param("x/a", "TCP", 4, id="TCP same node"),
    pytest.param("x/c", "TCP", 4, id="TCP cross node"),
    pytest.param("x/c", "TCP", 6, id="TCP cross node IPv6"),
    pytest.param("x/a", "UDP", 4, id="UDP same node"),
    pytest.param("x/c", "UDP", 4, id="UDP cross node"),
    pytest.param("x/c", "UDP", 6, id="UDP cross node IPv6"),
]


@contextmanager
def flow(world: World, source: str, protocol: str, version: int = 4, target: str = "x/b") -> Iterator[Flow]:
    address = world.hosts[target].addresses[Family.IPV4 if version == 4 else Family.IPV6]
    made = Flow(world, source, address, 80, protocol)
    try:
        yield made
    finally:
        made.close()


def without_egress_of(pod: str) -> Obj:
    return policy("x", labelled(pod=pod), types=["Egress"])


@pytest.mark.parametrize(("source", "protocol", "version"), FLOWS)
async def test_a_new_ingress_denial_cuts_open_connections(
    world: World, source: str, protocol: str, version: int
) -> None:
    with flow(world, source, protocol, version) as it:
        assert (await it.say()).outcome == "connected"
        await world.enforce(CLOSED)
        assert (await it.say()).outcome == "dropped"


@pytest.mark.parametrize(("source", "protocol", "version"), FLOWS)
async def test_a_new_egress_denial_cuts_open_connections(
    world: World, source: str, protocol: str, version: int
) -> None:
    with flow(world, source, protocol, version) as it:
        assert (await it.say()).outcome == "connected"
        await world.enforce(without_egress_of(source[-1]))
        assert (await it.say()).outcome == "dropped"


@pytest.mark.parametrize(("source", "protocol", "version"), FLOWS)
async def test_with_keep_open_connections_stay_and_new_ones_are_denied(
    world: World, source: str, protocol: str, version: int
) -> None:
    world.options = Options(established=Established.KEEP)
    await world.enforce()
    with flow(world, source, protocol, version) as old, flow(world, source, protocol, version) as new:
        assert (await old.say()).outcome == "connected"
        await world.enforce(CLOSED)
        assert (await old.say()).outcome == "connected"
        assert (await new.say()).outcome == "dropped"


@pytest.mark.parametrize(("source", "protocol", "version"), FLOWS)
async def test_changes_that_still_allow_a_connection_do_not_disturb_it(
    world: World, source: str, protocol: str, version: int
) -> None:
    with flow(world, source, protocol, version) as it:
        for _ in range(3):
            await world.enforce(policy("x", {}, ingress=[{"from": [{"podSelector": {}}]}]))
            assert (await it.say()).outcome == "connected"
            await world.enforce()
            assert (await it.say()).outcome == "connected"


async def test_a_cut_connection_that_is_allowed_again_goes_on(world: World) -> None:
    with flow(world, "x/c", "TCP") as it:
        assert (await it.say()).outcome == "connected"
        await world.enforce(CLOSED)
        assert (await it.say()).outcome == "dropped"
        await world.enforce()
        received = await asyncio.wait_for(asyncio.get_running_loop().sock_recv(it.socket, 100), 5)  # TCP tries again
        assert received.startswith(b"x/b ")


async def test_with_reject_a_cut_connection_is_reset(world: World) -> None:
    world.options = Options(deny=Deny.REJECT)
    await world.enforce()
    with flow(world, "x/c", "TCP") as it:
        assert (await it.say()).outcome == "connected"
        await world.enforce(CLOSED)
        assert (await it.say()).outcome == "reset"


@pytest.mark.parametrize("source", ["x/a", "x/c"], ids=["same node", "cross node"])
async def test_the_answering_side_is_cut_as_well(world: World, source: str) -> None:
    """A server that goes on sending in a flow that is no longer allowed is not "replying" to anything."""
    with flow(world, source, "UDP") as it:
        assert (await it.say()).outcome == "connected"
        server = next(made for made in world.hosts["x/b"].sockets if _is_udp_80(made))
        assert await _arrives(server, it.socket), "positive control"
        await world.enforce(CLOSED)
        assert not await _arrives(server, it.socket)


async def test_a_udp_sender_that_keeps_its_5_tuple_does_not_ride_on_its_first_answer(world: World) -> None:
    """Egress opened for a moment, then closed: conntrack still has an established entry, and it does not count."""
    with flow(world, "x/b", "UDP", target="y/b") as it:
        assert (await it.say()).outcome == "connected"
        await world.enforce(without_egress_of("b"))
        for _ in range(3):
            assert (await it.say()).outcome == "dropped"


async def test_a_denied_first_packet_opens_no_way_for_its_repetition(world: World) -> None:
    await world.enforce(CLOSED)
    for source in ("x/a", "x/c"):
        with flow(world, source, "UDP") as it:
            for _ in range(4):
                assert (await it.say()).outcome == "dropped"


async def test_a_denied_request_does_not_turn_the_way_back_into_a_reply(world: World) -> None:
    """Both sides send from port 7000 to port 7000; neither may: x/a's ingress and x/c's ingress are closed."""
    await world.enforce(policy("x", {}, types=["Ingress"]))
    near, far = _bound(world, "x/a"), _bound(world, "y/a")
    world_a, world_y = (world.hosts[name].addresses[Family.IPV4] for name in ("x/a", "y/a"))
    try:
        far.sendto(b"in", (world_a, 7000))
        assert not await _readable(near)
        near.sendto(b"out", (world_y, 7000))
        assert await _readable(far), "x/a's egress is open"
        far.sendto(b"answer", (world_a, 7000))
        assert await _readable(near), "and what answers it is a reply"
    finally:
        near.close()
        far.close()


async def test_the_next_owner_of_an_address_inherits_neither_allow_nor_deny(world: World) -> None:
    """The old conntrack entry of x/old's flow is still there when x/new sends from the same address and port."""
    await world.pod("x/old", "node-1", labels={"role": "client"})
    allow = policy("x", labelled(pod="b"), ingress=[{"from": [{"podSelector": labelled(role="client")}]}])
    await world.enforce(allow)
    with flow(world, "x/old", "UDP") as it:
        it.socket.bind(("0.0.0.0", 7100))
        assert (await it.say()).outcome == "connected"
    assert (await world.probe("x/old", "x/b", 80)).outcome == "connected"
    addresses = world.hosts["x/old"].addresses
    await world.remove("x/old")
    await _take_address(world, "x/new", addresses[Family.IPV4])
    await world.enforce(allow)
    assert world.hosts["x/new"].addresses == addresses
    with flow(world, "x/new", "UDP") as it:
        it.socket.bind(("0.0.0.0", 7100))
        assert (await it.say()).outcome == "dropped"
    assert (await world.probe("x/new", "x/b", 80)).outcome == "dropped"
    assert (await world.probe("x/new", "y/b", 80)).outcome == "connected"


async def _take_address(world: World, name: str, address: str) -> None:
    """Create pods on node-1 until one gets the address (the pool goes round); remove the others."""
    others = []
    for number in range(260):
        await world.pod(f"x/try{number}", "node-1", labels={"pod": "new"})
        if world.hosts[f"x/try{number}"].addresses[Family.IPV4] == address:
            break
        others.append(f"x/try{number}")
        if len(others) == 20:
            for other in others:
                await world.remove(other)
            others.clear()
    for other in others:
        await world.remove(other)
    host = world.hosts.pop(f"x/try{number}")
    host.name = name
    world.hosts[name], world.pods[name] = host, world.pods.pop(f"x/try{number}")


def _is_udp_80(made: socket.socket) -> bool:
    return made.type == socket.SOCK_DGRAM and made.getsockname()[1] == 80


def _bound(world: World, name: str) -> socket.socket:
    made = world.hosts[name].socket("UDP", 4)
    made.bind(("0.0.0.0", 7000))
    return made


async def _arrives(server: socket.socket, client: socket.socket) -> bool:
    """Whether a datagram that the server sends of its own accord reaches the client."""
    address, number = client.getsockname()[:2]
    server.sendto(b"unasked", (f"::ffff:{address}", number))
    return await _readable(client)


async def _readable(made: socket.socket) -> bool:
    try:
        await asyncio.wait_for(asyncio.get_running_loop().sock_recv(made, 100), 0.15)
    except TimeoutError:
        return False
    return True
