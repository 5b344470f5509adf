"""Which pod goes to which node: chosen, not left to the scheduler's chance, so that two runs have the same pairs."""

from __future__ import annotations

import random
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import combinations
from typing import TypeAlias

from probe.cluster.nodes import Node
from probe.model.errors import ClusterError, UsageError
from probe.model.fleet import Placement, Pod, Spread

NodeGroups: TypeAlias = Mapping[str, Mapping[str, str]]
"""Named groups of nodes: the labels that all of a group's nodes have."""


@dataclass(slots=True)
class Placer:
    """Places the pods of one scenario, those of later steps included, on ``nodes`` (at least one)."""

    nodes: Sequence[Node]
    spread: Spread = Spread.SPREAD
    _symbols: dict[str, Node] = field(default_factory=dict)
    _homes: dict[str, Node] = field(default_factory=dict)
    _turns: int = 0

    def place(self, pods: Iterable[Pod]) -> dict[str, Node]:
        """A node for each pod id. A pod that is created again goes where it was.

        Pods with the same symbol share a node; new symbols take the nodes in turn. Raises ClusterError when every pod
        is to have a node of its own and there are too few.
        """
        placed = {pod.id: self._home(pod) for pod in pods}
        self._homes |= placed
        return placed

    def copy(self) -> Placer:
        """One that places what comes next as this one would now."""
        return replace(self, _symbols=dict(self._symbols), _homes=dict(self._homes))

    def _home(self, pod: Pod) -> Node:
        if pod.address_of in self._homes:  # addresses belong to nodes
            return self._homes[pod.address_of]
        if pod.node is not None:
            if pod.node not in self._symbols:
                self._symbols[pod.node] = self.nodes[len(self._symbols) % len(self.nodes)]
            return self._symbols[pod.node]
        if pod.id in self._homes:
            return self._homes[pod.id]
        match self.spread:
            case Spread.SAME:
                return self.nodes[0]
            case Spread.DIFFERENT:
                return self._own(pod)
            case Spread.SPREAD:
                self._turns += 1
                return self.nodes[(self._turns - 1) % len(self.nodes)]

    def _own(self, pod: Pod) -> Node:
        """A node without any other pod of the fleet."""
        taken: Collection[Node] = (*self._homes.values(), *self._symbols.values())
        free = [node for node in self.nodes if node not in taken]
        if not free:
            raise ClusterError(
                f"{pod.id} has no node of its own: the placement is {Spread.DIFFERENT}, and the cluster has "
                f"{len(self.nodes)} usable nodes for this scenario"
            )
        self._homes[pod.id] = free[0]
        return free[0]


def nodes_for(placement: Placement, nodes: Sequence[Node], groups: NodeGroups) -> tuple[Node, ...]:
    """The nodes of a placement's group, or all. Raises UsageError for an unknown one, ClusterError for an empty one."""
    if placement.group is None:
        return tuple(nodes)
    if placement.group not in groups:
        known = f"known: {', '.join(groups)}" if groups else "the run's configuration names none"
        raise UsageError(
            f'node group "{placement.group}" is not defined ({known}); add it to nodeGroups in --config FILE'
        )
    wanted = groups[placement.group]
    found = tuple(node for node in nodes if all(node.labels.get(key) == value for key, value in wanted.items()))
    if not found:
        labels = ",".join(f"{key}={value}" for key, value in wanted.items())
        raise ClusterError(f'no usable node belongs to the group "{placement.group}" ({labels})')
    return found


def sample_pairs(nodes: Sequence[Node], count: int, seed: int) -> tuple[tuple[Node, ...], ...]:
    """All pairs among ``count`` nodes chosen at random with ``seed``; of fewer than two nodes the only "pair" there is.

    For clusters too large to put every pod's pair on every two nodes. The same seed on the same nodes chooses alike.
    """
    ordered = sorted(nodes, key=lambda node: node.name)
    chosen = sorted(random.Random(seed).sample(ordered, min(count, len(ordered))), key=lambda node: node.name)
    return tuple(combinations(chosen, 2)) if len(chosen) > 1 else (tuple(chosen),)


def untested_topology(homes: Iterable[str], placement: Placement, usable: int) -> list[str]:
    """What a fleet on these nodes (one name for each pod) cannot show, in words."""
    names = list(homes)
    if len(names) < 2:
        return []
    why = "the cluster has one usable node" if usable == 1 else f"placement: {placement.spread}"
    if len(set(names)) == 1:
        return [f"traffic between nodes, since all pods are on {names[0]} ({why})"]
    if len(set(names)) == len(names):
        return ["traffic between pods of one node, since no two share one"]
    return []
