"""The cluster as enforcement sees it: a frozen snapshot, the first of three stages.

    API objects --(read.py)--> ClusterView --(compile.py)--> Ruleset per node --(controller.py)--> kernel

Each arrow is a seam of its own: what is believed of the cluster, what is made of it, and when it takes effect.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from ipaddress import IPv4Network, IPv6Network

from probe.model.cell import Family, Protocol
from probe.sandbox.enforce.selectors import EVERYTHING, Selector

FINISHED = ("Succeeded", "Failed")


@dataclass(frozen=True, slots=True)
class Pod:
    """A pod as its object has it. ``addresses``: status.podIPs, at most one per family, canonical spelling.

    ``ports`` are the containers' named ports, by name and protocol.
    """

    uid: str
    namespace: str
    name: str
    labels: Mapping[str, str]
    node: str
    addresses: Mapping[Family, str]
    ports: Mapping[tuple[str, Protocol], int] = field(default_factory=dict)
    host_network: bool = False
    phase: str = "Running"
    terminating: bool = False
    created: str = ""

    @property
    def is_policed(self) -> bool:
        """Whether policies can select or match it: it owns addresses of its own, and still does.

        A terminating pod goes on talking in its grace period; a finished one has given its address back.
        A host-network pod has only its node's address.
        """
        return not self.host_network and self.phase not in FINISHED and bool(self.addresses)


@dataclass(frozen=True, slots=True)
class Node:
    """A node. ``addresses``: its own, where its kernel answers; ``published``: all of status.addresses."""

    labels: Mapping[str, str] = field(default_factory=dict)
    addresses: Mapping[Family, str] = field(default_factory=dict)
    published: Mapping[Family, frozenset[str]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class PodPeer:
    """Pods by selectors, both of which must match. ``namespaces`` None: the policy's own namespace."""

    namespaces: Selector | None
    pods: Selector = EVERYTHING


@dataclass(frozen=True, slots=True)
class BlockPeer:
    """An ipBlock; ``excepts`` subtract from this block only."""

    block: IPv4Network | IPv6Network
    excepts: tuple[IPv4Network | IPv6Network, ...] = ()


@dataclass(frozen=True, slots=True)
class NodePeer:
    """Nodes by their labels: of cluster-scoped policies only."""

    nodes: Selector


Peer = PodPeer | BlockPeer | NodePeer


@dataclass(frozen=True, slots=True)
class PortMatch:
    """A NetworkPolicyPort: a number, a range up to ``end`` inclusive, a name, or (None) every port of the protocol."""

    protocol: Protocol
    port: int | str | None = None
    end: int | None = None


@dataclass(frozen=True, slots=True)
class Rule:
    """An ingress or egress rule. ``peers`` None: anybody, in the cluster or outside; ``ports`` None: all traffic."""

    peers: tuple[Peer, ...] | None = None
    ports: tuple[PortMatch, ...] | None = None


@dataclass(frozen=True, slots=True)
class Policy:
    """A NetworkPolicy. A direction that is None is not the policy's business; an empty tuple denies it.

    ``unlisted``: rules that the object has for a direction that is None. They mean nothing.
    """

    namespace: str
    name: str
    selector: Selector
    ingress: tuple[Rule, ...] | None
    egress: tuple[Rule, ...] | None
    unlisted: tuple[Rule, ...] = ()


class Tier(enum.IntEnum):
    """Where cluster-scoped policies come in: before and after NetworkPolicies."""

    ADMIN = 0
    BASELINE = 1


class Action(enum.Enum):
    """What a cluster-scoped policy's rule does with what it matches."""

    ALLOW = "allow"
    DENY = "deny"
    PASS = "pass"


@dataclass(frozen=True, slots=True)
class ClusterRule:
    """A rule of a cluster-scoped policy. ``match.peers`` is None only where the API wants everything denied."""

    action: Action
    match: Rule


@dataclass(frozen=True, slots=True)
class ClusterPolicy:
    """A ClusterNetworkPolicy, AdminNetworkPolicy or BaselineAdminNetworkPolicy, whose priority is None: it comes last.
    A direction without rules is not its business."""

    kind: str
    name: str
    tier: Tier
    priority: int | None
    namespaces: Selector
    pods: Selector
    ingress: tuple[ClusterRule, ...] = ()
    egress: tuple[ClusterRule, ...] = ()

    @property
    def order(self) -> tuple[Tier, bool, int, str, str]:
        """Whose turn it is. Among equal priorities the API promises no order; here kind and name decide."""
        return self.tier, self.priority is None, self.priority or 0, self.kind, self.name


@dataclass(frozen=True, slots=True, order=True)
class Backend:
    """An address and a port that answer. ``node``: where it lives, as far as that is known."""

    address: str
    port: int
    node: str = ""


@dataclass(frozen=True, slots=True)
class ServicePort:
    """A port of a service on one of its addresses, and its ready backends of that family. ``local``: clients get
    backends of their own node only (internalTrafficPolicy)."""

    address: str
    family: Family
    protocol: Protocol
    port: int
    backends: tuple[Backend, ...]
    local: bool = False


