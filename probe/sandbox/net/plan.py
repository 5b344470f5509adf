"""Which addresses the sandbox uses. Pure arithmetic; nothing here touches the kernel."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

from probe.model.cell import Family

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

UNDERLAY = {Family.IPV4: ipaddress.ip_network("172.18.0.0/16"), Family.IPV6: ipaddress.ip_network("fd00:172:18::/64")}
PODS = {Family.IPV4: ipaddress.ip_network("10.244.0.0/16"), Family.IPV6: ipaddress.ip_network("fd00:10:244::/48")}
SERVICES = {Family.IPV4: ipaddress.ip_network("10.96.0.0/16"), Family.IPV6: ipaddress.ip_network("fd00:10:96::/112")}
NODE_CIDR_LENGTH = {Family.IPV4: 24, Family.IPV6: 64}
GATEWAY = {Family.IPV4: ipaddress.ip_address("169.254.1.1"), Family.IPV6: ipaddress.ip_address("fe80::1")}
"""What a pod's default route points at; the same on every node, since the link has only two ends."""

MAX_NODES = 200
PODS_PER_NODE = 250

_RESERVED = tuple(
    ipaddress.ip_network(cidr)
    for cidr in ("0.0.0.0/8", "127.0.0.0/8", "169.254.0.0/16", "224.0.0.0/3", "::/127", "fe80::/10", "ff00::/8")
)


def family_of(address: Address | Network) -> Family:
    """The family as core/v1 spells it."""
    return Family.IPV4 if address.version == 4 else Family.IPV6


def host_cidr(address: Address) -> str:
    """``10.0.0.1/32``, ``fd00::1/128``."""
    return f"{address}/{address.max_prefixlen}"


@dataclass(frozen=True)
class NodePlan:
    """A node's name and addresses; ``addresses`` and ``pod_cidrs`` in the order of the cluster's families."""

    index: int
    name: str
    addresses: tuple[Address, ...]
    pod_cidrs: tuple[Network, ...]

    @property
    def mac(self) -> str:
        """Hardware address of the node's eth0."""
        return f"02:ac:12:00:{self.index >> 8:02x}:{self.index & 0xFF:02x}"


@dataclass(frozen=True)
class AddressPlan:
    """The addresses of a cluster of ``nodes`` nodes; the first family is the primary one."""

    families: tuple[Family, ...]
    nodes: int

    @cached_property
    def node_plans(self) -> tuple[NodePlan, ...]:
        """All nodes: ``node-1`` is 172.18.0.2 and has 10.244.1.0/24."""
        return tuple(self._node(index) for index in range(1, self.nodes + 1))

    def _node(self, index: int) -> NodePlan:
        return NodePlan(
            index,
            f"node-{index}",
            tuple(UNDERLAY[family][index + 1] for family in self.families),
            tuple(_subnet(PODS[family], NODE_CIDR_LENGTH[family], index) for family in self.families),
        )

    @property
    def gateways(self) -> tuple[Address, ...]:
        """The underlay's own addresses: the end of every route that leads nowhere else."""
        return tuple(UNDERLAY[family][1] for family in self.families)

    @property
    def underlay_cidrs(self) -> tuple[Network, ...]:
        """The nodes' own network."""
        return tuple(UNDERLAY[family] for family in self.families)

    @property
    def pod_cidrs(self) -> tuple[Network, ...]:
        """All pods of the cluster."""
        return tuple(PODS[family] for family in self.families)

    def refusal(self, address: Address) -> str:
        """Why an endpoint outside the cluster cannot have this address; empty when it can."""
        if family_of(address) not in self.families:
            return f"{address} is {family_of(address)}, and this cluster has {' and '.join(self.families)} only"
        for what, cidrs in (("node", UNDERLAY), ("pod", PODS), ("service", SERVICES)):
            cidr = cidrs[family_of(address)]
            if address in cidr:
                return f"{address} lies in the cluster's own {what} range {cidr}"
        if any(address in cidr for cidr in _RESERVED):
            return f"{address} is not an address that a remote host can have"
        return ""


def _subnet(network: Network, length: int, index: int) -> Network:
    start = network[index << (network.max_prefixlen - length)]
    return ipaddress.ip_network(f"{start}/{length}")


class AddressPool:
    """Host numbers of one node's pod CIDRs, 2 to 254; the same number in both families.

    Goes round: a number that was given back is used again only when all later ones have had their turn, so that
    by default a new pod never meets rules or connections that still speak of its address' last owner. Unless it wants
    to: an address may be asked for.
    """

    def __init__(self, cidrs: Iterable[Network]) -> None:
        self._cidrs = tuple(cidrs)
        self._numbers = range(2, 255)
        self._next = 0
        self._used: set[int] = set()

    def allocate(self, wanted: str = "") -> tuple[Address, ...]:
        """One address per family; ``wanted``: those that must be got, with commas between (empty: any).

        Raises LookupError when all are taken, or one of those wanted is, or is not of this node.
        """
        if wanted:
            return self._take(wanted)
        for step in range(len(self._numbers)):
            position = (self._next + step) % len(self._numbers)
            number = self._numbers[position]
            if number not in self._used:
                self._used.add(number)
                self._next = position + 1
                return tuple(cidr[number] for cidr in self._cidrs)
        raise LookupError(f"no address is left in {', '.join(map(str, self._cidrs))}")

    def _take(self, wanted: str) -> tuple[Address, ...]:
        for number in self._numbers:
            addresses = tuple(cidr[number] for cidr in self._cidrs)
            if number not in self._used and set(map(str, addresses)) == set(wanted.split(",")):
                self._used.add(number)
                return addresses
        raise LookupError(f"{wanted} is not free in {', '.join(map(str, self._cidrs))}")

    def release(self, addresses: Iterable[Address]) -> None:
        """Give addresses back; unknown ones are ignored."""
        for address in addresses:
            for cidr in self._cidrs:
                if address.version == cidr.version and address in cidr:
                    self._used.discard(int(address) - int(cidr.network_address))
