"""Ports and addresses in as few pieces as rules tell apart, and pieces put together again."""

from __future__ import annotations

from typing import Any

from probe.model.cell import Family, Protocol
from probe.model.fleet import Port
from probe.model.snapshot import PodState
from probe.policy.atoms import address_atoms, as_cidrs, joined, port_atoms
from probe.policy.ports import PortRange
from probe.policy.read import read_policy
from probe.policy.universe import AddressRange


def policy(**spec: Any) -> Any:
    return read_policy(
        {
            "apiVersion": "networking.k8s.io/v1",
            "kind": "NetworkPolicy",
            "metadata": {"name": "p", "namespace": "a"},
            "spec": {"podSelector": {}, **spec},
        }
    )


def ranges(ports: list[dict[str, Any]], *pods: PodState) -> dict[Protocol, list[tuple[int, int]]]:
    found: dict[Protocol, list[tuple[int, int]]] = {}
    for atom in port_atoms([policy(ingress=[{"ports": ports}])], pods):
        found.setdefault(atom.protocol, []).append((atom.ports.first, atom.ports.last))
    return found


WHOLE = [(1, 65535)]


def test_without_policies_all_ports_of_a_protocol_are_one() -> None:
    assert [str(atom.ports) for atom in port_atoms([], [])] == ["all of TCP", "all of UDP", "all of SCTP"]


def test_a_port_is_cut_out_of_its_protocol_only() -> None:
    assert ranges([{"port": 80}]) == {
        Protocol.TCP: [(1, 79), (80, 80), (81, 65535)], Protocol.UDP: WHOLE, Protocol.SCTP: WHOLE
    }  # fmt: skip


def test_ranges_that_overlap_are_cut_at_all_of_their_ends() -> None:
    found = ranges([{"port": 80, "endPort": 90}, {"port": 85, "endPort": 65535}, {"port": 1}])
    assert found[Protocol.TCP] == [(1, 1), (2, 79), (80, 84), (85, 90), (91, 65535)]


def test_a_protocol_without_a_port_cuts_nothing() -> None:
    assert ranges([{"protocol": "UDP"}]) == dict.fromkeys(Protocol, WHOLE)


def test_a_name_cuts_at_every_number_that_a_pod_gives_it_and_at_no_other() -> None:
    pods = [
        PodState("a", "one", ports=(Port(80, name="http"), Port(9090, name="metrics"))),
        PodState("a", "two", ports=(Port(8080, name="http"), Port(53, Protocol.UDP, "http"))),
    ]
    found = ranges([{"port": "http"}], *pods)
    assert found[Protocol.TCP] == [(1, 79), (80, 80), (81, 8079), (8080, 8080), (8081, 65535)]
    assert found[Protocol.UDP] == [(1, 52), (53, 53), (54, 65535)]


def test_atoms_that_the_same_rules_mean_are_known_as_such() -> None:
    atoms = port_atoms([policy(ingress=[{"ports": [{"port": 80}, {"port": 443}]}])], [])
    meant_by = {(atom.protocol, atom.port): atom.meant_by for atom in atoms}
    assert meant_by[Protocol.TCP, 1] == meant_by[Protocol.TCP, 81] == meant_by[Protocol.UDP, 1] == frozenset()
    assert meant_by[Protocol.TCP, 80] != meant_by[Protocol.TCP, 443]


def test_addresses_are_cut_at_blocks_and_excepts_of_their_family() -> None:
    peers = [{"ipBlock": {"cidr": "10.0.0.0/8", "except": ["10.1.0.0/16"]}}, {"ipBlock": {"cidr": "fd00::/8"}}]
    policies = [policy(egress=[{"to": peers}])]
    assert [each.id for each in address_atoms(policies, Family.IPV4)] == [
        "0.0.0.0-9.255.255.255",
        "10.0.0.0-10.0.255.255",
        "10.1.0.0-10.1.255.255",
        "10.2.0.0-10.255.255.255",
        "11.0.0.0-255.255.255.255",
    ]
    assert [each.id for each in address_atoms(policies, Family.IPV6)] == [
        "::-fcff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
        "fd00::-fdff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
        "fe00::-ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
    ]


def test_blocks_at_the_ends_of_the_address_space_leave_no_empty_piece() -> None:
    peers = [{"ipBlock": {"cidr": "0.0.0.0/0"}}, {"ipBlock": {"cidr": "255.255.255.255/32"}}]
    found = [each.id for each in address_atoms([policy(egress=[{"to": peers}])], Family.IPV4)]
    assert found == ["0.0.0.0-255.255.255.254", "255.255.255.255"]


def test_neighbours_are_joined_within_a_protocol() -> None:
    tcp, udp = Protocol.TCP, Protocol.UDP
    pieces = [PortRange(tcp, 1, 79), PortRange(tcp, 80, 80), PortRange(tcp, 82, 90), PortRange(udp, 91, 99)]
    assert joined(pieces) == (PortRange(tcp, 1, 80), PortRange(tcp, 82, 90), PortRange(udp, 91, 99))


def test_addresses_become_the_fewest_blocks() -> None:
    whole = [AddressRange(Family.IPV4, 0, 99), AddressRange(Family.IPV4, 100, 2**32 - 1)]
    assert as_cidrs(whole) == ("0.0.0.0/0",)
    assert as_cidrs([AddressRange(Family.IPV6, 1, 2), AddressRange(Family.IPV6, 4, 7)]) == (
        "::1/128",
        "::2/128",
        "::4/126",
    )
    assert as_cidrs([]) == ()
