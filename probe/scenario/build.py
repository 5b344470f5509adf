"""Document -> scenario: structure first, then meaning, with the problems of both."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from probe.model.actions import CreateNamespace, CreatePod
from probe.model.errors import Problem
from probe.model.fleet import Fleet
from probe.model.scenario import Scenario, Timeouts, Watching
from probe.model.syntax import dns_label_error, label_key_error, label_value_error
from probe.scenario.actions import ActionBuilder
from probe.scenario.document import Place
from probe.scenario.draft import Draft
from probe.scenario.fleet import build_externals, build_namespaces, build_placement
from probe.scenario.format.document import Metadata, ScenarioSpec, Spec, TimeoutsSpec
from probe.scenario.format.fleet import FleetSpec
from probe.scenario.formats import SCENARIO
from probe.scenario.manifests import ManifestReader
from probe.scenario.matrix import Member
from probe.scenario.shared import FLEET, FleetReader, Shared, with_shared_fleet
from probe.scenario.steps import StepBuilder
from probe.scenario.structure import Parsed, parse
from probe.scenario.watching import build_watching, step_problem
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
    problems = _distinct(builder.draft.problems)
    return Built(scenario.name if named else None, name_place, None if problems else scenario, problems)


def _distinct(problems: list[Problem]) -> tuple[Problem, ...]:
    """Without those that two steps found in the same manifest."""
    return tuple(dict.fromkeys(problems))


class _Builder:
    def __init__(self, parsed: Parsed[ScenarioSpec], shared: Shared, member: Member) -> None:
        damage = parsed.damage | ({FLEET} if shared.problems else set())
        problems = [*shared.problems, *parsed.problems]
        self.draft = Draft(parsed.document, World(doubts=doubts_from(damage)), problems, damage)
        self.member = member
        self.shared = shared
        self.manifests = ManifestReader(problems)
        self.steps = StepBuilder(self.draft, member, ActionBuilder(self.draft.world, self.manifests, problems))

    def scenario(self, spec: ScenarioSpec) -> Scenario:
        draft = self.draft
        self._metadata(spec.metadata, draft.document.root.child("metadata"))
        draft.check_text(spec.spec.description, draft.place.child("description"))
        fleet = self._fleet(spec.spec.fleet, draft.place.child("fleet"))
        steps = self.steps.build(spec.spec)
        return Scenario(
            name=spec.metadata.name + self.member.suffix,
            fleet=fleet,
            steps=steps,
            file=draft.document.file,
            labels=dict(spec.metadata.labels),
            description=spec.spec.description.strip(),
            timeouts=self._timeouts(spec.spec.timeouts),
            fleet_file=self.shared.file,
            sources=self._sources(),
            watch=self._watching(spec.spec, [step.name for step in steps]),
        )

    def _fleet(self, spec: FleetSpec, at: Place) -> Fleet:
        """The fleet, which the world has from now on."""
        draft, world = self.draft, self.draft.world
        namespaces = build_namespaces(spec.namespaces, at.child("namespaces"), draft.problems)
        world.externals = build_externals(spec.external, at.child("external"), draft.problems)
        draft.placement = build_placement(spec.placement, at.child("placement"), draft.problems)
        fleet = Fleet(tuple(namespaces), world.externals, draft.placement)
        for namespace in namespaces:
            world.do(CreateNamespace(namespace), "")
        for pod in fleet.pods:
            world.do(CreatePod(pod), "")
        draft.check_host_ports(fleet.pods, (), at)
        for pod in fleet.pods:
            if pod.address_of is not None:
                there = at.child("namespaces", pod.namespace, "pods", pod.group, "addressOf")
                draft.problems.append(there.problem("no pod was there before the fleet", "let a step create this pod"))
        if not fleet.pods and not world.doubts.names:
            draft.problems.append(at.key_problem("the fleet has no pod"))
        return fleet

    def _sources(self) -> dict[str, str]:
        """The files that the scenario was read from, with their digests."""
        fleet = {self.shared.file: self.shared.digest} if self.shared.file else {}
        document = self.draft.document
        return {document.file: document.digest, **fleet, **self.manifests.digests}

    def _metadata(self, metadata: Metadata, place: Place) -> None:
        problems = self.draft.problems
        error = dns_label_error(metadata.name)
        if error:
            problems.append(place.child("name").problem(f'"{metadata.name}" cannot be a scenario\'s name: {error}'))
        for key, value in metadata.labels.items():
            error = label_key_error(key) or label_value_error(value)
            if error:
                problems.append(place.child("labels", key).problem(f'"{key}: {value}" cannot be a label: {error}'))

    def _timeouts(self, spec: TimeoutsSpec) -> Timeouts:
        timeouts = Timeouts(**spec.model_dump(exclude_none=True))
        if timeouts.confirm < timeouts.attempt:
            message = f"confirm ({timeouts.confirm:g}s) is shorter than attempt ({timeouts.attempt:g}s)"
            hint = "the confirmation must give an answer at least as much time"
            self.draft.problems.append(self.draft.place.child("timeouts").key_problem(message, hint))
        return timeouts

    def _watching(self, spec: Spec, steps: Sequence[str]) -> Watching | None:
        if spec.watch is None:
            return None
        draft, at = self.draft, self.draft.place.child("watch")
        if not draft.damaged(draft.place.child("steps")):
            draft.problems += step_problem(spec.watch, at, steps)
        return replace(build_watching(spec.watch, at, draft.problems), connections=self.steps.connections)
