"""All endpoints that policies can speak of, as bits of integers: sets are unions and intersections of whole clusters.

A thousand pods are one integer of a thousand bits, so what a rule says of all of them costs as little as what it says
of one. A ``Match`` is a pair of such sets: whom something surely means, and whom it perhaps means as well.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, TypeAlias

from probe.model.cell import Family, Protocol
from probe.model.snapshot import NodeState, PodState, Snapshot
from probe.policy.rules import BlockPeer, DomainPeer, Network, NodePeer, Peer, PodPeer
from probe.policy.selectors import Operator, Requirement, Selector

Interval: TypeAlias = tuple[int, int]
"""First and last address, as numbers."""

VERSIONS = {Family.IPV4: 4, Family.IPV6: 6}
SPACES = {Family.IPV4: (0, 2**32 - 1), Family.IPV6: (0, 2**128 - 1)}
"""All addresses of a family."""


class Match(NamedTuple):
    """Sets of endpoints (bits): those that are surely meant, and those that may be (the sure ones among them)."""

    sure: int = 0
    maybe: int = 0

    def __or__(self, other: tuple[object, ...]) -> Match:
        assert isinstance(other, Match)
        return Match(self.sure | other.sure, self.maybe | other.maybe)


@dataclass(frozen=True, slots=True)
class AddressRange:
    """Addresses outside the cluster that nothing distinguishes, as one endpoint; a single one mostly."""

    family: Family
    first: int
    last: int

    @classmethod
    def of(cls, address: str) -> AddressRange:
        """A single address. Raises ValueError for what is none."""
        parsed = ipaddress.ip_address(address)
        return cls(Family.IPV6 if parsed.version == 6 else Family.IPV4, int(parsed), int(parsed))

    @property
    def id(self) -> str:
        """The address, or ``first-last``."""
        make = ipaddress.IPv6Address if self.family is Family.IPV6 else ipaddress.IPv4Address
        return str(make(self.first)) if self.first == self.last else f"{make(self.first)}-{make(self.last)}"


@dataclass(frozen=True, slots=True)
class Stranger:
    """Somebody of whom the snapshot knows nothing, such as the pod behind a service of the cluster's own.

    A rule of the snapshot's may mean it or not; none of its policies is taken to select it. ``is_no_pod``: so much is
    known that no selector of pods means it.
    """

    id: str
    is_no_pod: bool = False


Endpoint: TypeAlias = PodState | NodeState | AddressRange | Stranger


def node_id(name: str) -> str:
    """How a node is called among endpoints: ``node:NAME``, which can be no pod's id."""
    return f"node:{name}"


def endpoint_id(endpoint: Endpoint) -> str:
    """How an endpoint is called."""
    return node_id(endpoint.name) if isinstance(endpoint, NodeState) else endpoint.id


@dataclass(slots=True)
class _Labels:
    """Bits by label, for the pods themselves or for pods by their namespaces' labels."""

    keys: dict[str, int] = field(default_factory=dict)
    pairs: dict[tuple[str, str], int] = field(default_factory=dict)
    all: int = 0

    def add(self, bits: int, labels: Mapping[str, str]) -> None:
        self.all |= bits
        for key, value in labels.items():
            self.keys[key] = self.keys.get(key, 0) | bits
            self.pairs[key, value] = self.pairs.get((key, value), 0) | bits

    def select(self, selector: Selector) -> int:
        chosen = self.all
        for requirement in selector.requirements:
            chosen &= self._meeting(requirement)
        return chosen

    def _meeting(self, requirement: Requirement) -> int:
        present = self.keys.get(requirement.key, 0)
        match requirement.operator:
            case Operator.EXISTS:
                return present
            case Operator.DOES_NOT_EXIST:
                return ~present
        listed = 0
        for value in requirement.values:
            listed |= self.pairs.get((requirement.key, value), 0)
        return listed if requirement.operator is Operator.IN else ~listed


