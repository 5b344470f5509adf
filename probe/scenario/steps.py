"""Steps -> model: what each changes, what it tries, and what is expected of that."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from probe.model.actions import CreatePod
from probe.model.cell import Expectation, Family, Stated
from probe.model.errors import Problem
from probe.model.scenario import Rule, Step
from probe.scenario.actions import ActionBuilder
from probe.scenario.document import Place
from probe.scenario.draft import Draft
from probe.scenario.established import build_established
from probe.scenario.expect import Scene, build_expectation
from probe.scenario.format.document import Spec
from probe.scenario.format.expect import UNCHANGED
from probe.scenario.format.step import StepSpec
from probe.scenario.format.strict import kept
from probe.scenario.format.watching import WatchSpec
from probe.scenario.matrix import Member, told_once
from probe.scenario.plan import left_open, plan_cells
from probe.scenario.probing import Probes, general_probes, selection_of, sound
from probe.scenario.start_race import build_start_race
from probe.scenario.watching import build_connections, is_watched


@dataclass(slots=True)
class StepBuilder:
    """Builds the steps of a scenario in order. ``connections`` are those that are held while one of them is watched."""

    draft: Draft
    member: Member
    actions: ActionBuilder
    connections: tuple[Rule, ...] = ()
    watch_problems: list[Problem] = field(default_factory=list)

    def build(self, spec: Spec) -> tuple[Step, ...]:
        """All steps, in order; the world is as after them."""
        draft = self.draft
        steps: list[Step] = []
        names: dict[str, int] = {}
        probes = general_probes(draft, spec)
        if not spec.steps and not draft.damaged(draft.place.child("steps")):
            draft.problems.append(draft.place.child("steps").key_problem("there is no step"))
        last = max((index for index, _ in kept(spec.steps)), default=0)
        found: dict[tuple[bool, int], list[tuple[str, list[Problem]]]] = {}
        before = len(draft.problems)
        for index, step_spec in kept(spec.steps):
            place = draft.place.child("steps", index)
            if step_spec.name in names and (*place.path, "name") in draft.document.values:
                line = names[step_spec.name]
                hint = f"the other one is in line {line}"
                draft.problems.append(place.child("name").problem(f'two steps are called "{step_spec.name}"', hint))
            names[step_spec.name] = place.child("name").location.line
            draft.check_text(step_spec.name, place.child("name"), one_line=True)
            draft.check_text(step_spec.description, place.child("description"))
            steps.append(self._step(step_spec, spec.expect, probes, place, steps[-1] if steps else None))
            origin, combination = self.member.steps.get(index, (index, ""))
            own = found.setdefault((index in self.member.steps, origin), [])
            own.append((combination, draft.problems[before:]))
            del draft.problems[before:]
            if spec.watch is not None and is_watched(spec.watch, step_spec.name, index == last):
                self._connections(spec.watch, steps[-1])
        for own in found.values():
            draft.problems += told_once(own, draft.document.file)
        draft.problems += self.watch_problems
        return tuple(steps)

    def _connections(self, spec: WatchSpec, step: Step) -> None:
        """While the world is as it is when the step is watched."""
        draft = self.draft
        scene = Scene.of(draft.world, step.selection, draft.damage)
        at = draft.place.child("watch", "connections")
        self.connections = build_connections(spec, at, scene, step, self.watch_problems)

    def _step(self, spec: StepSpec, general: Stated | None, probes: Probes, place: Place, before: Step | None) -> Step:
        draft = self.draft
        present = tuple(draft.world.pods.values())
        actions = self.actions.build(spec, place)
        created = [action.pod for action in actions if isinstance(action, CreatePod)]
        draft.check_host_ports(created, present, place.child("create"))
        own = sound(draft, spec.probe, place.child("probe"), draft.world, selection_of(*probes, spec.probe))
        selection = selection_of(*probes, own)
        if self._probe_damaged(place):
            selection = replace(selection, paths=("*",))  # what it asked for is in doubt
        scene = Scene.of(draft.world, selection, draft.damage)
        if not scene.has_cells() and not draft.world.doubts.names:
            draft.problems.append(
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
        established = build_established(spec.established, at, scene, present, draft.problems)
        if spec.established and not actions and not draft.damaged(place):
            draft.problems.append(at.key_problem("the step changes nothing that connections could be followed through"))
        step = replace(step, established=established)
        if spec.start_race is not None:
            race = build_start_race(spec.start_race, place.child("start-race"), draft.world, draft.problems)
            step = replace(step, start_race=race)
        if spec.expect is UNCHANGED:
            return self._unchanged(step, spec, place, before)
        at = place.child("expect")
        rules = build_expectation(spec.expect, at, scene, draft.problems)
        default = spec.expect.default or general
        step = replace(step, rules=rules, default=default or Expectation.EITHER)
        if default is None and not draft.damaged(at) and not draft.damaged(draft.place.child("expect")):
            self._check_coverage(step, place)
        return step

    def _probe_damaged(self, step: Place) -> bool:
        draft = self.draft
        return any(draft.damaged(scope.child("probe")) for scope in (draft.place.child("fleet"), draft.place, step))

    def _unchanged(self, step: Step, spec: StepSpec, place: Place, before: Step | None) -> Step:
        draft = self.draft
        at = place.child("expect")
        if before is None:
            draft.problems.append(at.problem("the first step has no step before it to repeat", "state expectations"))
            return step
        if not step.actions and not draft.world.doubts.objects and not draft.damaged(place):
            draft.problems.append(place.key_problem("the step neither changes nor expects anything new", "remove it"))
        return replace(step, default=before.default, rules=before.rules)

    def _check_coverage(self, step: Step, place: Place) -> None:
        """Without a default, every cell must be decided by a rule or a table."""
        draft = self.draft
        at = place.child("expect")
        if not step.rules:
            draft.problems.append(at.key_problem("nothing is expected", "add a default"))
            return
        if self._probe_damaged(place):
            return  # perhaps the cells that nobody speaks of are not meant to be tried
        pods = tuple(draft.world.pods.values())
        doubts, on_host = draft.world.doubts, {pod.id for pod in pods if pod.host_network}
        open_cells = [
            item.cell
            for item in plan_cells(step, pods, draft.world.externals, list(Family))
            if item.decided_by is None
            and not item.cell.is_self
            and not left_open(item.cell, on_host)
            and not doubts.about_any((item.cell.source, item.cell.destination))
        ]
        if open_cells:
            message = f"nothing is expected of some cells, such as {open_cells[0]}"
            draft.problems.append(at.key_problem(message, "add a default"))
