"""Packets that are neither TCP nor UDP: SCTP (which the kernel need not speak itself), ICMP, and ICMP errors."""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import os
import socket
import struct
from collections.abc import Iterator
from typing import Any

import pytest

from probe.model.cell import Family
from probe.sandbox import linux
from tests.sandbox.enforce.objects import Obj, block, labelled, policy, port
from tests.sandbox.enforce.world import DROPPED, FAMILIES, World

pytestmark = [pytest.mark.sandbox, pytest.mark.asyncio(loop_scope="module")]

SOURCES = pytest.mark.parametrize("source", ["x/a", "x/c"], ids=["same node", "cross node"])
FROM_X: list[dict[str, Any]] = [{"podSelector": {}}]
ECHO = {4: (socket.IPPROTO_ICMP, 8, 0), 6: (socket.IPPROTO_ICMPV6, 128, 129)}


def into_b(rule: Obj | None) -> Obj:
    return policy("x", labelled(pod="b"), ingress=[] if rule is None else [rule])


@contextlib.contextmanager
def raw(world: World, name: str, version: int, protocol: int) -> Iterator[socket.socket]:
    """A raw socket in a host's namespace."""
    with linux.inside_netns(world.hosts[name].netns):
        made = socket.socket(FAMILIES[version], socket.SOCK_RAW, protocol)
    made.setblocking(False)
    with made:
        yield made


