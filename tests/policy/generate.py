"""Random clusters and policies, as hypothesis strategies: valid manifests, aimed at where readings of the API differ.

The vocabulary is tiny, so that chance alone makes selectors meet labels, names meet ports and blocks meet addresses;
and it is weighted to the traps: empty values, absent keys and sections, one port name for two numbers, ranges that end
at a port, excepts that hit, policies of equal priority.

All is made by plain functions that pick among options, the simplest first, which is what hypothesis shrinks to; to have
it compose strategies instead would be ten times slower.
"""

from __future__ import annotations

import enum
import ipaddress
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, TypeAlias, TypeVar

from hypothesis import strategies as st

from probe.model.cell import Family, Protocol
from probe.model.clusterpolicy import validate_cluster_policy
from probe.model.fleet import Port
from probe.model.manifest import Manifest
from probe.model.networkpolicy import validate_network_policy
from probe.model.snapshot import NAME_LABEL, NodeState, PodState, Snapshot

T = TypeVar("T")
Object: TypeAlias = dict[str, Any]
"""A part of a manifest."""
PortSpec: TypeAlias = tuple[int, str, str | None]
"""Number, protocol, and name or None."""

NAMESPACES = ("east", "west", "north")
LABELS: Mapping[str, tuple[str, ...]] = {"app": ("web", "db", ""), "role": ("front", "back")}
NAMESPACE_LABELS: Mapping[str, tuple[str, ...]] = {"team": ("red", "blue", ""), "env": ("prod", "dev")}
NODE_LABELS = {"kubernetes.io/os": "linux"}
SERVED: tuple[PortSpec, ...] = (
    (80, "TCP", None),
    (80, "TCP", "http"),
    (8080, "TCP", "http"),
    (80, "UDP", "http"),
    (81, "TCP", "admin"),
    (53, "UDP", "dns"),
    (53, "TCP", "dns"),
    (5000, "SCTP", "sig"),
)
NAMES = ("http", "http", "admin", "dns", "sig", "unserved")
NUMBERS = (80, 81, 8080, 53, 5000)
PROTOCOLS = ("TCP", "UDP", "SCTP")
RANGES = ((80, 81), (79, 80), (80, 80), (81, 8080), (1, 65535), (54, 79), (8081, 65535))
PROBED = tuple((number, Protocol(protocol)) for number in NUMBERS for protocol in PROTOCOLS)
"""What is worth asking about: every number of the vocabulary over every protocol."""

OUTSIDE = ("192.0.2.1", "198.51.100.7", "2001:db8::1")
"""Made-up addresses outside the cluster."""
_BLOCKS = {Family.IPV4: ("10.0.1.{}", "10.0.2.{}"), Family.IPV6: ("fd00:0:0:1::{}", "fd00:0:0:2::{}")}
_LENGTHS = {4: (32, 0, 1, 8, 16, 23, 24, 30, 31), 6: (128, 0, 1, 32, 63, 64, 126, 127)}


class Kinds(enum.Enum):
    """Which kinds of policies to make, and how often. The two generations of cluster-scoped ones are never mixed:
    nothing says which of them is asked first."""

    NETWORK_POLICY = ("NetworkPolicy",)
    CLUSTER = ("ClusterNetworkPolicy",)
    ADMIN = ("AdminNetworkPolicy", "BaselineAdminNetworkPolicy")
    MIXED = ("NetworkPolicy", "ClusterNetworkPolicy")
    MIXED_ADMIN = ("NetworkPolicy", "AdminNetworkPolicy", "AdminNetworkPolicy", "BaselineAdminNetworkPolicy")


