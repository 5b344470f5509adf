"""Which scenarios a fault can touch: those for which a node would get other rules with it than without.

What a fault does not change in the rules, no packet can show; so only these scenarios need packets. Faults of when
rules take effect change none of them: they can touch whatever changes anything, or looks at new pods.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from probe.model.scenario import Scenario
from probe.sandbox.enforce.compile import Options, compile_node
from probe.sandbox.enforce.controller import Stages
from probe.sandbox.enforce.ruleset import Ruleset
from probe.sandbox.enforce.view import ClusterView
from probe.sandbox.faults.fault import Fault
from probe.sandbox.faults.nodes import ConnectionsCutByChanges
from probe.sandbox.faults.paths import EgressToNodesUnenforced, PortsBypass
from probe.sandbox.faults.timing import NewPodsOpen
from probe.scenario import make_plan
from probe.scenario.select import weight
from tests.sandbox.detection.history import NODES, views
from tests.sandbox.detection.meaning import Meaning, meaning_of


@dataclass(frozen=True)
class Subject:
    """A scenario, and what is computed of it once for all faults."""

    scenario: Scenario

    @cached_property
    def seconds(self) -> float:
        """About how long it takes."""
        return weight(make_plan(self.scenario))

    @cached_property
    def views(self) -> tuple[ClusterView, ...]:
        """The cluster after each change."""
        return views(self.scenario)

    @cached_property
    def rules(self) -> tuple[tuple[Meaning, ...], ...]:
        """What each node does after each change, where nothing is broken."""
        return tuple(tuple(self._meaning(compile_node(view, node)) for node in NODES) for view in self.views)

    def _meaning(self, ruleset: Ruleset) -> Meaning:
        """What the rules do to packets that this scenario has: a node sends none unless pods are on its network."""
        meaning = meaning_of(ruleset)
        return {hook: does for hook, does in meaning.items() if self._has_host_network or "hook output" not in hook}

    @cached_property
    def _has_host_network(self) -> bool:
        return any(pod.host_network for view in self.views for pod in view.pods)

    @property
    def _numbers(self) -> set[int]:
        """Ports that are tried."""
        return {planned.cell.port for step in make_plan(self.scenario).steps for planned in step.cells}

    @property
    def looks_at_new_pods(self) -> bool:
        """Whether pods are watched from their first instant on."""
        return any(step.start_race is not None for step in self.scenario.steps)

    @property
    def follows_connections(self) -> bool:
        """Whether connections are open while something changes."""
        return any(step.established for step in self.scenario.steps)

    def is_touched(self, fault: type[Fault]) -> bool:
        """Whether any node would get other rules, or get them at another time."""
        if issubclass(fault, NewPodsOpen):
            return self.looks_at_new_pods
        if issubclass(fault, ConnectionsCutByChanges):
            return self.follows_connections
        if issubclass(fault, EgressToNodesUnenforced):
            return self._has_host_network
        if issubclass(fault, PortsBypass):
            return any(number in fault.ports for number in self._numbers)
        if is_of_time(fault):
            return len(self.views) > 1
        broken = fault()
        return any(self._differ(broken, view, rules) for view, rules in zip(self.views, self.rules, strict=True))

    def _differ(self, broken: Fault, view: ClusterView, rules: Sequence[Meaning]) -> bool:
        """All nodes are asked each time, also once one differs: faults remember."""
        return True in [self._differs(broken, node, view, healthy) for node, healthy in zip(NODES, rules, strict=True)]

    def _differs(self, broken: Fault, node: str, view: ClusterView, healthy: Meaning) -> bool:
        seen = broken.see(node, view)
        if seen == view and type(broken).compile is Stages.compile:
            return False
        return self._meaning(broken.compile(node, seen, Options())) != healthy


def is_of_time(fault: type[Fault]) -> bool:
    """Whether a fault is in when rules take effect, not in what they are."""
    return fault.install is not Stages.install


def touched(fault: type[Fault], subjects: Sequence[Subject]) -> list[Scenario]:
    """The scenarios that a fault can touch, the quickest first."""
    return [each.scenario for each in sorted(subjects, key=lambda each: each.seconds) if each.is_touched(fault)]
