"""Document -> scenario: structure first, then meaning, with the problems of both."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

from probe.model.actions import CreateNamespace, CreatePod
from probe.model.cell import Expectation, Family, Stated
from probe.model.errors import Problem
from probe.model.fleet import Fleet, Placement, Pod, Spread
from probe.model.scenario import Rule, Scenario, Selection, Step, Timeouts, Watching
from probe.model.syntax import dns_label_error, label_key_error, label_value_error
from probe.scenario.document import Place
from probe.scenario.established import build_established
from probe.scenario.expect import Scene, build_expectation
from probe.scenario.fleet import build_externals, build_namespaces, build_placement
from probe.scenario.format.document import Metadata, ScenarioSpec, Spec, TimeoutsSpec
from probe.scenario.format.expect import UNCHANGED
from probe.scenario.format.selection import ProbeSpec
from probe.scenario.format.step import StepSpec
from probe.scenario.format.strict import kept
from probe.scenario.format.watching import WatchSpec
from probe.scenario.formats import SCENARIO
from probe.scenario.hostports import host_port_clashes
from probe.scenario.manifests import ManifestReader
from probe.scenario.matching import Directory
from probe.scenario.matrix import Member, told_once
from probe.scenario.plan import left_open, plan_cells, reachable_from
from probe.scenario.references import check_names, check_paths, check_ports
from probe.scenario.shared import FLEET, FleetReader, Shared, with_shared_fleet
from probe.scenario.start_race import build_start_race
from probe.scenario.steps import StepBuilder
from probe.scenario.structure import Parsed, parse
from probe.scenario.watching import build_connections, build_watching, is_watched, step_problem
from probe.scenario.world import World, doubts_from


@dataclass(frozen=True, slots=True)
class Built:
    """A document's name and, when it has no problem, its scenario."""

    name: str | None
    place: Place
    scenario: Scenario | None
    problems: tuple[Problem, ...]


def build(member: Member, fleets: FleetReader) -> Built:
    """Build one Scenario document, of one combination of its matrix."""
    shared = with_shared_fleet(member.document, fleets)
    name_place = shared.document.root.child("metadata", "name")
    parsed = parse(shared.document, SCENARIO, member.damage)
    document = parsed.document
    if parsed.spec is None:
        return Built(None, name_place, None, (*shared.problems, *parsed.problems))
    builder = _Builder(parsed, shared, member)
    scenario = builder.scenario(parsed.spec)
    named = name_place.path in document.values and name_place.path not in parsed.damage
    problems = _distinct(builder.problems)
    return Built(scenario.name if named else None, name_place, None if problems else scenario, problems)


def _distinct(problems: list[Problem]) -> tuple[Problem, ...]:
    """Without those that two steps found in the same manifest."""
    return tuple(dict.fromkeys(problems))


Probes: TypeAlias = tuple[ProbeSpec | None, ...]
"""What several places say under ``probe``, from the general to the particular."""