@dataclass(frozen=True, slots=True)
class Pick:
    """Choices. ``below`` gives a number from 0 on, less than its argument: hypothesis's, or ``randrange``."""

    below: Callable[[int], int]

    def one(self, options: Sequence[T]) -> T:
        """One of the options."""
        return options[self.below(len(options))]

    def yes(self, of: int = 2) -> bool:
        """True once in ``of`` times."""
        return self.below(of) == of - 1

    def many(self, make: Callable[[], T], *sizes: int) -> list[T]:
        """As many things as one of the sizes says."""
        return [make() for _ in range(self.one(sizes))]

    def distinct(self, options: Sequence[T], most: int) -> list[T]:
        """One to ``most`` different options."""
        return list(dict.fromkeys(self.many(lambda: self.one(options), *range(1, most + 1))))

    def labels(self, vocabulary: Mapping[str, Sequence[str]]) -> dict[str, str]:
        """A value, or none, for each key."""
        chosen = {key: self.one((None, *values)) for key, values in vocabulary.items()}
        return {key: value for key, value in chosen.items() if value is not None}


# --- clusters ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class PodSpec:
    """A pod to be made. ``node`` counts the nodes from 0."""

    namespace: str
    name: str
    labels: Mapping[str, str]
    ports: tuple[PortSpec, ...]
    node: int
    host_network: bool = False

    @property
    def id(self) -> str:
        """``namespace/name``."""
        return f"{self.namespace}/{self.name}"


@dataclass(frozen=True, slots=True)
class World:
    """A cluster to be made. ``namespaces`` maps names to labels, without those that the API server sets itself."""

    namespaces: Mapping[str, Mapping[str, str]]
    pods: tuple[PodSpec, ...]

    def snapshot(
        self, policies: Iterable[Manifest], addresses: Mapping[str, Sequence[str]], nodes: Sequence[NodeState] = ()
    ) -> Snapshot:
        """The cluster with policies. ``addresses`` are by the pods' ids; without ``nodes``, there are two of them."""
        nodes = nodes or [NodeState(f"node-{n}", NODE_LABELS, (f"172.18.0.{n}", f"fc00::{n}")) for n in (1, 2)]
        return Snapshot(
            namespaces={name: {**labels, NAME_LABEL: name} for name, labels in self.namespaces.items()},
            pods=tuple(
                PodState(
                    pod.namespace,
                    pod.name,
                    pod.labels,
                    tuple(Port(number, Protocol(protocol), name) for number, protocol, name in pod.ports),
                    tuple(addresses[pod.id]),
                    nodes[pod.node].name,
                    pod.host_network,
                )
                for pod in self.pods
            ),
            nodes=tuple(nodes),
            policies=tuple(policies),
        )

    def made_up_addresses(self) -> dict[str, list[str]]:
        """Addresses of both families as a cluster gives them, where none is there to give them."""
        return {
            pod.id: [_BLOCKS[family][pod.node].format(number) for family in Family]
            for number, pod in enumerate(self.pods, 2)
        }


def make_world(pick: Pick, most_pods: int = 5, *, host_network: bool = False) -> World:
    """Two or three namespaces, of which two have pods, and two to ``most_pods`` pods on two nodes, some of which are on
    their node's network if ``host_network`` says so."""
    names = NAMESPACES[: pick.one((2, 3))]
    pods = [
        PodSpec(
            names[number % 2],
            f"pod-{number}",
            pick.labels(LABELS),
            _ports(pick),
            pick.below(2),
            host_network and pick.yes(8),
        )
        for number in range(pick.one(range(2, most_pods + 1)))
    ]
    return World({name: pick.labels(NAMESPACE_LABELS) for name in names}, tuple(pods))


def _ports(pick: Pick) -> tuple[PortSpec, ...]:
    """One to three ports; neither a name nor a number with its protocol occurs twice in a pod."""
    chosen: list[PortSpec] = []
    for number, protocol, name in pick.distinct(SERVED, 3):
        taken = {other[2] for other in chosen if other[2]} | {other[:2] for other in chosen}
        if name not in taken and (number, protocol) not in taken:
            chosen.append((number, protocol, name))
    return tuple(chosen)


# --- policies' parts -----------------------------------------------------------------------------------------------


