"""Which requirements of well-known standards the cells of a run support, and which cells speak against it.

Supports, never complies: a run shows what a cluster did to its own probe pods, and whether that is enough is for an
assessor to say. What each standard asks for is put in our words: PCI DSS v4.0 (requirement 1), NIST SP 800-53 Rev. 5
(SC-7, AC-4), CIS Kubernetes Benchmark (5.3).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from probe.model.cell import Expectation, Verdict
from probe.model.fleet import EXTERNAL
from probe.model.record import CellRecord, RunRecord, StepRecord
from probe.report.matrix import namespace_of


@dataclass(frozen=True, slots=True)
class Flow:
    """A cell that policies decide. ``by_rule``: a rule does; else none allows it, and that it is isolated decides."""

    cell: CellRecord
    by_rule: bool
    kinds: frozenset[str]

    @property
    def is_outside(self) -> bool:
        return self.cell.destination.startswith(f"{EXTERNAL}/")

    @property
    def crosses(self) -> bool:
        """Whether it leaves its namespace."""
        return namespace_of(self.cell.source) != namespace_of(self.cell.destination)


Concerns: TypeAlias = Callable[[Flow], bool]


@dataclass(frozen=True, slots=True)
class Requirement:
    """A requirement, what it asks for, what of a run it is ``about``, and what that leaves open."""

    standard: str
    number: str
    asks: str
    about: str
    concerns: Concerns
    leaves_open: str


def _is_decided(flow: Flow) -> bool:
    return True


def _crosses(flow: Flow) -> bool:
    return flow.crosses


def _is_outside(flow: Flow) -> bool:
    return flow.is_outside


def _is_by_default(flow: Flow) -> bool:
    """Denied because nothing allows it, or allowed by a rule that is an exception to that."""
    return flow.by_rule is not flow.cell.expected.denies


def _is_network_policy(flow: Flow) -> bool:
    return "NetworkPolicy" in flow.kinds


_OWN_PODS = "whether your workloads' own policies say what they should"
REQUIREMENTS = (
    Requirement(
        "PCI DSS v4.0", "1.2", "network security controls are configured, kept, and looked at for being effective",
        "flows that a policy decides", _is_decided, _OWN_PODS,
    ),
    Requirement(
        "PCI DSS v4.0", "1.3",
        "traffic to and from the cardholder data environment is restricted to what is needed",
        "flows between namespaces, or to the outside, that a policy decides", _crosses,
        "whether the scenario's namespaces stand for that environment",
    ),
    Requirement(
        "PCI DSS v4.0", "1.4", "connections between trusted and untrusted networks are controlled",
        "flows to endpoints outside the cluster that a policy decides", _is_outside,
        "what comes into the cluster from outside: nothing of that is tried",
    ),
    Requirement(
        "NIST SP 800-53 Rev. 5", "SC-7",
        "communications at external and at key internal boundaries are controlled",
        "flows between namespaces, or to the outside, that a policy decides", _crosses,
        "monitoring, and boundaries other than those of namespaces",
    ),
    Requirement(
        "NIST SP 800-53 Rev. 5", "SC-7(5)", "traffic is denied by default and allowed by exception",
        "flows that are denied since no rule allows them, or allowed by a rule", _is_by_default, _OWN_PODS,
    ),
    Requirement(
        "NIST SP 800-53 Rev. 5", "AC-4", "information flows only where that is authorised",
        "flows that a policy decides", _is_decided,
        "what authorises the policies, and everything above addresses and ports",
    ),
    Requirement(
        "CIS Kubernetes Benchmark", "5.3.1", "the network plugin supports NetworkPolicies",
        "flows that a NetworkPolicy decides", _is_network_policy,
        "5.3.2, that every namespace has policies: `cni-probe lint` looks at manifests for that",
    ),
)  # fmt: skip


@dataclass(slots=True)
class Support:
    """What the cells of a run say about a requirement: how many were denied and let through as policies say, how many
    were not, and how many could not be judged."""

    requirement: Requirement
    denied: int = 0
    allowed: int = 0
    against: int = 0
    unjudged: int = 0
    steps: set[str] = field(default_factory=set)

    @property
    def is_shown(self) -> bool:
        """Whether anything supports it: a denial that was proven. What is open shows no control."""
        return bool(self.denied)

    def see(self, flow: Flow, step: str) -> None:
        """Take in a flow that the requirement is about."""
        verdict = flow.cell.verdict
        if verdict is Verdict.PASS:
            self.denied += flow.cell.expected.denies
            self.allowed += not flow.cell.expected.denies
            self.steps.add(step)
        elif verdict.is_mismatch:
            self.against += 1
        else:
            self.unjudged += 1


def supports(record: RunRecord) -> list[Support]:
    """For every requirement what the run's cells say; also where that is nothing."""
    found = [Support(requirement) for requirement in REQUIREMENTS]
    for scenario in record.scenarios:
        for number, step in enumerate(scenario.steps):
            for flow in _flows(step):
                for each in found:
                    if each.requirement.concerns(flow):
                        each.see(flow, f"{scenario.name}.{scenario.repeat}.{number}")
    return found


def _flows(step: StepRecord) -> Iterator[Flow]:
    kinds = {policy.name: policy.kind for policy in step.policies}
    for cell in step.cells:
        if cell.decided_by and (cell.expected.denies or cell.expected is Expectation.ALLOW):
            by_rule = not all(name in kinds for name in cell.decided_by)
            yield Flow(cell, by_rule, frozenset(_kinds(cell, kinds)))


def _kinds(cell: CellRecord, kinds: Mapping[str, str]) -> Iterator[str]:
    """The kinds of the policies that decide it: ``production/frontend-policy ingress[0]`` is a rule of one."""
    for name, kind in kinds.items():
        if any(decider == name or decider.startswith(f"{name} ") for decider in cell.decided_by):
            yield kind