class Universe:
    """The endpoints of a snapshot, and of addresses and strangers that are asked about besides.

    Bits are numbered in the order pods, nodes, others. ``pods`` and ``host`` are the sets of all pods and of those on
    their node's network.
    """

    def __init__(self, snapshot: Snapshot, others: Sequence[AddressRange | Stranger] = ()) -> None:
        self.endpoints: tuple[Endpoint, ...] = (*snapshot.pods, *snapshot.nodes, *others)
        self.namespaces = snapshot.namespaces
        self.labels_of_nodes = {node.name: node.labels for node in snapshot.nodes}
        self.index = {endpoint_id(endpoint): number for number, endpoint in enumerate(self.endpoints)}
        self.pods = self.all_of(PodState)
        self.nodes = self.all_of(NodeState)
        self.strangers = self.all_of(Stranger)
        self._no_pods = sum(1 << bit for bit, each in enumerate(self.endpoints) if getattr(each, "is_no_pod", False))
        self.everybody = (1 << len(self.endpoints)) - 1
        self.host = sum(1 << bit for bit, pod in enumerate(snapshot.pods) if pod.host_network)
        self._pod_cidrs = tuple(map(ipaddress.ip_network, snapshot.pod_cidrs))
        self._pod_labels, self._namespace_labels, self._node_labels = _Labels(), _Labels(), _Labels()
        self._namespaces: dict[str, int] = {}
        self._served: dict[tuple[str, int, Protocol], int] = {}
        self._add_pods(snapshot.pods)
        self._add_labels(snapshot)
        self._places: dict[Family, list[tuple[Interval, ...]]] = {}
        self._homes: dict[str | None, Match] = {}
        self._selected: dict[PodPeer, int] = {}

    def all_of(self, kind: type) -> int:
        """The set of all endpoints of a kind."""
        return sum(1 << bit for bit, endpoint in enumerate(self.endpoints) if isinstance(endpoint, kind))

    def members(self, bits: int) -> Iterator[int]:
        """The numbers of the bits that are set, in order."""
        while bits:
            lowest = bits & -bits
            yield lowest.bit_length() - 1
            bits ^= lowest

    def _add_pods(self, pods: Sequence[PodState]) -> None:
        for bit, pod in enumerate(pods):
            self._pod_labels.add(1 << bit, pod.labels)
            self._namespaces[pod.namespace] = self._namespaces.get(pod.namespace, 0) | 1 << bit
            for port in pod.ports:
                if port.name:
                    key = port.name, port.number, port.protocol
                    self._served[key] = self._served.get(key, 0) | 1 << bit

    def _add_labels(self, snapshot: Snapshot) -> None:
        for namespace, bits in self._namespaces.items():
            self._namespace_labels.add(bits, snapshot.namespaces.get(namespace, {}))
        for bit, node in enumerate(snapshot.nodes, len(snapshot.pods)):
            self._node_labels.add(1 << bit, node.labels)

    # --- whom a peer means --------------------------------------------------------------------------------------------

    def select(self, peer: PodPeer) -> int:
        """The pods that labels select, those on the host's network included."""
        if peer not in self._selected:
            if peer.namespace is not None:
                inside = self._namespaces.get(peer.namespace, 0)
            else:
                inside = self._namespace_labels.select(peer.namespaces)
            self._selected[peer] = inside & self._pod_labels.select(peer.pods)
        return self._selected[peer]

    def serving(self, name: str, number: int, protocol: Protocol) -> int:
        """The pods whose containers call this very port so (ContainerPort.name)."""
        return self._served.get((name, number, protocol), 0)

    def home(self, pod: PodState) -> Match:
        """Who has the address of a pod's own node: the node, and perhaps the pods on its network.

        While it is not known which node that is, perhaps any.
        """
        if pod.node not in self._homes:
            node = 1 << self.index[node_id(pod.node)] if pod.node and node_id(pod.node) in self.index else 0
            guests = 0 if pod.node else self.nodes
            for bit in self.members(self.host):
                guest = self.endpoints[bit]
                if isinstance(guest, PodState) and (None in (pod.node, guest.node) or pod.node == guest.node):
                    guests |= 1 << bit
            self._homes[pod.node] = Match(node, node | guests)
        return self._homes[pod.node]

    def match(self, peer: Peer, family: Family, *, cluster_scoped: bool) -> Match:
        """Whom a peer means, as far as labels and addresses of a family tell.

        Selectors of cluster-scoped policies never mean pods on the host's network; whether those of a NetworkPolicy do
        is left to implementations.
        """
        match peer:
            case PodPeer():
                chosen = self.select(peer)
                others = 0 if cluster_scoped else chosen & self.host
                return Match(chosen & ~self.host, chosen & ~self.host | others | self.strangers & ~self._no_pods)
            case BlockPeer():
                return self._inside([peer], family)
            case NodePeer(nodes):
                return self._nodes(nodes)
            case DomainPeer():  # may stand for any address outside the cluster
                return Match(0, self.everybody & ~self.pods)

    def match_any(self, peers: Sequence[Peer], family: Family, *, cluster_scoped: bool) -> Match:
        """Whom one of several peers means. Blocks may cover only together all addresses that are possible."""
        found = self._inside([peer for peer in peers if isinstance(peer, BlockPeer)], family)
        for peer in peers:
            if not isinstance(peer, BlockPeer):
                found |= self.match(peer, family, cluster_scoped=cluster_scoped)
        return found

    def _nodes(self, nodes: Selector) -> Match:
        """Nodes by their labels, and pods on the network of such a node, which have its address.

        Where nothing is known of that node, perhaps.
        """
        chosen, unknown = self._node_labels.select(nodes), 0
        for bit in self.members(self.host):
            pod = self.endpoints[bit]
            home = self.index.get(node_id(pod.node)) if isinstance(pod, PodState) and pod.node is not None else None
            if home is None:
                unknown |= 1 << bit
            else:
                chosen |= (chosen >> home & 1) << bit
        return Match(chosen, chosen | unknown | self.strangers)

    def _inside(self, blocks: Iterable[BlockPeer], family: Family) -> Match:
        """Whose address of a family is in one of several blocks."""
        covered = _merged(piece for each in blocks if each.block.version == VERSIONS[family] for piece in _pieces(each))
        sure = maybe = 0
        for bit, places in enumerate(self._addresses(family) if covered else ()):
            if places and all(any(low <= first and last <= high for low, high in covered) for first, last in places):
                sure |= 1 << bit
            if any(low <= last and first <= high for low, high in covered for first, last in places):
                maybe |= 1 << bit
        return Match(sure, maybe)

    def _addresses(self, family: Family) -> list[tuple[Interval, ...]]:
        """Where each endpoint's address of a family may lie."""
        if family not in self._places:
            self._places[family] = [tuple(self._where(endpoint, family)) for endpoint in self.endpoints]
        return self._places[family]

    def _where(self, endpoint: Endpoint, family: Family) -> Iterator[Interval]:
        match endpoint:
            case Stranger():
                yield SPACES[family]
            case AddressRange():
                if endpoint.family is family:
                    yield endpoint.first, endpoint.last
            case PodState(host_network=True):
                # Its traffic has some address of its node, which the API leaves open (it may be a tunnel's).
                yield SPACES[family]
            case PodState(addresses=()):
                cidrs = [_interval(cidr) for cidr in self._pod_cidrs if cidr.version == VERSIONS[family]]
                yield from cidrs if self._pod_cidrs else [SPACES[family]]
            case PodState(addresses=addresses) | NodeState(addresses=addresses):
                for address in map(ipaddress.ip_address, addresses):
                    if address.version == VERSIONS[family]:
                        yield int(address), int(address)


def _interval(network: Network) -> Interval:
    return int(network.network_address), int(network.broadcast_address)


def _pieces(peer: BlockPeer) -> Iterator[Interval]:
    """What the holes leave of a block."""
    first, last = _interval(peer.block)
    for hole in sorted(map(_interval, peer.excepts)):
        if first < hole[0]:
            yield first, min(hole[0] - 1, last)
        first = max(first, hole[1] + 1)
    if first <= last:
        yield first, last


def _merged(intervals: Iterable[Interval]) -> list[Interval]:
    """The same addresses in as few intervals as possible."""
    merged: list[Interval] = []
    for first, last in sorted(intervals):
        if merged and first <= merged[-1][1] + 1:
            merged[-1] = merged[-1][0], max(last, merged[-1][1])
        else:
            merged.append((first, last))
    return merged