def selector(pick: Pick, vocabulary: Mapping[str, Sequence[str]]) -> Object:
    """A label selector: empty, by labels, by expressions, or both."""
    made: Object = {}
    shape = pick.one(("empty", "empty", "labels", "expressions", "expressions", "both"))
    if shape in ("labels", "both"):
        made["matchLabels"] = dict([*pick.labels(vocabulary).items()][: pick.one((1, 1, 2))])
    if shape in ("expressions", "both"):
        made["matchExpressions"] = pick.many(lambda: _expression(pick, vocabulary), 1, 1, 2)
    return made


def _expression(pick: Pick, vocabulary: Mapping[str, Sequence[str]]) -> Object:
    key, values = pick.one([*vocabulary.items(), ("absent", ("x",))])
    operator = pick.one(("In", "NotIn", "NotIn", "Exists", "DoesNotExist"))
    listed = {"values": pick.distinct(values, 2)} if operator in ("In", "NotIn") else {}
    return {"key": key, "operator": operator, **listed}


def _namespaces(pick: Pick, world: World) -> Object:
    """A selector of namespaces, once in a while by the label that only the API server sets."""
    if pick.yes(4):
        return {"matchLabels": {NAME_LABEL: pick.one(sorted(world.namespaces))}}
    return selector(pick, NAMESPACE_LABELS)


def _block(pick: Pick, targets: Sequence[str]) -> ipaddress.IPv4Interface | ipaddress.IPv6Interface:
    """A block around a target: the address alone, or something wider, up to everything."""
    address = ipaddress.ip_address(pick.one(targets))
    return ipaddress.ip_interface(f"{address}/{pick.one(_LENGTHS[address.version])}")


def ip_block(pick: Pick, targets: Sequence[str]) -> Object:
    """NetworkPolicyPeer.ipBlock. Each except is inside of the block; some hit a target, some hit none."""
    block = _block(pick, targets).network
    bases = [ipaddress.ip_address(each) for each in targets]
    bases = [each for each in bases if each.version == block.version and each in block] + [block.broadcast_address]
    longer = [length for length in _LENGTHS[block.version] if length > block.prefixlen]
    if not longer:
        return {"cidr": str(block)}
    excepts = pick.many(
        lambda: str(ipaddress.ip_network(f"{pick.one(bases)}/{pick.one(longer)}", strict=False)), 0, 0, 1, 1, 2
    )
    return {"cidr": str(block), **({"except": excepts} if excepts else {})}


# --- NetworkPolicy -------------------------------------------------------------------------------------------------


def network_policy(pick: Pick, world: World, targets: Sequence[str], name: str) -> Object:
    """A NetworkPolicy of a namespace of the world. Any section may be absent, and any list absent or empty."""
    spec: Object = {"podSelector": selector(pick, LABELS)}
    types = pick.one((None, None, ["Ingress"], ["Egress"], ["Ingress", "Egress"], ["Egress", "Ingress"], []))
    if types is not None:
        spec["policyTypes"] = list(types)
    for section, field in (("ingress", "from"), ("egress", "to")):
        size = pick.one((None, 0, 1, 1, 1, 2))
        if size is not None:
            spec[section] = [_network_rule(pick, world, targets, field) for _ in range(size)]
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": name, "namespace": pick.one(sorted(world.namespaces))},
        "spec": spec,
    }


def _network_rule(pick: Pick, world: World, targets: Sequence[str], field: str) -> Object:
    rule: Object = {}
    makers: tuple[tuple[str, Callable[[], Object]], ...] = (
        (field, lambda: _network_peer(pick, world, targets)),
        ("ports", lambda: _network_port(pick)),
    )
    for key, make in makers:
        size = pick.one((None, 0, 1, 1, 2, 2))
        if size is not None:
            rule[key] = [make() for _ in range(size)]
    return rule


