"""Scenario -> plan: the cells of every step and what is expected of each.

Pure and quick: rules are resolved to sets of ids once per step, and sources that the same rules speak of share one
row of decisions.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, MutableMapping, Sequence
from dataclasses import dataclass, replace

from probe.model.cell import Cell, Expectation, Family, Path
from probe.model.errors import Location
from probe.model.plan import Plan, PlannedCell, PlannedStep
from probe.model.scenario import (
    Action,
    CreatePod,
    Delete,
    External,
    Label,
    Pod,
    Port,
    Rule,
    Scenario,
    Selection,
    Step,
)
from probe.scenario.matching import Directory, matching_ports, port_matches


def make_plan(scenario: Scenario, families: Sequence[Family] = (Family.IPV4,)) -> Plan:
    """The plan of a scenario on a cluster whose pods have addresses of ``families``.

    Cells stand in file order: sources, then destinations (pods, then external endpoints), their ports, families.
    Pods are tried over every family asked for, external endpoints over the families of their addresses, also where the
    pods have none of that family: such a cell is unsupported, which is better said than left out.
    """
    alive = {pod.id: pod for pod in scenario.fleet.pods}
    steps = []
    for step in scenario.steps:
        for action in step.actions:
            advance(alive, action)
        pods = tuple(alive.values())
        steps.append(PlannedStep(step, pods, plan_cells(step, pods, scenario.fleet.externals, families)))
    return Plan(scenario, tuple(steps))


def advance(alive: MutableMapping[str, Pod], action: Action) -> None:
    """What an action does to the pods (id -> pod) that are alive."""
    match action:
        case CreatePod(pod):
            alive[pod.id] = pod
        case Delete(ref) if ref.kind == "pod":
            alive.pop(f"{ref.namespace}/{ref.name}", None)
        case Delete(ref) if ref.kind == "namespace":
            for gone in [pod.id for pod in alive.values() if pod.namespace == ref.name]:
                del alive[gone]
        case Label(ref, labels) if ref.kind == "pod":
            pod = alive[f"{ref.namespace}/{ref.name}"]
            merged = {**pod.labels, **labels}
            alive[pod.id] = replace(pod, labels={key: value for key, value in merged.items() if value is not None})
        case _:
            pass


@dataclass(frozen=True, slots=True)
class _Target:
    """A destination's port over one family: a column of the plan."""

    id: str
    port: Port
    family: Family
    address: str | None = None

    def cell(self, source: str) -> Cell:
        path = Path.EXTERNAL if self.address else Path.POD_IP
        return Cell(source, self.id, self.port.number, self.port.protocol, self.family, path, self.address)


@dataclass(frozen=True, slots=True)
class _Decision:
    expectation: Expectation
    location: Location | None = None


@dataclass(frozen=True, slots=True)
class _ResolvedRule:
    rule: Rule
    sources: frozenset[str]
    columns: tuple[int, ...]


_SELF = _Decision(Expectation.ALLOW)


def plan_cells(
    step: Step, pods: Sequence[Pod], externals: Sequence[External], families: Sequence[Family]
) -> tuple[PlannedCell, ...]:
    """The cells of one step. A pod's traffic to itself is expected to pass unless a rule names the pod at both ends."""
    origins, reachable = Directory(pods), Directory([*pods, *externals])
    targets = tuple(_targets(step.selection, reachable, families))
    rules = tuple(_resolve(step.rules, origins, reachable, targets))
    sources = origins.match(step.selection.sources)
    rows: dict[tuple[int, ...], tuple[_Decision, ...]] = {}
    cells: list[PlannedCell] = []
    for source in (pod.id for pod in pods if pod.id in sources):
        speaking = tuple(index for index, rule in enumerate(rules) if source in rule.sources)
        if speaking not in rows:
            rows[speaking] = _row(step.default, [rules[index] for index in speaking], len(targets))
        for column, (target, decision) in enumerate(zip(targets, rows[speaking], strict=True)):
            if source == target.id:
                if not step.selection.include_self:
                    continue
                decision = _decide_self(source, column, rules)
            cells.append(PlannedCell(target.cell(source), decision.expectation, decision.location))
    return tuple(cells)


def speaks_of_self(rule: Rule, pod: str) -> bool:
    """Whether a rule also decides a pod's traffic to itself: it must name that very pod at both ends."""
    return rule.exact and pod in rule.sources and pod in rule.destinations


def _targets(selection: Selection, reachable: Directory, families: Sequence[Family]) -> Iterator[_Target]:
    chosen = selection.families or tuple(Family)
    for endpoint in reachable.named(selection.destinations):
        for port in matching_ports(selection.ports, selection.protocols, endpoint):
            if isinstance(endpoint, Pod):
                for family in (family for family in families if family in chosen):
                    yield _Target(endpoint.id, port, family)
            else:
                for address in endpoint.addresses:
                    if family_of(address) in chosen:
                        yield _Target(endpoint.id, port, family_of(address), address)


def family_of(address: str) -> Family:
    """The family of an address literal."""
    return Family.IPV6 if ipaddress.ip_address(address).version == 6 else Family.IPV4


def _resolve(
    rules: Sequence[Rule], origins: Directory, reachable: Directory, targets: Sequence[_Target]
) -> Iterator[_ResolvedRule]:
    columns: dict[str, list[int]] = {}
    for index, target in enumerate(targets):
        columns.setdefault(target.id, []).append(index)
    for rule in rules:
        reached = sorted(index for id in reachable.match(rule.destinations) for index in columns.get(id, ()))
        if rule.ports:
            reached = [index for index in reached if port_matches(rule.ports, targets[index].port)]
        yield _ResolvedRule(rule, origins.match(rule.sources), tuple(reached))


def _row(default: Expectation, rules: Sequence[_ResolvedRule], width: int) -> tuple[_Decision, ...]:
    row = [_Decision(default)] * width
    for resolved in rules:
        decision = _Decision(resolved.rule.verdict, resolved.rule.location)
        for column in resolved.columns:
            row[column] = decision
    return tuple(row)


def _decide_self(pod: str, column: int, rules: Sequence[_ResolvedRule]) -> _Decision:
    for resolved in reversed(rules):
        if speaks_of_self(resolved.rule, pod) and column in resolved.columns:
            return _Decision(resolved.rule.verdict, resolved.rule.location)
    return _SELF
