"""Policies of all kinds in one form: whom they select, and rules with peers, ports and an action."""

from __future__ import annotations

import enum
import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

from probe.policy.ports import PortMatch
from probe.policy.selectors import EVERYTHING, Selector

Network: TypeAlias = ipaddress.IPv4Network | ipaddress.IPv6Network


class Direction(enum.StrEnum):
    """Whose side of a connection is judged; spelt as the sections of a policy."""

    INGRESS = "ingress"
    EGRESS = "egress"


class Tier(enum.StrEnum):
    """Where a policy stands in the order of evaluation, which is this order (ClusterNetworkPolicySpec.tier)."""

    ADMIN = "Admin"
    NETWORK_POLICY = "NetworkPolicy"
    BASELINE = "Baseline"


class Action(enum.StrEnum):
    """What a rule does with what it matches; rules of a NetworkPolicy accept."""

    ACCEPT = "Accept"
    DENY = "Deny"
    PASS = "Pass"


@dataclass(frozen=True, slots=True, order=True)
class PolicyRef:
    """Which policy. ``namespace`` is empty for the cluster-scoped kinds."""

    kind: str
    namespace: str
    name: str

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}" if self.namespace else f"{self.kind}/{self.name}"


@dataclass(frozen=True, slots=True)
class PodPeer:
    """Pods by labels, of the namespaces that a selector selects or of one that is given by name."""

    pods: Selector = EVERYTHING
    namespaces: Selector = EVERYTHING
    namespace: str | None = None


@dataclass(frozen=True, slots=True)
class BlockPeer:
    """Addresses of a block without those of the excepted ones (NetworkPolicyPeer.ipBlock)."""

    block: Network
    excepts: tuple[Network, ...] = ()

    def __str__(self) -> str:
        return f"{self.block}{' except ' if self.excepts else ''}{', '.join(map(str, self.excepts))}"


@dataclass(frozen=True, slots=True)
class NodePeer:
    """The addresses of nodes by their labels (ClusterNetworkPolicyEgressPeer.nodes)."""

    nodes: Selector


@dataclass(frozen=True, slots=True)
class DomainPeer:
    """Names of the DNS: which addresses they stand for cannot be known from the API's objects."""

    names: tuple[str, ...]


Peer: TypeAlias = PodPeer | BlockPeer | NodePeer | DomainPeer


@dataclass(frozen=True, slots=True)
class RuleRef:
    """Which rule: ``production/frontend-policy ingress[0]``. ``name`` is the rule's own, where it has one."""

    policy: PolicyRef
    direction: Direction
    index: int
    action: Action = Action.ACCEPT
    name: str = ""

    def __str__(self) -> str:
        name = f' "{self.name}"' if self.name else ""
        return f"{self.policy} {self.direction}[{self.index}]{name}"


@dataclass(frozen=True, slots=True)
class Rule:
    """``peers`` or ``ports`` None: any. Several peers, or several ports: one of them is enough."""

    ref: RuleRef
    peers: tuple[Peer, ...] | None
    ports: tuple[PortMatch, ...] | None

    @property
    def action(self) -> Action:
        """What happens to what the rule matches."""
        return self.ref.action


@dataclass(frozen=True, slots=True)
class Policy:
    """A policy of any kind. ``directions`` are those it speaks of, with its rules in order.

    ``priority``: lower is asked first, within a tier; means nothing for NetworkPolicy, whose rules only add up.
    """

    ref: PolicyRef
    tier: Tier
    subject: PodPeer
    directions: Mapping[Direction, tuple[Rule, ...]]
    priority: int = 0