def _network_peer(pick: Pick, world: World, targets: Sequence[str]) -> Object:
    shape = pick.one(("pods", "namespaces", "both", "block", "block"))
    if shape == "block":
        return {"ipBlock": ip_block(pick, targets)}
    peer: Object = {}
    if shape in ("pods", "both"):
        peer["podSelector"] = selector(pick, LABELS)
    if shape in ("namespaces", "both"):
        peer["namespaceSelector"] = _namespaces(pick, world)
    return peer


def _network_port(pick: Pick) -> Object:
    protocol = pick.one((None, *PROTOCOLS))
    port: Object = {} if protocol is None else {"protocol": protocol}
    match pick.one(("number", "name", "name", "range", "range", "any")):
        case "number":
            port["port"] = pick.one(NUMBERS)
        case "name":
            port["port"] = pick.one(NAMES)
        case "range":
            port["port"], port["endPort"] = pick.one(RANGES)
    return port


# --- policies of the cluster's scope -------------------------------------------------------------------------------


def cluster_policy(pick: Pick, world: World, targets: Sequence[str], kind: str, name: str, priority: int) -> Object:
    """A policy of a cluster-scoped kind."""
    old = kind != "ClusterNetworkPolicy"
    baseline = kind == "BaselineAdminNetworkPolicy"
    actions = ("Allow" if old else "Accept", "Deny", *(() if baseline else ("Pass",)))
    spec: Object = {"subject": _selected_pods(pick, world)}
    if not baseline:
        spec["priority"] = priority
    if not old:
        spec["tier"] = pick.one(("Admin", "Baseline"))
    for direction, field in (("ingress", "from"), ("egress", "to")):
        size = pick.one((None, 0, 1, 1, 2, 3))
        if size is not None:
            spec[direction] = [
                {"action": pick.one(actions), **_cluster_rule(pick, world, targets, field, old=old)}
                for _ in range(size)
            ]
    return {
        "apiVersion": f"policy.networking.k8s.io/{'v1alpha1' if old else 'v1alpha2'}",
        "kind": kind,
        "metadata": {"name": "default" if baseline else name},
        "spec": spec,
    }


def _cluster_rule(pick: Pick, world: World, targets: Sequence[str], field: str, *, old: bool) -> Object:
    """A rule without its action. Names of ports stand only beside pods, as the API wants it."""
    peers = pick.many(lambda: _cluster_peer(pick, world, targets, field), 1, 1, 2)
    named = not any(key in peer for peer in peers for key in ("nodes", "networks"))
    ports = pick.many(lambda: (_admin_port if old else _cluster_port)(pick, named=named), 0, 0, 0, 1, 2)
    return {field: peers, **({"ports" if old else "protocols": ports} if ports else {})}


def _cluster_peer(pick: Pick, world: World, targets: Sequence[str], field: str) -> Object:
    match pick.one(("pods", "pods", "nodes", "networks") if field == "to" else ("pods",)):
        case "nodes":
            return {"nodes": pick.one(({}, {"matchLabels": NODE_LABELS}, {"matchLabels": {"absent": ""}}))}
        case "networks":
            return {
                "networks": list({str(each.network): _cidr(pick, each) for each in _blocks(pick, targets)}.values())
            }
    return _selected_pods(pick, world)


def _blocks(pick: Pick, targets: Sequence[str]) -> list[ipaddress.IPv4Interface | ipaddress.IPv6Interface]:
    return pick.many(lambda: _block(pick, targets), 1, 1, 2)


def _cidr(pick: Pick, block: ipaddress.IPv4Interface | ipaddress.IPv6Interface) -> str:
    """Bits beyond a prefix are allowed in ``networks``, and mean nothing."""
    return str(block) if pick.yes(4) else str(block.network)


def _selected_pods(pick: Pick, world: World) -> Object:
    """A subject, or a peer: pods of namespaces by labels."""
    namespaces = _namespaces(pick, world)
    if pick.yes():
        return {"pods": {"namespaceSelector": namespaces, "podSelector": selector(pick, LABELS)}}
    return {"namespaces": namespaces}