async def arrives(made: socket.socket, marker: bytes) -> bool:
    """Whether a packet with these bytes comes in."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(DROPPED):
            while True:
                if marker in await asyncio.get_running_loop().sock_recv(made, 2048):
                    return True
    return False


# SCTP


def crc32c(data: bytes) -> int:
    """The checksum of SCTP (RFC 9260, appendix A): conntrack drops packets whose checksum is wrong."""
    value = 0xFFFFFFFF
    for byte in data:
        value ^= byte
        for _ in range(8):
            value = value >> 1 ^ (0x82F63B78 if value & 1 else 0)
    return value ^ 0xFFFFFFFF


def sctp_init(number: int) -> bytes:
    """An SCTP packet to a port, with an INIT chunk of random tag."""
    chunk = struct.pack("!BBHIIHHI", 1, 0, 20, int.from_bytes(os.urandom(4), "big") | 1, 65536, 1, 1, 1)
    header = struct.pack("!HHI", 20000 + int.from_bytes(os.urandom(2), "big") % 40000, number, 0)
    return header + struct.pack("<I", crc32c(header + bytes(4) + chunk)) + chunk


async def reached_by_sctp(world: World, source: str, target: str, number: int) -> bool:
    """Whether an SCTP packet reaches a pod; both families must agree."""
    found = set()
    for version, family in ((4, Family.IPV4), (6, Family.IPV6)):
        packet, address = sctp_init(number), world.hosts[target].addresses[family]
        with raw(world, target, version, 132) as receiver, raw(world, source, version, 132) as sender:
            sender.sendto(packet, (address, 0))
            found.add(await arrives(receiver, packet))
    assert len(found) == 1
    return found.pop()


@SOURCES
async def test_sctp_passes_without_policy_and_is_denied_by_isolation(world: World, source: str) -> None:
    assert await reached_by_sctp(world, source, "x/b", 80)
    await world.enforce(into_b(None))
    assert not await reached_by_sctp(world, source, "x/b", 80)


@SOURCES
async def test_an_sctp_port_opens_sctp_on_that_port_only(world: World, source: str) -> None:
    await world.enforce(into_b({"from": FROM_X, "ports": [port(80, "SCTP")]}))
    assert await reached_by_sctp(world, source, "x/b", 80)
    assert not await reached_by_sctp(world, source, "x/b", 81)
    assert (await world.probe(source, "x/b", 80)).outcome == "dropped"
    assert (await world.probe(source, "x/b", 80, "UDP")).outcome == "dropped"


@SOURCES
async def test_tcp_and_udp_ports_do_not_open_sctp(world: World, source: str) -> None:
    await world.enforce(into_b({"ports": [port(80), port(80, "UDP"), port(protocol="TCP")]}))
    assert not await reached_by_sctp(world, source, "x/b", 80)


async def test_ranges_and_all_ports_of_sctp(world: World) -> None:
    await world.enforce(into_b({"ports": [port(80, "SCTP", 90)]}))
    assert [await reached_by_sctp(world, "x/a", "x/b", number) for number in (79, 80, 90, 91)] == [
        False,
        True,
        True,
        False,
    ]
    await world.enforce(into_b({"ports": [port(protocol="SCTP")]}))
    assert await reached_by_sctp(world, "x/a", "x/b", 9)


async def test_egress_of_sctp(world: World) -> None:
    await world.enforce(policy("x", labelled(pod="b"), egress=[{"ports": [port(80, "SCTP")]}]))
    assert await reached_by_sctp(world, "x/b", "y/b", 80)
    assert not await reached_by_sctp(world, "x/b", "y/b", 81)


# ICMP


async def pings(world: World, source: str, target: str) -> bool:
    """Whether an echo is answered; both families must agree."""
    found = set()
    for version, family in ((4, Family.IPV4), (6, Family.IPV6)):
        protocol, request, _ = ECHO[version]
        payload = struct.pack("!HH", os.getpid() & 0xFFFF, 1) + os.urandom(16)
        packet = struct.pack("!BBH", request, 0, 0) + payload
        if version == 4:  # the kernel fills in ICMPv6 checksums only
            packet = packet[:2] + struct.pack("!H", internet_checksum(packet)) + packet[4:]
        with raw(world, source, version, protocol) as made:
            made.sendto(packet, (world.hosts[target].addresses[family], 0))
            found.add(await arrives(made, payload))
    assert len(found) == 1
    return found.pop()


def internet_checksum(data: bytes) -> int:
    """RFC 1071."""
    total: int = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return total ^ 0xFFFF


@SOURCES
@pytest.mark.parametrize(
    ("rule", "answered"),
    [
        (None, False),
        ({}, True),
        ({"from": FROM_X}, True),
        ({"from": [block("10.0.0.0/8"), block("fd00::/8")]}, True),
        ({"from": FROM_X, "ports": [port(protocol="TCP"), port(protocol="UDP"), port(protocol="SCTP")]}, False),
    ],
    ids=["no rule", "any", "a peer", "a block", "only ports"],
)
async def test_icmp_is_allowed_by_rules_without_ports(
    world: World, source: str, rule: Obj | None, answered: bool
) -> None:
    assert await pings(world, source, "x/b")
    await world.enforce(into_b(rule))
    assert await pings(world, source, "x/b") is answered


@SOURCES
async def test_an_icmp_error_about_an_allowed_connection_passes(world: World, source: str) -> None:
    """Nobody listens there: the answer is "port unreachable", from a pod that may begin nothing to one that accepts
    nothing."""
    world_rules = (
        policy(
            "x",
            labelled(pod="b"),
            name="b",
            ingress=[{"ports": [port(7999, "UDP"), port(7999)]}],
            types=["Ingress", "Egress"],
        ),
        policy("x", labelled(pod=source[-1]), name="client", types=["Ingress"]),
    )
    await world.enforce(*world_rules)
    assert (await world.probe(source, "x/b", 7999, "UDP")).outcome == "refused"
    assert (await world.probe(source, "x/b", 7999)).outcome == "refused"
    assert (await world.probe(source, "x/b", 7998, "UDP")).outcome == "dropped"


async def test_a_connection_that_conntrack_never_saw_is_not_taken_for_a_reply(world: World) -> None:
    """A lone ACK, RST or SYN+ACK from a peer that may not connect."""
    await world.enforce(policy("x", labelled(pod="b"), types=["Ingress"]))
    for flags in (0x10, 0x14, 0x12, 0x01):
        packet = tcp_packet(world, "x/a", "x/b", flags)
        with raw(world, "x/b", 4, socket.IPPROTO_TCP) as receiver, raw(world, "x/a", 4, socket.IPPROTO_TCP) as sender:
            sender.sendto(packet, (world.hosts["x/b"].addresses[Family.IPV4], 0))
            assert not await arrives(receiver, packet), hex(flags)
            await world.enforce()
            sender.sendto(packet, (world.hosts["x/b"].addresses[Family.IPV4], 0))
            assert await arrives(receiver, packet), f"positive control of {flags:#x}"
            await world.enforce(policy("x", labelled(pod="b"), types=["Ingress"]))


def tcp_packet(world: World, source: str, target: str, flags: int) -> bytes:
    """A TCP header with a valid checksum and no data."""
    ends = [ipaddress.ip_address(world.hosts[name].addresses[Family.IPV4]).packed for name in (source, target)]
    sport = 20000 + int.from_bytes(os.urandom(2), "big") % 40000
    header = struct.pack("!HHIIBBHHH", sport, 80, 1000, 2000, 5 << 4, flags, 1024, 0, 0)
    pseudo = b"".join(ends) + struct.pack("!BBH", 0, socket.IPPROTO_TCP, len(header))
    return header[:16] + struct.pack("!H", internet_checksum(pseudo + header)) + header[18:]
