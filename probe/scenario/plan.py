"""Scenario -> plan: the cells of every step and what is expected of each.

Pure and quick: rules are resolved to sets of ids once per step, and sources that the same rules speak of share one
row of decisions.

The expectations of a source, destination and port hold for every way from one to the other, but some cells the API
*leaves open*: which address a policy sees where a node may rewrite it (node ports, a node's own address), whether
policies apply to pods on the host's network, and whether a pod reaches itself through a service. These are ``either``
unless a rule speaks of the path, so that a scenario that was written for pod addresses stays true on every path.
``computed`` stands for all cells alike: what is left open then is for the policies' reader to say.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Collection, Iterator, Mapping, MutableMapping, Sequence
from dataclasses import dataclass, field, replace

from probe.model.actions import Action, Complete, CreatePod, Delete, Label
from probe.model.cell import Cell, Computed, Expectation, Family, Path, Stated, Via
from probe.model.errors import Location
from probe.model.fleet import External, Pod, Port
from probe.model.plan import Plan, PlannedCell, PlannedStep
from probe.model.scenario import Rule, Scenario, Selection, Step
from probe.scenario.matching import Directory, matching_ports, port_matches
from probe.scenario.ways import ClusterDns, Way, selected_ways, way_matches, ways_to


def make_plan(scenario: Scenario, families: Sequence[Family] = (Family.IPV4,)) -> Plan:
    """The plan of a scenario on a cluster whose pods have addresses of ``families``.

    Cells stand in file order: sources, then destinations (pods, external endpoints, the cluster's DNS), their ports,
    ways, families. Pods and DNS are tried over every family given, external endpoints over the families of their
    addresses, also where the pods have none of that family: such a cell is unsupported, which is better said than left
    out. So is DNS over a family that no nameserver has, which only a run can know.
    """
    alive = {pod.id: pod for pod in scenario.fleet.pods}
    steps = []
    known: dict[Cell, PlannedCell] = {}  # steps try the same cells again and again
    for step in scenario.steps:
        for action in step.actions:
            advance(alive, action)
        pods = tuple(alive.values())
        cells = plan_cells(step, pods, scenario.fleet.externals, families)
        steps.append(PlannedStep(step, pods, tuple(_shared(planned, known) for planned in cells)))
    return Plan(scenario, tuple(steps))


def _shared(planned: PlannedCell, known: dict[Cell, PlannedCell]) -> PlannedCell:
    """The planned cell as it is known from another step, or as much of it as is the same."""
    first = known.setdefault(planned.cell, planned)
    return first if first == planned else replace(planned, cell=first.cell)


def advance(alive: MutableMapping[str, Pod], action: Action) -> None:
    """What an action does to the pods (id -> pod) that are alive."""
    match action:
        case CreatePod(pod):
            alive[pod.id] = pod
        case Complete(ref) | Delete(ref) if ref.kind == "pod":
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
class Needs:
    """What a plan needs in the cluster besides its pods: see ``ways_needed``."""

    services: Mapping[str, frozenset[Via]] = field(default_factory=dict)
    host_network: bool = False
    dns: bool = False


def ways_needed(plan: Plan) -> Needs:
    """Which services must be made, by destination pod's id (absent: none) and variant; pods on the host's network; DNS.

    Pods that a later step creates are included.
    """
    services: dict[str, set[Via]] = {}
    dns = False
    for cell in (item.cell for step in plan.steps for item in step.cells):
        if cell.via:
            services.setdefault(cell.destination, set()).add(cell.via)
        dns = dns or cell.path is Path.DNS
    host_network = any(pod.host_network for pods in _generations(plan) for pod in pods)
    return Needs({pod: frozenset(vias) for pod, vias in services.items()}, host_network, dns)


def _generations(plan: Plan) -> Iterator[Sequence[Pod]]:
    yield plan.scenario.fleet.pods
    yield from (step.pods for step in plan.steps)


@dataclass(frozen=True, slots=True)
class _Target:
    """A destination's port by one way over a family: a column of the plan. ``left_open``: whoever the source is."""

    id: str
    port: Port
    way: Way
    family: Family
    address: str | None = None
    left_open: bool = False

    def cell(self, source: str) -> Cell:
        path, via = self.way
        return Cell(source, self.id, self.port.number, self.port.protocol, self.family, path, self.address, via)


@dataclass(frozen=True, slots=True)
class _Decision:
    stated: Stated
    location: Location | None = None

    def planned(self, cell: Cell) -> PlannedCell:
        if isinstance(self.stated, Computed):
            return PlannedCell(cell, Expectation.EITHER, self.location, computed=True)
        return PlannedCell(cell, self.stated, self.location)


@dataclass(frozen=True, slots=True)
class _ResolvedRule:
    """A rule with the sources and the columns that it decides; columns that are left open only if it has a path."""

    rule: Rule
    sources: frozenset[str]
    columns: tuple[int, ...]


_SELF = _Decision(Expectation.ALLOW)
_LEFT_OPEN = _Decision(Expectation.EITHER)


def plan_cells(
    step: Step, pods: Sequence[Pod], externals: Sequence[External], families: Sequence[Family]
) -> tuple[PlannedCell, ...]:
    """The cells of one step. A pod's traffic to itself is expected to pass unless a rule names the pod at both ends."""
    origins, reachable = Directory(pods), reachable_from(pods, externals, step.selection)
    targets = tuple(_targets(step.selection, reachable, families))
    rules = tuple(_resolve(step.rules, origins, reachable, targets))
    chosen = origins.match(step.selection.sources)
    rows = _Rows(step, targets, rules)
    cells: list[PlannedCell] = []
    for source in (pod for pod in pods if pod.id in chosen):
        id = source.id
        for column, (target, decision) in enumerate(zip(targets, rows.of(source), strict=True)):
            if id == target.id:
                if not step.selection.include_self:
                    continue
                decision = _decide_self(id, column, target, step, rules)
            cells.append(decision.planned(target.cell(id)))
    return tuple(cells)


def reachable_from(pods: Sequence[Pod], externals: Sequence[External], selection: Selection) -> Directory:
    """What can be a destination: the cluster's DNS only if it is asked for."""
    asked = any(way.path is Path.DNS for way in selected_ways(selection.paths))
    return Directory([*pods, *externals, *([ClusterDns()] if asked else [])])


def left_open(cell: Cell, on_host: Collection[str]) -> bool:
    """Whether the API leaves open what happens to a cell once there are policies (``on_host``: ids of the pods on
    the host's network), so that only a rule that speaks of it decides it."""
    hairpin = cell.is_self and cell.path is not Path.POD_IP
    return cell.path.rewrites_source or hairpin or cell.source in on_host or cell.destination in on_host


def speaks_of_self(rule: Rule, pod: str) -> bool:
    """Whether a rule also decides a pod's traffic to itself: it must name that very pod at both ends."""
    return rule.exact and pod in rule.sources and pod in rule.destinations


def speaks_from_host(rule: Rule, pod: Pod) -> bool:
    """Whether a rule decides traffic from a pod on the host's network: it has a path, calls the pod by name, or leaves
    it to the policies."""
    called = not {pod.id, f"{pod.namespace}/{pod.group}"}.isdisjoint(rule.sources)
    return called or bool(rule.paths) or rule.verdict is Computed.COMPUTED


def _targets(selection: Selection, reachable: Directory, families: Sequence[Family]) -> Iterator[_Target]:
    chosen = selection.families or tuple(Family)
    inside = [family for family in families if family in chosen]
    selected = selected_ways(selection.paths)
    for endpoint in reachable.named(selection.destinations):
        on_host = isinstance(endpoint, Pod) and endpoint.host_network
        ways = tuple(ways_to(endpoint, selected))
        for port in matching_ports(selection.ports, selection.protocols, endpoint):
            for way in ways:
                if isinstance(endpoint, External):
                    for address in endpoint.addresses:
                        if family_of(address) in chosen:
                            yield _Target(endpoint.id, port, way, family_of(address), address)
                else:
                    for family in inside:
                        yield _Target(endpoint.id, port, way, family, left_open=on_host or way.path.rewrites_source)


def family_of(address: str) -> Family:
    """The family of an address literal."""
    return Family.IPV6 if ipaddress.ip_address(address).version == 6 else Family.IPV4


def _resolve(
    rules: Sequence[Rule], origins: Directory, reachable: Directory, targets: Sequence[_Target]
) -> Iterator[_ResolvedRule]:
    columns: dict[str, list[int]] = {}
    for index, target in enumerate(targets):
        columns.setdefault(target.id, []).append(index)
    ways = {target.way for target in targets}
    for rule in rules:
        reached = sorted(index for id in reachable.match(rule.destinations) for index in columns.get(id, ()))
        if rule.ports:
            served = {port for port in {targets[index].port for index in reached} if port_matches(rule.ports, port)}
            reached = [index for index in reached if targets[index].port in served]
        if rule.paths:
            meant = {way for way in ways if way_matches(rule.paths, way)}
            reached = [index for index in reached if targets[index].way in meant]
        elif rule.verdict is not Computed.COMPUTED:
            reached = [index for index in reached if not targets[index].left_open]
        yield _ResolvedRule(rule, origins.match(rule.sources), tuple(reached))


class _Rows:
    """The decisions for a source, one for each column; sources that the same rules speak of share them."""

    def __init__(self, step: Step, targets: Sequence[_Target], rules: Sequence[_ResolvedRule]) -> None:
        self._rules = rules
        self._shared: dict[tuple[int, ...], tuple[_Decision, ...]] = {}
        default = _Decision(step.default)
        undecided = default if expects_all(step) or step.default is Computed.COMPUTED else _LEFT_OPEN
        self._default = [undecided if target.left_open else default for target in targets]
        self._default_on_host = [undecided] * len(targets)

    def of(self, source: Pod) -> tuple[_Decision, ...]:
        """The row of a source."""
        id = source.id  # built anew each time that it is asked for
        speaking = tuple(index for index, rule in enumerate(self._rules) if id in rule.sources)
        if source.host_network:
            rules = (self._rules[index] for index in speaking)
            return _row(self._default_on_host, [rule for rule in rules if speaks_from_host(rule.rule, source)])
        if speaking not in self._shared:
            self._shared[speaking] = _row(self._default, [self._rules[index] for index in speaking])
        return self._shared[speaking]


def expects_all(step: Step) -> bool:
    """Whether a step expects plain ``allow``: where no policy denies anything, nothing depends on what one sees."""
    return step.default is Expectation.ALLOW and not step.rules


def _row(default: Sequence[_Decision], rules: Sequence[_ResolvedRule]) -> tuple[_Decision, ...]:
    row = list(default)
    for resolved in rules:
        decision = _Decision(resolved.rule.verdict, resolved.rule.location)
        for column in resolved.columns:
            row[column] = decision
    return tuple(row)


def _decide_self(pod: str, column: int, target: _Target, step: Step, rules: Sequence[_ResolvedRule]) -> _Decision:
    own_address = target.way.path is Path.POD_IP
    for resolved in reversed(rules):
        if speaks_of_self(resolved.rule, pod) and column in resolved.columns and (own_address or resolved.rule.paths):
            return _Decision(resolved.rule.verdict, resolved.rule.location)
    if own_address or (target.way.is_direct and expects_all(step)):
        return _SELF
    if step.default is Computed.COMPUTED:
        return _Decision(step.default)
    return _LEFT_OPEN