def _cluster_port(pick: Pick, *, named: bool) -> Object:
    """An item of ``protocols`` (v1alpha2)."""
    match pick.one(("number", "range", "name") if named else ("number", "range")):
        case "name":
            return {"destinationNamedPort": pick.one(NAMES)}
        case "range":
            port: Object = {"range": dict(zip(("start", "end"), _range(pick), strict=True))}
        case _:
            port = {"number": pick.one(NUMBERS)}
    return {pick.one(PROTOCOLS).lower(): {"destinationPort": port}}


def _admin_port(pick: Pick, *, named: bool) -> Object:
    """An item of ``ports`` (v1alpha1)."""
    protocol = pick.one((None, *PROTOCOLS))
    given: Object = {} if protocol is None else {"protocol": protocol}
    match pick.one(("number", "range", "name") if named else ("number", "range")):
        case "name":
            return {"namedPort": pick.one(NAMES)}
        case "range":
            return {"portRange": {**given, **dict(zip(("start", "end"), _range(pick), strict=True))}}
    return {"portNumber": {**given, "port": pick.one(NUMBERS)}}


def _range(pick: Pick) -> tuple[int, int]:
    """Of more than one port, as these kinds want it."""
    return pick.one([ends for ends in RANGES if ends[0] < ends[1]])


# --- all together --------------------------------------------------------------------------------------------------


def make_policies(
    pick: Pick,
    world: World,
    addresses: Mapping[str, Sequence[str]],
    outside: Sequence[str] = OUTSIDE,
    *,
    kinds: Kinds = Kinds.MIXED,
    most: int = 4,
    equal_priorities: bool = False,
) -> list[Object]:
    """One to ``most`` valid policies of different names.

    Blocks are aimed at ``addresses`` (of the pods, by their ids) and at those ``outside``. ``equal_priorities``:
    whether cluster-scoped policies may share one, so that the API leaves open which of them counts.
    """
    targets = [*(each for listed in addresses.values() for each in listed), *outside]
    priorities = [0, 0, 1000] if equal_priorities else [0, 1, 5, 999, 1000, *range(10, 6 + most)]
    made: list[Object] = []
    for number in range(pick.one(range(1, most + 1))):
        kind, name = pick.one(kinds.value), f"policy-{number}"
        if kind == "NetworkPolicy":
            made.append(network_policy(pick, world, targets, name))
        elif kind != "BaselineAdminNetworkPolicy" or all(policy["kind"] != kind for policy in made):
            priority = pick.one(priorities)
            if not equal_priorities:
                priorities.remove(priority)
            made.append(cluster_policy(pick, world, targets, kind, name, priority))
    for policy in made:
        errors = (validate_network_policy if policy["kind"] == "NetworkPolicy" else validate_cluster_policy)(policy)
        assert not errors, (policy, errors)
    return made


@lru_cache
def _below(limit: int) -> st.SearchStrategy[int]:
    return st.integers(0, limit - 1)


@st.composite
def picks(draw: st.DrawFn) -> Pick:
    """Choices that hypothesis makes, records and shrinks; to be used in the very test that draws them."""
    return Pick(lambda limit: draw(_below(limit)))


@st.composite
def worlds(draw: st.DrawFn, *, most_pods: int = 5) -> World:
    """Clusters, as ``make_world`` makes them."""
    return make_world(Pick(lambda limit: draw(_below(limit))), most_pods)


@st.composite
def policies(
    draw: st.DrawFn,
    world: World,
    addresses: Mapping[str, Sequence[str]],
    outside: Sequence[str] = OUTSIDE,
    *,
    kinds: Kinds = Kinds.MIXED,
    most: int = 4,
    equal_priorities: bool = False,
) -> list[Object]:
    """Sets of policies, as ``make_policies`` makes them."""
    pick = Pick(lambda limit: draw(_below(limit)))
    return make_policies(pick, world, addresses, outside, kinds=kinds, most=most, equal_priorities=equal_priorities)