class _Builder:
    def __init__(self, parsed: Parsed[ScenarioSpec], shared: Shared, member: Member) -> None:
        self.document = parsed.document
        self.member = member
        self.shared = shared
        self.damage = parsed.damage | ({FLEET} if shared.problems else set())
        self.world = World(doubts=doubts_from(self.damage))
        self.problems = [*shared.problems, *parsed.problems]
        self.manifests = ManifestReader(self.problems)
        self.steps = StepBuilder(self.world, self.manifests, self.problems)
        self.place = self.document.root.child("spec")
        self.placement = Placement()
        self.connections: tuple[Rule, ...] = ()
        self.watch_problems: list[Problem] = []

    def scenario(self, spec: ScenarioSpec) -> Scenario:
        self._metadata(spec.metadata, self.document.root.child("metadata"))
        self._check_text(spec.spec.description, self.place.child("description"))
        at = self.place.child("fleet")
        namespaces = build_namespaces(spec.spec.fleet.namespaces, at.child("namespaces"), self.problems)
        self.world.externals = build_externals(spec.spec.fleet.external, at.child("external"), self.problems)
        self.placement = build_placement(spec.spec.fleet.placement, at.child("placement"), self.problems)
        fleet = Fleet(tuple(namespaces), self.world.externals, self.placement)
        for namespace in namespaces:
            self.world.do(CreateNamespace(namespace), "")
        for pod in fleet.pods:
            self.world.do(CreatePod(pod), "")
        self._check_host_ports(fleet.pods, (), at)
        for pod in fleet.pods:
            if pod.address_of is not None:
                there = at.child("namespaces", pod.namespace, "pods", pod.group, "addressOf")
                self.problems.append(there.problem("no pod was there before the fleet", "let a step create this pod"))
        if not fleet.pods and not self.world.doubts.names:
            self.problems.append(at.key_problem("the fleet has no pod"))
        steps = self._steps(spec.spec)
        return Scenario(
            name=spec.metadata.name + self.member.suffix,
            fleet=fleet,
            steps=steps,
            file=self.document.file,
            labels=dict(spec.metadata.labels),
            description=spec.spec.description.strip(),
            timeouts=self._timeouts(spec.spec.timeouts),
            fleet_file=self.shared.file,
            sources=self._sources(),
            watch=self._watching(spec.spec, [step.name for step in steps]),
        )

    def _sources(self) -> dict[str, str]:
        """The files that the scenario was read from, with their digests."""
        fleet = {self.shared.file: self.shared.digest} if self.shared.file else {}
        return {self.document.file: self.document.digest, **fleet, **self.manifests.digests}

    def _check_host_ports(self, new: Sequence[Pod], present: Iterable[Pod], place: Place) -> None:
        """``place``: what the namespaces of the new pods stand in."""
        doubtful = self._damaged(self.place.child("fleet", "placement"))
        spread = Spread.DIFFERENT if doubtful else self.placement.spread
        for pod, message, hint in host_port_clashes(new, present, spread):
            at = place.child("namespaces", pod.namespace, "pods", pod.group)
            if not self._damaged(at.child("node")):
                self.problems.append(at.key_problem(message, hint))

    def _metadata(self, metadata: Metadata, place: Place) -> None:
        error = dns_label_error(metadata.name)
        if error:
            self.problems.append(
                place.child("name").problem(f'"{metadata.name}" cannot be a scenario\'s name: {error}')
            )
        for key, value in metadata.labels.items():
            error = label_key_error(key) or label_value_error(value)
            if error:
                self.problems.append(place.child("labels", key).problem(f'"{key}: {value}" cannot be a label: {error}'))

    def _check_text(self, text: str, place: Place, *, one_line: bool = False) -> None:
        """Texts end up on terminals and in reports: no control characters."""
        if not (text if one_line else text.replace("\n", "")).isprintable():
            what = "one line of printable text" if one_line else "printable text"
            self.problems.append(place.problem(f"must be {what}"))

    def _timeouts(self, spec: TimeoutsSpec) -> Timeouts:
        timeouts = Timeouts(**spec.model_dump(exclude_none=True))
        if timeouts.confirm < timeouts.attempt:
            message = f"confirm ({timeouts.confirm:g}s) is shorter than attempt ({timeouts.attempt:g}s)"
            hint = "the confirmation must give an answer at least as much time"
            self.problems.append(self.place.child("timeouts").key_problem(message, hint))
        return timeouts

    # --- steps -----------------------------------------------------------------------------------------------------

    def _steps(self, spec: Spec) -> tuple[Step, ...]:
        steps: list[Step] = []
        names: dict[str, int] = {}
        probes = self._general_probes(spec)
        if not spec.steps and not self._damaged(self.place.child("steps")):
            self.problems.append(self.place.child("steps").key_problem("there is no step"))
        last = max((index for index, _ in kept(spec.steps)), default=0)
        found: dict[tuple[bool, int], list[tuple[str, list[Problem]]]] = {}
        before = len(self.problems)
        for index, step_spec in kept(spec.steps):
            place = self.place.child("steps", index)
            if step_spec.name in names and (*place.path, "name") in self.document.values:
                line = names[step_spec.name]
                hint = f"the other one is in line {line}"
                self.problems.append(place.child("name").problem(f'two steps are called "{step_spec.name}"', hint))
            names[step_spec.name] = place.child("name").location.line
            self._check_text(step_spec.name, place.child("name"), one_line=True)
            self._check_text(step_spec.description, place.child("description"))
            steps.append(self._step(step_spec, spec.expect, probes, place, steps[-1] if steps else None))
            origin, combination = self.member.steps.get(index, (index, ""))
            own = found.setdefault((index in self.member.steps, origin), [])
            own.append((combination, self.problems[before:]))
            del self.problems[before:]
            if spec.watch is not None and is_watched(spec.watch, step_spec.name, index == last):
                self._connections(spec.watch, steps[-1])
        for own in found.values():
            self.problems += told_once(own, self.document.file)
        self.problems += self.watch_problems
        return tuple(steps)

    def _connections(self, spec: WatchSpec, step: Step) -> None:
        """While the world is as it is when the step is watched."""
        scene = Scene.of(self.world, step.selection, self.damage)
        at = self.place.child("watch", "connections")
        self.connections = build_connections(spec, at, scene, step, self.watch_problems)

    def _watching(self, spec: Spec, steps: Sequence[str]) -> Watching | None:
        if spec.watch is None:
            return None
        at = self.place.child("watch")
        if not self._damaged(self.place.child("steps")):
            self.problems += step_problem(spec.watch, at, steps)
        return replace(build_watching(spec.watch, at, self.problems), connections=self.connections)

    def _step(self, spec: StepSpec, general: Stated | None, probes: Probes, place: Place, before: Step | None) -> Step:
        present = tuple(self.world.pods.values())
        actions = self.steps.actions(spec, place)
        created = [action.pod for action in actions if isinstance(action, CreatePod)]
        self._check_host_ports(created, present, place.child("create"))
        own = self._sound(spec.probe, place.child("probe"), self.world, _selection(*probes, spec.probe))
        selection = _selection(*probes, own)
        if self._probe_damaged(place):
            selection = replace(selection, paths=("*",))  # what it asked for is in doubt
        scene = Scene.of(self.world, selection, self.damage)
        if not scene.has_cells() and not self.world.doubts.names:
            self.problems.append(
                place.key_problem("the step tries nothing", "no pod, no port, or probe leaves all out")
            )
        step = Step(
            name=spec.name,
            actions=actions,
            default=Expectation.EITHER,
            selection=selection,
            description=spec.description.strip(),
            location=place.location,
        )
        at = place.child("established")
        established = build_established(spec.established, at, scene, present, self.problems)
        if spec.established and not actions and not self._damaged(place):
            self.problems.append(at.key_problem("the step changes nothing that connections could be followed through"))
        step = replace(step, established=established)
        if spec.start_race is not None:
            race = build_start_race(spec.start_race, place.child("start-race"), self.world, self.problems)
            step = replace(step, start_race=race)
        if spec.expect is UNCHANGED:
            return self._unchanged(step, spec, place, before)
        at = place.child("expect")
        rules = build_expectation(spec.expect, at, scene, self.problems)
        default = spec.expect.default or general
        step = replace(step, rules=rules, default=default or Expectation.EITHER)
        if default is None and not self._damaged(at) and not self._damaged(self.place.child("expect")):
            self._check_coverage(step, place)
        return step

    def _damaged(self, place: Place) -> bool:
        """Whether something at or below a place was taken out."""
        return any(path[: len(place.path)] == place.path for path in self.damage)

    def _probe_damaged(self, step: Place) -> bool:
        return any(self._damaged(scope.child("probe")) for scope in (self.place.child("fleet"), self.place, step))

    def _unchanged(self, step: Step, spec: StepSpec, place: Place, before: Step | None) -> Step:
        at = place.child("expect")
        if before is None:
            self.problems.append(at.problem("the first step has no step before it to repeat", "state expectations"))
            return step
        if not step.actions and not self.world.doubts.objects and not self._damaged(place):
            self.problems.append(place.key_problem("the step neither changes nor expects anything new", "remove it"))
        return replace(step, default=before.default, rules=before.rules)

    def _check_coverage(self, step: Step, place: Place) -> None:
        """Without a default, every cell must be decided by a rule or a table."""
        at = place.child("expect")
        if not step.rules:
            self.problems.append(at.key_problem("nothing is expected", "add a default"))
            return
        if self._probe_damaged(place):
            return  # perhaps the cells that nobody speaks of are not meant to be tried
        pods = tuple(self.world.pods.values())
        doubts, on_host = self.world.doubts, {pod.id for pod in pods if pod.host_network}
        open_cells = [
            item.cell
            for item in plan_cells(step, pods, self.world.externals, list(Family))
            if item.decided_by is None
            and not item.cell.is_self
            and not left_open(item.cell, on_host)
            and not doubts.about_any((item.cell.source, item.cell.destination))
        ]
        if open_cells:
            message = f"nothing is expected of some cells, such as {open_cells[0]}"
            self.problems.append(at.key_problem(message, "add a default"))

    # --- probe -----------------------------------------------------------------------------------------------------

    def _general_probes(self, spec: Spec) -> Probes:
        """The fleet's ``probe`` and ``spec.probe``, when sound. They are for all steps: what they name must exist at
        one of them."""
        created = [step.create.namespaces for _, step in kept(spec.steps) if step.create is not None]
        unheeded: list[Problem] = []  # found again, with their places, when the steps are built
        later = [space for specs in created for space in build_namespaces(specs, self.place, unheeded)]
        ever = World(self.world.externals, self.world.doubts, dict(self.world.namespaces), dict(self.world.pods))
        for namespace in later:
            ever.namespaces.setdefault(namespace.name, {})
            ever.pods.update({pod.id: pod for pod in namespace.pods})
        probes = [spec.fleet.probe, spec.probe, *(step.probe for _, step in kept(spec.steps))]
        asked = {path for probe in probes if probe is not None for path in _selection(probe).paths}
        ways = Selection(paths=tuple(asked))
        fleet = self.place.child("fleet")
        return tuple(
            self._sound(probe, scope.child("probe"), ever, ways, shared=scope is fleet)
            for probe, scope in ((spec.fleet.probe, fleet), (spec.probe, self.place))
        )

    def _sound(
        self, spec: ProbeSpec | None, place: Place, world: World, selection: Selection, *, shared: bool = False
    ) -> ProbeSpec | None:
        """The ``probe`` unless it has mistakes, which are reported here and would only bring others with them.

        ``selection``: what it becomes with the others that it goes over or that go over it. ``shared``: it is for
        scenarios of many kinds, not all of which have everything that its paths lead to.
        """
        if spec is None:
            return None
        pods = tuple(world.pods.values())
        origins, reachable = Directory(pods), reachable_from(pods, world.externals, selection)
        endpoints = tuple(reachable.endpoints.values())
        found: list[Problem] = []
        for key, patterns, among in (("from", spec.from_, origins), ("to", spec.to, reachable)):
            named = list(kept(patterns or []))
            found += check_names(named, place.child(key), world, among, destination=key == "to")
        if not world.doubts.names:
            protocols = [(index, str(protocol)) for index, protocol in kept(spec.protocols or [])]
            found += check_ports(list(kept(spec.ports or [])), place.child("ports"), endpoints)
            found += check_ports(protocols, place.child("protocols"), endpoints)
            if not shared:
                found += check_paths(list(kept(spec.paths or [])), place.child("paths"), endpoints)
        self.problems += found
        if not found:
            return spec
        self.damage |= {place.path}
        return None


def _selection(*probes: ProbeSpec | None) -> Selection:
    """Several ``probe``, the later over those before it, key by key."""
    specs = [spec for spec in probes if spec is not None]
    merged = {key: value for spec in specs for key, value in spec if value is not None}

    def items(key: str) -> tuple[str, ...]:
        return tuple(item for _, item in kept(merged.get(key, [])))

    return Selection(
        sources=items("from_"),
        destinations=items("to"),
        ports=items("ports"),
        protocols=tuple(item for _, item in kept(merged.get("protocols", []))),
        families=tuple(item for _, item in kept(merged.get("families", []))),
        include_self=merged.get("self_", True),
        paths=items("paths"),
    )
