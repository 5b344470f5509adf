"""A fleet after loading: namespaces with their pods, endpoints outside, and where they are placed.

Replicas are pods of their own here. Namespaces are logical; a run maps them to namespaces of its own.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field

from probe.model.cell import Protocol

EXTERNAL = "external"
"""The reserved namespace of external endpoints in references: ``external/vault``."""


CLUSTER_DNS = "cluster/dns"
"""How rules and cells call the cluster's DNS service (path ``dns``): what a pod's ``resolv.conf`` names."""


@dataclass(frozen=True, slots=True, order=True)
class Port:
    """A port that is served: ``80/TCP``, optionally with a container port name (``ContainerPort.name``)."""

    number: int
    protocol: Protocol = Protocol.TCP
    name: str | None = None

    def __str__(self) -> str:
        return f"{self.number}/{self.protocol}"


@dataclass(frozen=True, slots=True)
class Pod:
    """A pod of the fleet. ``group`` is the name in the file; replicas of one group are ``group-0``, ``group-1``...

    ``node`` is a symbol: pods with the same symbol share a node, different symbols get different nodes as far as
    the cluster has them. Without one the fleet's placement decides. ``host_network``: PodSpec.hostNetwork, so its
    address is its node's (path ``node-ip``); needs the run option of that name. ``grace_seconds``:
    PodSpec.terminationGracePeriodSeconds, for the whole of which the agent goes on; None: it ends when it is told to.
    ``address_of``: the id of an earlier pod whose address this one is to get, on the same node; only some clusters can
    do that.
    """

    namespace: str
    name: str
    group: str
    labels: Mapping[str, str]
    ports: tuple[Port, ...]
    node: str | None = None
    host_network: bool = False
    grace_seconds: int | None = None
    address_of: str | None = None

    @property
    def id(self) -> str:
        """``namespace/name``, logical: how cells and rules call the pod."""
        return f"{self.namespace}/{self.name}"


@dataclass(frozen=True, slots=True)
class Namespace:
    """A namespace of the fleet with its pods, by its logical name."""

    name: str
    labels: Mapping[str, str] = field(default_factory=dict)
    pods: tuple[Pod, ...] = ()


@dataclass(frozen=True, slots=True)
class External:
    """An endpoint outside the cluster: one or more addresses (IPv4 or IPv6 literals) and the ports it serves."""

    name: str
    addresses: tuple[str, ...]
    ports: tuple[Port, ...]

    @property
    def id(self) -> str:
        """``external/name``: how cells and rules call the endpoint."""
        return f"{EXTERNAL}/{self.name}"


class Spread(enum.StrEnum):
    """Where pods without a node symbol go."""

    SPREAD = "spread"  # round robin over the nodes, so that there are same-node and cross-node pairs
    SAME = "same"  # all on one node
    DIFFERENT = "different"  # each on a node of its own; a cluster with fewer nodes is an error


@dataclass(frozen=True, slots=True)
class Placement:
    """How a fleet is placed. ``group`` names a group of nodes that the run's configuration defines (None: all)."""

    spread: Spread = Spread.SPREAD
    group: str | None = None


@dataclass(frozen=True, slots=True)
class Fleet:
    """What is deployed before the first step."""

    namespaces: tuple[Namespace, ...]
    externals: tuple[External, ...] = ()
    placement: Placement = Placement()

    @property
    def pods(self) -> tuple[Pod, ...]:
        """All pods, in file order."""
        return tuple(pod for namespace in self.namespaces for pod in namespace.pods)
