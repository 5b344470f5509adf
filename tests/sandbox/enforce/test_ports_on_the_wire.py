"""Which ports and protocols a rule opens, judged by packets."""

from __future__ import annotations

import asyncio

import pytest

from tests.sandbox.enforce.objects import Obj, labelled, policy, port
from tests.sandbox.enforce.world import TCP_PORTS, UDP_PORTS, World

pytestmark = [pytest.mark.sandbox, pytest.mark.asyncio(loop_scope="module")]

B = labelled(pod="b")
FROM_A_AND_C = [{"podSelector": labelled(pod="a")}, {"podSelector": labelled(pod="c")}]


async def opened(world: World, source: str, target: str) -> set[str]:
    """The ports of the target that the source reaches."""
    ports = [(number, "TCP") for number in TCP_PORTS] + [(number, "UDP") for number in UDP_PORTS]
    answers = await asyncio.gather(*(world.probe(source, target, *port) for port in ports))
    pairs = zip(ports, answers, strict=True)
    return {f"{number}/{protocol}" for (number, protocol), answer in pairs if answer.outcome == "connected"}


EVERY_TCP = {f"{number}/TCP" for number in TCP_PORTS}
EVERY_UDP = {f"{number}/UDP" for number in UDP_PORTS}

CASES = {
    "no ports at all are all ports and protocols": ([], EVERY_TCP | EVERY_UDP),
    "a number without protocol is TCP": ([port(80)], {"80/TCP"}),
    "UDP does not open TCP": ([port(80, "UDP")], {"80/UDP"}),
    "a protocol without a port is all its ports": ([port(protocol="UDP")], EVERY_UDP),
    "an empty port entry is all of TCP": ([{}], EVERY_TCP),
    "a range is inclusive at both ends": ([port(80, "TCP", 81)], {"80/TCP", "81/TCP"}),
    "a range ends before the next port": ([port(79, "TCP", 80)], {"80/TCP"}),
    "a range begins after the port before": ([port(81, "TCP", 89)], {"81/TCP"}),
    "a range of one": ([port(81, "TCP", 81)], {"81/TCP"}),
    "a range of UDP": ([port(81, "UDP", 5000)], {"81/UDP", "90/UDP", "5000/UDP"}),
    "overlapping ranges and numbers": (
        [port(80, None, 85), port(81, None, 90), port(80)],
        {"80/TCP", "81/TCP", "90/TCP"},
    ),
    "several entries add up": ([port(80), port(81, "UDP"), port(5000)], {"80/TCP", "81/UDP", "5000/TCP"}),
    "a named port is the destination's": ([port("http")], {"80/TCP"}),
    "a named port needs its protocol": ([port("http", "UDP")], set()),
    "a name of UDP": ([port("dns", "UDP")], {"81/UDP"}),
    "an unserved name opens nothing": ([port("nobody")], set()),
    "a name beside a number": ([port("http"), port(90)], {"80/TCP", "90/TCP"}),
    "SCTP opens neither TCP nor UDP, and spoils no other entry": ([port(80, "SCTP"), port(81)], {"81/TCP"}),
    "forty ports, the last one too": ([port(6000 + 2 * number) for number in range(40)] + [port(5000)], {"5000/TCP"}),
}


@pytest.mark.parametrize(("ports", "expected"), CASES.values(), ids=CASES.keys())
@pytest.mark.parametrize("source", ["x/a", "x/c"], ids=["same node", "cross node"])
async def test_ports_of_an_ingress_rule(world: World, source: str, ports: list[Obj], expected: set[str]) -> None:
    await world.enforce(policy("x", B, ingress=[{"from": FROM_A_AND_C, "ports": ports}]))
    assert await opened(world, source, "x/b") == expected


@pytest.mark.parametrize(("ports", "expected"), CASES.values(), ids=CASES.keys())
async def test_ports_of_an_egress_rule(world: World, ports: list[Obj], expected: set[str]) -> None:
    await world.enforce(policy("x", labelled(pod="c"), egress=[{"to": [{"podSelector": B}], "ports": ports}]))
    assert await opened(world, "x/c", "x/b") == expected


async def test_a_name_may_be_another_number_on_each_destination(world: World) -> None:
    """http is 80 on x/a and 81 on x/c and y/b: each destination's own number, and no other's."""
    await world.enforce(policy("x", B, egress=[{"ports": [port("http")]}]))
    assert await world.targets_of("x/b", 80) == {"x/a", "y/a"}
    assert await world.targets_of("x/b", 81) == {"x/c", "y/b"}


async def test_a_name_is_not_resolved_on_the_source(world: World) -> None:
    await world.enforce(policy("x", {}, ingress=[{"ports": [port("http")]}]))
    assert await world.sources_of("x/b", 80) == {"x/a", "x/c", "y/a", "y/b", "z/bare"}
    assert await world.sources_of("x/b", 81) == set()
    assert await world.sources_of("x/c", 80) == set()
    assert await world.sources_of("x/c", 81) == {"x/a", "x/b", "y/a", "y/b", "z/bare"}


async def test_ports_without_peers_are_open_to_hosts_outside(world: World) -> None:
    await world.enforce(policy("x", B, ingress=[{"ports": [port(80)]}], egress=[{"ports": [port(81)]}]))
    assert (await world.probe("outer", "x/b", 80)).outcome == "connected"
    assert (await world.probe("outer", "x/b", 81)).outcome == "dropped"
    assert (await world.probe("x/b", "outer", 81)).outcome == "connected"
    assert (await world.probe("x/b", "outer", 80)).outcome == "dropped"
