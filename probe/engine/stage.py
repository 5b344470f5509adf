"""What a scenario is measured on, and with: what all of its steps need."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from probe.cluster.deployment import Deployment
from probe.engine.agents import Agents
from probe.engine.computed import Consultant, StepOracle, Whereabouts, disagreements
from probe.engine.evidence import Scribe
from probe.engine.fleet_copy import FleetCopy
from probe.engine.options import RunOptions
from probe.engine.stopwatch import Stopwatch
from probe.model.actions import CreatePod
from probe.model.errors import ScenarioError
from probe.model.events import Event, Noticed
from probe.model.plan import PlannedStep
from probe.model.scenario import Scenario


@dataclass(frozen=True, slots=True)
class Stage:
    """A scenario and its copy of a fleet. ``missing`` kinds are not served by the cluster."""

    scenario: Scenario
    copy: FleetCopy
    options: RunOptions
    emit: Callable[[Event], None]
    stopwatch: Stopwatch
    missing: frozenset[str] = frozenset()
    consultant: Consultant = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "consultant", Consultant(self.scenario))

    @property
    def deployment(self) -> Deployment:
        return self.copy.deployment

    @property
    def agents(self) -> Agents:
        return self.copy.agents

    @property
    def whereabouts(self) -> dict[str, Whereabouts]:
        """Where the pods are that run now, by id."""
        running = self.deployment.running
        return {id: Whereabouts(pod.node, tuple(pod.addresses.values())) for id, pod in running.items()}

    def has_later_pods(self, planned: PlannedStep) -> bool:
        """Whether any pod of a step is created by a step, so that its address is not known before."""
        actions = (action for step in self.scenario.steps for action in step.actions)
        created = {action.pod.id for action in actions if isinstance(action, CreatePod)}
        return any(pod.id in created for pod in planned.pods)

    def cross_check(self, planned: PlannedStep, oracle: StepOracle) -> None:
        """Raises ScenarioError where what a step states cannot be what its policies say, unless it is trusted."""
        trusted = self.options.trust_scenarios  # a cell that is not as stated says why by itself
        problems = [*disagreements(planned, oracle, why=not trusted)]
        if problems and not trusted:
            raise ScenarioError(problems)
        for problem in problems:
            self.emit(Noticed(f"{problem}; what is stated counts"))

    def scribe(self, oracle: StepOracle | None = None) -> Scribe:
        """Who writes the records of cells; ``oracle``: of their step, where it is known."""
        program = " ".join(self.options.agent.command)
        return Scribe(self.agents, self.options.kubectl, program, self.scenario.timeouts.confirm, oracle)
