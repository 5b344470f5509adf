"""The mesh sees what happens to a packet, and does not take for a denial what is none."""

from __future__ import annotations

import itertools
import socket
import struct

import pytest

from probe.model.cell import Family, Protocol
from probe.sandbox import linux
from probe.sandbox.enforce.nft import NftLibrary
from tests.sandbox.differential.fleet import Fleet, slot_name
from tests.sandbox.differential.mesh import Attempt, LostPacketsError, Outcome
from tests.sandbox.enforce.objects import policy, port

pytestmark = [pytest.mark.sandbox, pytest.mark.asyncio(loop_scope="session")]

HERE, NEIGHBOUR, AWAY = slot_name(0, 0), slot_name(0, 1), slot_name(1, 0)


def attempts(fleet: Fleet, source: str, target: str, number: int = 80) -> list[Attempt]:
    """One over each protocol and family."""
    addresses = fleet.kernel.hosts[target].addresses
    return [
        Attempt(source, target, addresses[family], number, protocol, family)
        for protocol, family in itertools.product(Protocol, Family)
    ]


def a_slot_is_a_pod(fleet: Fleet) -> None:
    """The pod that a world makes with a slot, in a namespace called like the node."""
    fleet.kernel.services, fleet.kernel.slices = [], []
    fleet.kernel.namespaces = {"node-1": {}}
    addresses = [{"ip": address} for address in fleet.kernel.hosts[HERE].addresses.values()]
    fleet.kernel.pods = {
        HERE: {
            "kind": "Pod",
            "metadata": {"namespace": "node-1", "name": "slot-0", "uid": "slot", "labels": {}},
            "spec": {"nodeName": "node-1", "containers": []},
            "status": {"phase": "Running", "podIPs": addresses},
        }
    }


@pytest.mark.parametrize("source", [NEIGHBOUR, AWAY, "outer", "node-2"])
async def test_what_is_denied_is_silent_and_what_is_allowed_is_answered(fleet: Fleet, source: str) -> None:
    a_slot_is_a_pod(fleet)
    await fleet.kernel.enforce(policy("node-1", ingress=[{"ports": [port(80, "UDP"), port(80, "SCTP")]}]))
    tried = attempts(fleet, source, HERE)
    wanted = [Outcome.SILENT if it.protocol is Protocol.TCP else Outcome.REACHED for it in tried]
    assert fleet.mesh.try_all(tried) == wanted
    assert fleet.mesh.try_all(tried, patience=1.2) == wanted


async def test_a_request_whose_answer_is_lost_is_told_apart(fleet: Fleet) -> None:
    a_slot_is_a_pod(fleet)
    await fleet.kernel.enforce()
    node = fleet.kernel.network.nodes["node-1"]
    table = (
        "table inet lossy {{ chain answers {{ type filter hook forward priority -10; "
        "ip saddr {0} tcp sport 80 drop; ip saddr {0} udp sport 80 drop; }}; }}\n"
    ).format(fleet.kernel.hosts[HERE].addresses[Family.IPV4])

    def run(script: str) -> None:
        with NftLibrary().open() as nft:
            nft.run(script)

    await node.run(lambda: run(table))
    try:
        tried = attempts(fleet, AWAY, HERE)
        lossy = [it.family is Family.IPV4 and it.protocol is not Protocol.SCTP for it in tried]
        assert fleet.mesh.try_all(tried) == [Outcome.ONE_WAY if lost else Outcome.REACHED for lost in lossy]
    finally:
        await node.run(lambda: run("delete table inet lossy"))


async def test_what_arrives_after_its_round_is_noticed(fleet: Fleet) -> None:
    await fleet.kernel.enforce()
    tried = attempts(fleet, AWAY, HERE)
    assert set(fleet.mesh.try_all(tried)) == {Outcome.REACHED}
    with linux.inside_netns(fleet.kernel.hosts[AWAY].netns), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as made:
        made.sendto(struct.pack("!II", 1, 0), (fleet.kernel.hosts[HERE].addresses[Family.IPV4], 80))
    assert set(fleet.mesh.try_all(tried)) == {Outcome.REACHED}
    assert fleet.mesh.late == 1


async def test_a_packet_that_found_a_buffer_full_is_no_denial(fleet: Fleet) -> None:
    await fleet.kernel.enforce()
    tap = fleet.mesh.taps[HERE]
    for made in tap.sockets:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
    try:
        many = [it for it in attempts(fleet, AWAY, HERE) * 50 if it.protocol is Protocol.SCTP]
        with pytest.raises(LostPacketsError, match="packets found a queue full"):
            fleet.mesh.try_all(many)
    finally:
        tap.widen()