@dataclass(frozen=True, slots=True)
class NodePort:
    """A port of a service on every node's address of one family. ``local``: a node has its own backends only, and
    leaves the source as it is (externalTrafficPolicy)."""

    family: Family
    protocol: Protocol
    port: int
    backends: tuple[Backend, ...]
    local: bool = False


@dataclass(frozen=True, slots=True)
class Service:
    """A service with cluster addresses of its own (headless ones have none and are of no concern)."""

    namespace: str
    name: str
    addresses: Mapping[Family, str]
    ports: tuple[ServicePort, ...]
    node_ports: tuple[NodePort, ...] = ()


@dataclass(frozen=True)
class ClusterView:
    """Everything that decides what the nodes' kernels do. ``namespaces``: name to labels."""

    pods: tuple[Pod, ...] = ()
    namespaces: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    policies: tuple[Policy, ...] = ()
    services: tuple[Service, ...] = ()
    nodes: Mapping[str, Node] = field(default_factory=dict)
    cluster_policies: tuple[ClusterPolicy, ...] = ()

    @cached_property
    def policed(self) -> tuple[Pod, ...]:
        """The pods that own their addresses. If two claim one address, who lives on or came last has it."""
        pods = sorted((pod for pod in self.pods if pod.is_policed), key=_seniority)
        owner = {address: pod.uid for pod in pods for address in pod.addresses.values()}
        owned = [{f: a for f, a in pod.addresses.items() if owner[a] == pod.uid} for pod in pods]
        return tuple(replace(pod, addresses=mine) for pod, mine in zip(pods, owned, strict=True) if mine)

    @cached_property
    def by_namespace(self) -> Mapping[str, tuple[Pod, ...]]:
        """Policed pods of each namespace."""
        found: dict[str, list[Pod]] = {}
        for pod in self.policed:
            found.setdefault(pod.namespace, []).append(pod)
        return {namespace: tuple(pods) for namespace, pods in found.items()}

    def addresses_of(self, peers: tuple[PodPeer, ...], own_namespace: str) -> Mapping[Family, frozenset[str]]:
        """Addresses of the pods that any of these peers of a policy in ``own_namespace`` means."""
        asked = peers, own_namespace if any(peer.namespaces is None for peer in peers) else None
        if asked not in self._addresses:
            pods = [pod for peer in peers for pod in self._select(peer, own_namespace)]
            self._addresses[asked] = {
                family: frozenset(pod.addresses[family] for pod in pods if family in pod.addresses) for family in Family
            }
        return self._addresses[asked]

    def published_by(self, peers: tuple[NodePeer, ...]) -> Mapping[Family, frozenset[str]]:
        """Addresses of the nodes that any of these peers means."""
        chosen = [node for node in self.nodes.values() if any(peer.nodes.matches(node.labels) for peer in peers)]
        return {it: frozenset[str]().union(*(node.published.get(it, ()) for node in chosen)) for it in Family}

    def cluster_policies_of(self, pod: Pod) -> tuple[ClusterPolicy, ...]:
        """Those whose subject the pod is, in the order in which they are asked."""
        if pod.uid not in self._subjects:
            labels = self.namespaces.get(pod.namespace, {})
            mine = (it for it in self.cluster_policies if it.namespaces.matches(labels) and it.pods.matches(pod.labels))
            self._subjects[pod.uid] = tuple(sorted(mine, key=lambda policy: policy.order))
        return self._subjects[pod.uid]

    def serving(self, name: str, protocol: Protocol) -> Mapping[Family, frozenset[Backend]]:
        """Every pod that serves a named port of that protocol, with its own number for it."""
        asked = name, protocol
        if asked not in self._serving:
            pods = [pod for pod in self.policed if asked in pod.ports]
            self._serving[asked] = {
                family: frozenset(
                    Backend(pod.addresses[family], pod.ports[asked]) for pod in pods if family in pod.addresses
                )
                for family in Family
            }
        return self._serving[asked]

    def _select(self, peer: PodPeer, own_namespace: str) -> list[Pod]:
        if peer.namespaces is None:
            spaces = [own_namespace]
        else:
            spaces = [name for name in self.by_namespace if peer.namespaces.matches(self.namespaces.get(name, {}))]
        return [pod for name in spaces for pod in self.by_namespace.get(name, ()) if peer.pods.matches(pod.labels)]

    # Answers already given, since all rules of all nodes ask the same view.

    @cached_property
    def _addresses(self) -> dict[tuple[tuple[PodPeer, ...], str | None], Mapping[Family, frozenset[str]]]:
        return {}

    @cached_property
    def _subjects(self) -> dict[str, tuple[ClusterPolicy, ...]]:
        return {}

    @cached_property
    def _serving(self) -> dict[tuple[str, Protocol], Mapping[Family, frozenset[Backend]]]:
        return {}


def _seniority(pod: Pod) -> tuple[bool, str, str]:
    return (not pod.terminating, pod.created, pod.uid)
