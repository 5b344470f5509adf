"""All ports and all addresses in as few pieces as policies tell apart.

A rule speaks of ranges, so between the numbers that rules mention nothing changes: what is true of one port (address)
of a piece is true of all of it. Asking the oracle once for each piece gives the whole truth.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby, pairwise

from probe.model.cell import Family, Protocol
from probe.model.snapshot import PodState
from probe.policy.ports import FIRST_PORT, LAST_PORT, NamedPort, PortRange
from probe.policy.rules import BlockPeer, Network, Policy, Rule
from probe.policy.universe import SPACES, VERSIONS, AddressRange, Interval


@dataclass(frozen=True, slots=True)
class PortAtom:
    """Ports that no rule tells apart. ``meant_by`` is what of the rules means them: equal for atoms that fare alike."""

    ports: PortRange
    meant_by: frozenset[PortRange | str]

    @property
    def port(self) -> int:
        """One of them, for all."""
        return self.ports.first

    @property
    def protocol(self) -> Protocol:
        """Their protocol."""
        return self.ports.protocol


def port_atoms(policies: Iterable[Policy], pods: Iterable[PodState]) -> tuple[PortAtom, ...]:
    """All ports of all protocols, in order.

    A name in a rule means what pods call so: each number that some pod gives that name is an atom of its own.
    """
    asked = {port for rule in _rules(policies) for port in rule.ports or ()}
    ranges = [port for port in asked if isinstance(port, PortRange)]
    names = {port.name for port in asked if isinstance(port, NamedPort)}
    named: dict[tuple[Protocol, int], set[str]] = {}
    for pod in pods:
        for port in pod.ports:
            if port.name in names:
                named.setdefault((port.protocol, port.number), set()).add(f'"{port.name}" {port}')
    return tuple(atom for protocol in Protocol for atom in _atoms(protocol, ranges, named))


def _atoms(
    protocol: Protocol, ranges: Sequence[PortRange], named: Mapping[tuple[Protocol, int], set[str]]
) -> Iterator[PortAtom]:
    own = [each for each in ranges if each.protocol is protocol]
    single = [PortRange(protocol, number, number) for each, number in named if each is protocol]
    for first, last in _pieces((FIRST_PORT, LAST_PORT), [(each.first, each.last) for each in (*own, *single)]):
        covering = frozenset(each for each in own if each.covers(first, protocol))
        yield PortAtom(PortRange(protocol, first, last), covering | named.get((protocol, first), set()))


def address_atoms(policies: Iterable[Policy], family: Family) -> tuple[AddressRange, ...]:
    """All addresses of a family, in order."""
    blocks = [peer for rule in _rules(policies) for peer in rule.peers or () if isinstance(peer, BlockPeer)]
    networks = {network for block in blocks for network in (block.block, *block.excepts)}
    own = [_interval(each) for each in networks if each.version == VERSIONS[family]]
    return tuple(AddressRange(family, *piece) for piece in _pieces(SPACES[family], own))


def _rules(policies: Iterable[Policy]) -> Iterator[Rule]:
    return (rule for policy in policies for rules in policy.directions.values() for rule in rules)


def _interval(network: Network) -> Interval:
    return int(network.network_address), int(network.broadcast_address)


def _pieces(space: Interval, intervals: Iterable[Interval]) -> Iterator[Interval]:
    """The space cut where intervals begin or end."""
    cuts = {space[0], space[1] + 1}
    for first, last in intervals:
        cuts |= {first, last + 1}
    for start, end in pairwise(sorted(cuts)):
        yield start, end - 1


# --- putting pieces together again ---------------------------------------------------------------------------------


def joined(ranges: Iterable[PortRange]) -> tuple[PortRange, ...]:
    """Sorted ranges of ports, with neighbours as one."""
    found: list[PortRange] = []
    for each in ranges:
        if found and found[-1].protocol is each.protocol and found[-1].last + 1 == each.first:
            found[-1] = PortRange(each.protocol, found[-1].first, each.last)
        else:
            found.append(each)
    return tuple(found)


def as_cidrs(ranges: Iterable[AddressRange]) -> tuple[str, ...]:
    """Sorted ranges of addresses as the fewest CIDR blocks."""
    intervals: list[list[int]] = []
    family = Family.IPV4
    for each in ranges:
        family = each.family
        if intervals and intervals[-1][1] + 1 == each.first:
            intervals[-1][1] = each.last
        else:
            intervals.append([each.first, each.last])
    make = ipaddress.IPv6Address if family is Family.IPV6 else ipaddress.IPv4Address
    return tuple(
        str(block) for first, last in intervals for block in ipaddress.summarize_address_range(make(first), make(last))
    )


def by_protocol(ranges: Iterable[PortRange]) -> dict[Protocol, tuple[PortRange, ...]]:
    """Ranges of ports, in order, by their protocol; protocols without any are left out."""
    return {protocol: tuple(group) for protocol, group in groupby(ranges, key=lambda each: each.protocol)}
