"""Document -> scenario: structure first, then meaning, with the problems of both."""

from __future__ import annotations

from dataclasses import dataclass, replace

from probe.model.cell import Expectation, Family
from probe.model.errors import Problem
from probe.model.scenario import CreateNamespace, CreatePod, Fleet, Rule, Scenario, Selection, Step, Timeouts
from probe.model.syntax import dns_label_error, label_key_error, label_value_error
from probe.scenario.document import Document, Place
from probe.scenario.expect import Scene, build_expectation
from probe.scenario.fleet import build_externals, build_namespaces
from probe.scenario.format import UNCHANGED, ExpectSpec, Metadata, ProbeSpec, ScenarioSpec, StepSpec, TimeoutsSpec, kept
from probe.scenario.manifests import ManifestReader
from probe.scenario.matching import Directory
from probe.scenario.plan import plan_cells
from probe.scenario.references import check_names
from probe.scenario.steps import StepBuilder
from probe.scenario.structure import parse
from probe.scenario.world import World, doubts_from


@dataclass(frozen=True, slots=True)
class Built:
    """A document's name and, when it has no problem, its scenario."""

    name: str | None
    place: Place
    scenario: Scenario | None
    problems: tuple[Problem, ...]


def build(document: Document) -> Built:
    """Build one Scenario document."""
    place = document.root
    name_place = place.child("metadata", "name")
    parsed = parse(document)
    if parsed.spec is None:
        return Built(None, name_place, None, parsed.problems)
    builder = _Builder(document, World(doubts=doubts_from(parsed.damage)), list(parsed.problems))
    scenario = builder.scenario(parsed.spec)
    named = name_place.path in document.values and name_place.path not in parsed.damage
    problems = _distinct(builder.problems)
    return Built(scenario.name if named else None, name_place, None if problems else scenario, problems)


def _distinct(problems: list[Problem]) -> tuple[Problem, ...]:
    """Without those that two steps found in the same manifest."""
    return tuple(dict.fromkeys(problems))


class _Builder:
    def __init__(self, document: Document, world: World, problems: list[Problem]) -> None:
        self.document = document
        self.world = world
        self.problems = problems
        self.steps = StepBuilder(world, ManifestReader(problems), problems)
        self.place = document.root.child("spec")

    def scenario(self, spec: ScenarioSpec) -> Scenario:
        self._metadata(spec.metadata, self.document.root.child("metadata"))
        at = self.place.child("fleet")
        namespaces = build_namespaces(spec.spec.fleet.namespaces, at.child("namespaces"), self.problems)
        self.world.externals = build_externals(spec.spec.fleet.external, at.child("external"), self.problems)
        fleet = Fleet(tuple(namespaces), self.world.externals)
        for namespace in namespaces:
            self.world.do(CreateNamespace(namespace), "")
        for pod in fleet.pods:
            self.world.do(CreatePod(pod), "")
        if not fleet.pods and not self.world.doubts.names:
            self.problems.append(at.key_problem("the fleet has no pod"))
        steps = self._steps(spec)
        self._check_probe(spec.spec.probe)
        return Scenario(
            name=spec.metadata.name,
            fleet=fleet,
            steps=steps,
            file=self.document.file,
            labels=dict(spec.metadata.labels),
            description=spec.spec.description.strip(),
            timeouts=self._timeouts(spec.spec.timeouts),
        )

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

    def _timeouts(self, spec: TimeoutsSpec) -> Timeouts:
        timeouts = Timeouts(**spec.model_dump(exclude_none=True))
        if timeouts.confirm < timeouts.attempt:
            message = f"confirm ({timeouts.confirm:g}s) is shorter than attempt ({timeouts.attempt:g}s)"
            hint = "the confirmation must give an answer at least as much time"
            self.problems.append(self.place.child("timeouts").key_problem(message, hint))
        return timeouts

    # --- steps -----------------------------------------------------------------------------------------------------

    def _steps(self, spec: ScenarioSpec) -> tuple[Step, ...]:
        steps: list[Step] = []
        names: dict[str, int] = {}
        for index, step_spec in kept(spec.spec.steps):
            place = self.place.child("steps", index)
            if step_spec.name in names and (*place.path, "name") in self.document.values:
                line = names[step_spec.name]
                hint = f"the other one is in line {line}"
                self.problems.append(place.child("name").problem(f'two steps are called "{step_spec.name}"', hint))
            names[step_spec.name] = place.child("name").location.line
            steps.append(self._step(step_spec, spec.spec.probe, place, steps[-1] if steps else None))
        return tuple(steps)

    def _step(self, spec: StepSpec, probe: ProbeSpec | None, place: Place, before: Step | None) -> Step:
        actions = self.steps.actions(spec, place)
        selection = _selection(probe, spec.probe)
        if spec.probe is not None:
            self._check_selection(spec.probe, place.child("probe"))
        scene = Scene.of(self.world, selection)
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
        if spec.expect is UNCHANGED:
            return self._unchanged(step, spec, place, before)
        default, rules = self._expectation(spec.expect, place.child("expect"), scene)
        step = replace(step, rules=rules, default=default or Expectation.EITHER)
        if default is None and not self.world.doubts.names:
            self._check_coverage(step, place.child("expect"))
        return step

    def _expectation(self, spec: ExpectSpec, place: Place, scene: Scene) -> tuple[Expectation | None, tuple[Rule, ...]]:
        return build_expectation(spec, place, scene, self.problems)

    def _unchanged(self, step: Step, spec: StepSpec, place: Place, before: Step | None) -> Step:
        at = place.child("expect")
        if before is None:
            self.problems.append(at.problem("the first step has no step before it to repeat", "state expectations"))
            return step
        if not step.actions and not self.world.doubts.objects:
            self.problems.append(place.key_problem("the step neither changes nor expects anything new", "remove it"))
        return replace(step, default=before.default, rules=before.rules)

    def _check_coverage(self, step: Step, place: Place) -> None:
        """Without a default, every cell must be decided by a rule or a table."""
        pods = tuple(self.world.pods.values())
        cells = plan_cells(step, pods, self.world.externals, list(Family))
        open_cells = [item.cell for item in cells if item.decided_by is None and not item.cell.is_self]
        if open_cells:
            message = f"nothing is expected of {len(open_cells)} of {len(cells)} cells, such as {open_cells[0]}"
            self.problems.append(place.key_problem(message, "add a default"))

    # --- probe -----------------------------------------------------------------------------------------------------

    def _check_probe(self, spec: ProbeSpec | None) -> None:
        """``spec.probe`` is for all steps: what it names must exist at one of them."""
        if spec is None:
            return
        self.world.pods = dict(self.world.ever)
        self._check_selection(spec, self.place.child("probe"))

    def _check_selection(self, spec: ProbeSpec, place: Place) -> None:
        pods = list(self.world.pods.values())
        ends = (("from", spec.from_, False), ("to", spec.to, True))
        for key, patterns, destination in ends:
            among = Directory([*pods, *(self.world.externals if destination else ())])
            self.problems += check_names(
                list(kept(patterns or [])), place.child(key), self.world, among, destination=destination
            )


def _selection(general: ProbeSpec | None, own: ProbeSpec | None) -> Selection:
    """The step's ``probe`` over the scenario's, key by key."""
    specs = [spec for spec in (general, own) if spec is not None]
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
    )
