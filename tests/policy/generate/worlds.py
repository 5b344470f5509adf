"""Random clusters: namespaces, and pods on two nodes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from probe.model.cell import Family, Protocol
from probe.model.fleet import Port
from probe.model.manifest import Manifest
from probe.model.snapshot import NAME_LABEL, NodeState, PodState, Snapshot
from tests.policy.generate.pick import Pick
from tests.policy.generate.words import LABELS, NAMESPACE_LABELS, NAMESPACES, NODE_LABELS, SERVED, PortSpec

_BLOCKS = {Family.IPV4: ("10.0.1.{}", "10.0.2.{}"), Family.IPV6: ("fd00:0:0:1::{}", "fd00:0:0:2::{}")}


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
