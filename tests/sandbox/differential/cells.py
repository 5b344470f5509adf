"""What is asked about: clusters with policies, and the cells in which oracle and packets must agree."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from probe.model.cell import Family, Protocol
from probe.model.snapshot import NodeState, Snapshot
from probe.policy.universe import AddressRange, node_id
from probe.sandbox.net.plan import AddressPlan
from tests.policy.generate.pick import Pick
from tests.policy.generate.sets import Kinds, make_policies
from tests.policy.generate.words import NODE_LABELS, PROBED, Object
from tests.policy.generate.worlds import World, make_world

PLAN = AddressPlan((Family.IPV4, Family.IPV6), nodes=2)
SLOTS = 8
"""Pods that a node can have."""
OUTSIDE: Mapping[str, Mapping[Family, str]] = {
    "inner": {Family.IPV4: "10.0.12.34", Family.IPV6: "2001:db8:0:1::34"},
    "outer": {Family.IPV4: "203.0.113.7", Family.IPV6: "2001:db8:ffff::7"},
}
"""Hosts outside the cluster, and their addresses."""
OUTSIDE_ADDRESSES = tuple(address for host in OUTSIDE.values() for address in host.values())

PortQuestion: TypeAlias = tuple[int, Protocol]


@dataclass(frozen=True, slots=True)
class Case:
    """A cluster with policies, and the ports that are asked about.

    ``slots``: where each pod is that has a network of its own, by its id: its node's number and its own number there,
    both from 0.
    """

    world: World
    policies: tuple[Object, ...]
    ports: tuple[PortQuestion, ...]
    slots: Mapping[str, tuple[int, int]]

    @property
    def addresses(self) -> Mapping[str, tuple[str, ...]]:
        """Addresses of the pods, by their ids."""
        return addresses_of(self.world, self.slots)

    @property
    def snapshot(self) -> Snapshot:
        """The cluster as the oracle sees it."""
        nodes = [NodeState(plan.name, NODE_LABELS, tuple(map(str, plan.addresses))) for plan in PLAN.node_plans]
        return self.world.snapshot(self.policies, self.addresses, nodes)


def _is_one_node(source: str, target: str) -> bool:
    return source == target and source in NODE_IDS


def make_case(pick: Pick, kinds: Kinds = Kinds.NETWORK_POLICY) -> Case:
    """A case of some 500 cells. Blocks are aimed at whatever has an address."""
    world = make_world(pick, most_pods=7, host_network=True)
    slots = slots_of(world)
    nodes = [str(address) for plan in PLAN.node_plans for address in plan.addresses]
    policies = make_policies(
        pick,
        world,
        addresses_of(world, slots),
        (*OUTSIDE_ADDRESSES, *nodes),
        kinds=kinds,
        most=5,
        equal_priorities=pick.yes(8),
    )
    served = [(number, Protocol(protocol)) for pod in world.pods for number, protocol, _ in pod.ports]
    return Case(world, tuple(policies), tuple(pick.distinct((*PROBED, *served), 7)), slots)


def slots_of(world: World) -> Mapping[str, tuple[int, int]]:
    """A slot for each pod, in order."""
    free = itertools.count(), itertools.count()
    return {pod.id: (pod.node, next(free[pod.node])) for pod in world.pods if not pod.host_network}


def addresses_of(world: World, slots: Mapping[str, tuple[int, int]]) -> Mapping[str, tuple[str, ...]]:
    """Those of the pods' slots, or of their nodes."""
    nodes = [tuple(map(str, plan.addresses)) for plan in PLAN.node_plans]
    return {pod.id: slot_addresses(*slots[pod.id]) if pod.id in slots else nodes[pod.node] for pod in world.pods}


def slot_addresses(node: int, slot: int) -> tuple[str, ...]:
    """The addresses that a node gives to its pods, in order."""
    return tuple(str(cidr[slot + 2]) for cidr in PLAN.node_plans[node].pod_cidrs)


OTHERS = tuple(map(AddressRange.of, OUTSIDE_ADDRESSES))
NODE_IDS = tuple(node_id(plan.name) for plan in PLAN.node_plans)


@dataclass(frozen=True, slots=True)
class Cell:
    """One attempt; ends are called as the oracle calls them, a port is the destination's own (a service in between
    has another)."""

    source: str
    destination: str
    port: int
    protocol: Protocol
    family: Family
    through_service: bool = False

    def __str__(self) -> str:
        way = ", through a service" if self.through_service else ""
        return f"{self.source} -> {self.destination} {self.port}/{self.protocol} over {self.family}{way}"


def cells_of(case: Case) -> Iterator[Cell]:
    """All cells of a case: every pair with a pod in it that is not one place, and pods to those that have a service."""
    pods = [pod.id for pod in case.world.pods]
    homes = {pod.id: NODE_IDS[pod.node] for pod in case.world.pods if pod.host_network}
    served = [name for name, (_, slot) in case.slots.items() if slot == 0]
    for family in Family:
        others = (*NODE_IDS, *(host[family] for host in OUTSIDE.values()))
        all_pairs = (*itertools.product(pods, (*pods, *others)), *itertools.product(others, pods))
        pairs = [pair for pair in all_pairs if not _is_one_node(*(homes.get(end, end) for end in pair))]
        for port, protocol in case.ports:
            yield from (Cell(source, target, port, protocol, family) for source, target in pairs)
            for source, target in itertools.product(pods, served):
                if source != target:  # the API leaves it open
                    yield Cell(source, target, port, protocol, family, through_service=True)
