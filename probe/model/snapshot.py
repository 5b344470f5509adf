"""What a cluster holds as far as policies are concerned: namespaces, pods, nodes, services and the policies themselves.

Made from manifests, from a live cluster, or from a step of a scenario; judged by ``probe.policy``. Policies stay the
API objects that they are (valid ones), since each reader of the specification reads them for itself.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field

from probe.model.cell import Protocol
from probe.model.fleet import Port
from probe.model.manifest import Manifest

NAME_LABEL = "kubernetes.io/metadata.name"
"""Set on every namespace by the API server to the namespace's name."""


@dataclass(frozen=True, slots=True)
class PodState:
    """A pod, or what a workload's pod template stands for.

    ``addresses`` are status.podIPs (none while unknown, as for a template: then policies' address blocks may or may not
    mean it). ``ports`` are the containers' declared ports, which names of ports are looked up in. ``workload`` names
    the object whose template this is (``Deployment/frontend``); empty for a pod of its own.
    """

    namespace: str
    name: str
    labels: Mapping[str, str] = field(default_factory=dict)
    ports: tuple[Port, ...] = ()
    addresses: tuple[str, ...] = ()
    node: str | None = None
    host_network: bool = False
    workload: str = ""

    @property
    def id(self) -> str:
        """``namespace/name``."""
        return f"{self.namespace}/{self.name}"


@dataclass(frozen=True, slots=True)
class NodeState:
    """A node; ``addresses`` are the IP literals of status.addresses."""

    name: str
    labels: Mapping[str, str] = field(default_factory=dict)
    addresses: tuple[str, ...] = ()


class TrafficPolicy(enum.StrEnum):
    """Service.spec.externalTrafficPolicy, and internalTrafficPolicy."""

    CLUSTER = "Cluster"
    LOCAL = "Local"


@dataclass(frozen=True, slots=True)
class ServicePort:
    """A port of a service. ``target`` is a number or the name of a port of the pods (ServicePort.targetPort)."""

    number: int
    protocol: Protocol = Protocol.TCP
    target: int | str = 0
    node_port: int | None = None
    name: str = ""


@dataclass(frozen=True, slots=True)
class ServiceState:
    """A service. Without a selector its endpoints are somebody else's to say, and are not known here.

    ``cluster_ips`` is empty for a headless one, or while unknown. ``node_ports``: whether its ports are open on nodes.
    """

    namespace: str
    name: str
    selector: Mapping[str, str] = field(default_factory=dict)
    ports: tuple[ServicePort, ...] = ()
    cluster_ips: tuple[str, ...] = ()
    headless: bool = False
    node_ports: bool = False
    external_traffic_policy: TrafficPolicy = TrafficPolicy.CLUSTER
    internal_traffic_policy: TrafficPolicy = TrafficPolicy.CLUSTER

    @property
    def id(self) -> str:
        """``namespace/name``."""
        return f"{self.namespace}/{self.name}"


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The state at one moment.

    ``namespaces`` maps names to labels, ``NAME_LABEL`` included. ``policies`` are valid objects of the kinds
    NetworkPolicy, ClusterNetworkPolicy, AdminNetworkPolicy and BaselineAdminNetworkPolicy, in no particular order.
    ``pod_cidrs`` bound the addresses of pods whose own are unknown (none: they may be anywhere).
    """

    namespaces: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    pods: tuple[PodState, ...] = ()
    nodes: tuple[NodeState, ...] = ()
    services: tuple[ServiceState, ...] = ()
    policies: tuple[Manifest, ...] = ()
    pod_cidrs: tuple[str, ...] = ()
