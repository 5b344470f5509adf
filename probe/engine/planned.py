"""What a run is going to do: each scenario with the nodes of its fleet, in order, and which can share a fleet."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace

from probe.cluster.nodes import Node
from probe.cluster.outfit import host_network_namespaces
from probe.cluster.placement import nodes_for, sample_pairs
from probe.engine.liveness import needs_witness
from probe.engine.options import RunOptions
from probe.model.scenario import Scenario
from probe.scenario.select import least_seconds


@dataclass(frozen=True, slots=True)
class PlannedFleet:
    """A scenario, the nodes that its fleet is placed on, and for the how manieth time that is, from 1.

    ``index`` is its place in the run's plan, from 0.
    """

    scenario: Scenario
    nodes: tuple[Node, ...]
    repeat: int = 1
    index: int = 0

    @property
    def shape(self) -> str:
        """Equal for scenarios that can use the same deployed pods: says all that is deployed, and where.

        A pod on the host's network makes its namespace another one, also if it only comes in a later step.
        """
        scenario = self.scenario
        whole = {
            "fleet": asdict(scenario.fleet),
            "nodes": [node.name for node in self.nodes],
            "witness": needs_witness(scenario),
            "privileged": sorted(set(host_network_namespaces(scenario))),
        }
        return json.dumps(whole, sort_keys=True)

    @property
    def seconds(self) -> float:
        """About how long it takes."""
        return least_seconds(self.scenario)


def plan_fleets(scenarios: Sequence[Scenario], nodes: Sequence[Node], options: RunOptions) -> Iterator[PlannedFleet]:
    """One fleet a scenario, or one for each pair of sampled nodes; all of them as often as asked for.

    Raises UsageError, ClusterError for node groups.

    A scenario that runs on several pairs has their names in its own, so that results can be told apart.
    """
    index = 0
    for repeat in range(1, options.repeat + 1):
        for scenario in scenarios:
            for each in _fleets_of(scenario, nodes, options):
                yield replace(each, repeat=repeat, index=index)
                index += 1


def _fleets_of(scenario: Scenario, nodes: Sequence[Node], options: RunOptions) -> Iterator[PlannedFleet]:
    candidates = nodes_for(scenario.fleet.placement, nodes, options.node_groups)
    if options.sample_nodes is None:
        yield PlannedFleet(scenario, candidates)
        return
    for pair in sample_pairs(candidates, options.sample_nodes, options.seed):
        name = f"{scenario.name}@{'+'.join(node.name for node in pair)}"
        yield PlannedFleet(replace(scenario, name=name), pair)
