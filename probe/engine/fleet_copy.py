"""A deployed copy of a fleet: scenarios whose fleets are alike use its pods, one after the other.

Sharing must never make a denial look earned. So each scenario has a baseline of its own: the control of a denial counts
from the moment on at which the policies of the scenario before were lifted, and only what has connected since (in that
scenario's closing control) is not tried again. What a network plugin keeps in force after that is seen there, by pairs
that are silent. That a pair which no step denies could connect is known from the scenarios before.

Between two scenarios the fleet is restored, and the API server is asked whether it is as it was. A copy of which
anything is doubtful is thrown away and never repaired: after a policy that was not lifted, an agent that was lost or
restarted, an error, a namespace that was deleted.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, field

from probe.cluster.api import Api
from probe.cluster.deployment import Deployment
from probe.cluster.objects import Owner
from probe.cluster.outfit import Outfit
from probe.cluster.placement import Placer
from probe.cluster.pods import PodWatch
from probe.cluster.restoring import NotRestored, Picture, Restoration
from probe.cluster.running import RunningPod
from probe.cluster.services import Services
from probe.engine.agents import Agents
from probe.engine.controls import Controls
from probe.engine.liveness import WITNESS, WITNESS_NAMESPACE, WITNESS_NAMESPACE_SPEC, needs_witness
from probe.engine.load import Load
from probe.engine.naming import map_namespaces
from probe.engine.options import RunOptions
from probe.engine.outside import OutsideFleet, OutsidePorts
from probe.engine.planned import PlannedFleet
from probe.engine.reach import Reach
from probe.engine.routes import Routes
from probe.model.cell import Family
from probe.model.fleet import Namespace, Pod
from probe.model.record import PodRecord
from probe.model.scenario import Scenario
from probe.scenario.names import map_manifest


@dataclass(frozen=True, slots=True)
class Ground:
    """What all copies of a run have in common."""

    api: Api
    options: RunOptions
    outfit: Outfit
    load: Load
    outside_ports: OutsidePorts


@dataclass(slots=True)
class FleetCopy:
    """One copy. ``prefix`` begins the actual names of its objects, ``name`` is its own among those of the run.

    ``is_shared``: another scenario may come after the first. ``doubt``: why no other one may use it (empty: one may).
    ``made``: the actual names of all namespaces that may be there.
    ``lifted_at``: when the policies of the last scenario were gone, on the monotonic clock (None: not known).
    """

    ground: Ground
    first: PlannedFleet
    prefix: str
    name: str
    is_shared: bool
    doubt: str = ""
    lifted_at: float | None = None
    last: PlannedFleet | None = None
    made: set[str] = field(default_factory=set)
    deployment: Deployment = field(init=False)
    agents: Agents = field(init=False)
    controls: Controls = field(init=False)
    _outside: OutsideFleet = field(init=False)
    _placer: Placer = field(init=False)
    _before: Picture = field(default_factory=Picture)
    _instances: Mapping[str, str] = field(default_factory=dict)
    _stack: AsyncExitStack = field(default_factory=AsyncExitStack)

    def names_for(self, scenario: Scenario) -> dict[str, str]:
        """Actual names of all namespaces that the scenario ever has in this copy."""
        return map_namespaces(scenario, self.prefix, self.ground.options)

    async def deploy(self) -> None:
        """Create everything, for the first scenario, and open a stream to each agent. Raises ClusterError."""
        ground, scenario = self.ground, self.first.scenario
        owner, names = Owner(ground.options.run, self.name), self.names_for(scenario)
        self.made |= set(names.values())
        watch = await self._stack.enter_async_context(PodWatch.follow(ground.api, owner.selector))
        placer = Placer(self.first.nodes, scenario.fleet.placement.spread)
        outfit = ground.outfit.for_scenario(scenario)
        apart = (WITNESS_NAMESPACE,) if needs_witness(scenario) else ()
        self.deployment = Deployment(ground.api, owner, names, placer, outfit, watch, map_manifest, self.prefix, apart)
        services = Services(ground.api, owner, names)
        reach = Reach(self.deployment, ground.options.agent.relay)
        self.agents = Agents(reach, ground.options.pace, Routes(self.first.nodes, services), load=ground.load)
        self._stack.push_async_callback(self.agents.aclose)
        self.controls = Controls(self.agents)
        await self.deployment.create_namespaces(_first_namespaces(scenario))
        await self.start_pods(first_pods(scenario), scenario.timeouts.ready)
        self._placer = placer.copy()
        self._outside = OutsideFleet(
            self.deployment,
            self.agents,
            ground.options.externals,
            names.get(WITNESS_NAMESPACE, ""),
            ground.outside_ports,
        )
        if self.is_shared:
            self._before = await Picture.of(self.deployment)
            self._note_instances()
        self.deployment.forget_alterations()

    async def restore(self, scenario: Scenario) -> None:
        """Bring the fleet back to how it was deployed, for this scenario to come.

        Raises NotRestored, or ClusterError: then it must be thrown away.
        """
        if self.doubt:
            raise NotRestored(self.doubt)
        self.deployment.placer = self._placer.copy()  # later pods go where they would if no scenario had been before
        await self.agents.refresh()
        for pod_id, agent in self.agents.by_pod.items():
            if agent.lost:
                raise NotRestored(f"the agent of {pod_id} is lost: {agent.lost}")
            instance = agent.channel.hello.instance
            if self._instances.get(agent.running.uid, instance) != instance:
                raise NotRestored(f"the agent of {pod_id} was restarted")
        restoration = Restoration(
            self.deployment, first_pods(scenario), self._before, self.agents.forget, scenario.timeouts.ready
        )
        await self.agents.open(await restoration.run())
        self._note_instances()
        names = self.names_for(scenario)
        self.made |= set(names.values())
        for gone in self.deployment.namespaces.keys() - names.keys():
            self.agents.routes.services.forget(gone)
        self.deployment.namespaces = self.agents.routes.services.namespaces = names
        self.controls = self.controls.carried(self.lifted_at)
        self.lifted_at = None

    async def start_pods(self, pods: Iterable[Pod], timeout: float) -> tuple[RunningPod, ...]:
        """Create pods and open their agents. Raises ClusterError."""
        running = await self.deployment.create_pods(tuple(pods), timeout)
        await self.agents.open(running)
        return running

    async def start_externals(self, scenario: Scenario) -> list[PodRecord]:
        """Bring up the scenario's endpoints outside the cluster, or meet them. Raises ClusterError."""
        if not scenario.fleet.externals:
            return []
        self.agents.outside, records = await self._outside.start(scenario, self.families)
        return records

    @property
    def families(self) -> tuple[Family, ...]:
        """The address families that any pod has: cells of another pod that lacks one are unsupported, not left out."""
        found = {family for pod in self.deployment.running.values() for family in pod.addresses}
        return tuple(family for family in Family if family in found)

    def _note_instances(self) -> None:
        """By the pods' UIDs: a container that is another one has another agent."""
        agents = self.agents.by_pod.values()
        self._instances = {agent.running.uid: agent.channel.hello.instance for agent in agents}

    async def close(self) -> None:
        """End streams and watch; what is in the cluster is for others to remove."""
        await self._stack.aclose()


def first_pods(scenario: Scenario) -> tuple[Pod, ...]:
    """The pods that are deployed for a scenario, the witness included."""
    fleet = scenario.fleet
    return (*fleet.pods, WITNESS) if needs_witness(scenario) else fleet.pods


def _first_namespaces(scenario: Scenario) -> tuple[Namespace, ...]:
    fleet = scenario.fleet
    return (*fleet.namespaces, WITNESS_NAMESPACE_SPEC) if needs_witness(scenario) else fleet.namespaces
