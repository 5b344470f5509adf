"""What a run is going to ask of the cluster, from its scenarios and options."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

from probe.cluster.nodes import Node
from probe.cluster.permissions import Need, Permission, needs_of, needs_of_options, permissions_for
from probe.model.actions import Complete, CreatePod, Delete
from probe.model.agent_options import AgentOptions
from probe.model.cell import Family, Protocol
from probe.model.fleet import Pod, Spread
from probe.model.scenario import Scenario


@dataclass(frozen=True, slots=True)
class Demand:
    """A run that is about to begin. ``pods``: the most that each scenario ever has at once."""

    scenarios: tuple[Scenario, ...] = ()
    needs: frozenset[Need] = field(default_factory=lambda: needs_of(()))
    agent: AgentOptions = field(default_factory=AgentOptions)

    @property
    def permissions(self) -> tuple[Permission, ...]:
        """The verbs that a run needs; what only ``doctor`` or the embedded cluster knows is not among them."""
        return permissions_for(self.needs - {Need.DOCTOR, Need.EXTERNALS})

    @property
    def families(self) -> frozenset[Family]:
        """Address families that a scenario asks for by name."""
        selections = (step.selection for scenario in self.scenarios for step in scenario.steps)
        return frozenset(family for selection in selections for family in selection.families)

    @property
    def cluster_scoped(self) -> frozenset[str]:
        """The kinds of cluster-scoped objects that a scenario applies."""
        return frozenset(ref.kind for scenario in self.scenarios for ref in scenario.cluster_scoped)

    @property
    def sctp(self) -> bool:
        """Whether a pod or an endpoint is to serve SCTP."""
        fleets = [scenario.fleet for scenario in self.scenarios]
        ports = [port for fleet in fleets for pod in fleet.pods for port in pod.ports]
        ports += [port for fleet in fleets for external in fleet.externals for port in external.ports]
        return any(port.protocol is Protocol.SCTP for port in ports)


def demand_of(scenarios: Sequence[Scenario], agent: AgentOptions, more: Collection[Need] = ()) -> Demand:
    """The demand of a run of these scenarios with these options."""
    return Demand(tuple(scenarios), needs_of(scenarios) | needs_of_options(agent) | set(more), agent)


@dataclass(frozen=True, slots=True)
class Fleet:
    """The pods that one scenario has at most, and the nodes that they are placed on."""

    scenario: str
    pods: tuple[Pod, ...]
    nodes: tuple[Node, ...]
    spread: Spread = Spread.SPREAD


def most_pods(scenario: Scenario) -> tuple[Pod, ...]:
    """The pods of the moment at which the scenario has the most."""
    alive = {pod.id: pod for pod in scenario.fleet.pods}
    most = tuple(alive.values())
    for step in scenario.steps:
        for action in step.actions:
            match action:
                case CreatePod(pod):
                    alive[pod.id] = pod
                case Complete(ref) | Delete(ref) if ref.kind == "pod":
                    alive.pop(f"{ref.namespace}/{ref.name}", None)
                case Delete(ref) if ref.kind == "namespace":
                    alive = {id: pod for id, pod in alive.items() if pod.namespace != ref.name}
        racers = step.start_race.racers if step.start_race is not None else ()
        if len(alive) + len(racers) > len(most):
            most = (*alive.values(), *racers)
    return most
