"""What the API says of a step's cells: fills in ``computed`` expectations, and checks what people stated.

The policies of a step are asked by ``probe.policy``. Before anything is deployed the pods' addresses are not known, so
what depends on them has no answer yet; a run asks again once they are.
"""

from __future__ import annotations

import ipaddress
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from probe.model.actions import Apply
from probe.model.cell import Cell, Expectation, Path
from probe.model.errors import Location, Problem
from probe.model.fleet import CLUSTER_DNS
from probe.model.manifest import Manifest
from probe.model.plan import Plan, PlannedCell, PlannedStep
from probe.model.record import DecisionRecord, PolicyRecord
from probe.model.scenario import Scenario
from probe.model.snapshot import PodState, Snapshot
from probe.policy.deciders import Deciders
from probe.policy.decision import Answer, Decision
from probe.policy.oracle import Oracle, Question, Table
from probe.policy.rules import Direction, PolicyRef
from probe.policy.sentence import reason, sentence
from probe.policy.universe import AddressRange, Stranger
from probe.scenario.snapshots import snapshots

_EXPECTED = {
    Answer.ALLOW: Expectation.ALLOW,
    Answer.DENY: Expectation.DENY,
    Answer.UNDEFINED: Expectation.EITHER,
}
_REWRITTEN = Stranger("the node that the request came through")
_DNS = Stranger(CLUSTER_DNS)


@dataclass(frozen=True, slots=True)
class Whereabouts:
    """What a cluster says of a pod: its node, and status.podIPs."""

    node: str
    addresses: tuple[str, ...]


@dataclass(slots=True)
class StepOracle:
    """The answers for one step's cells."""

    oracle: Oracle
    _tables: dict[Question, Table] = field(default_factory=dict)
    _deciders: Deciders = field(init=False)

    def __post_init__(self) -> None:
        self._deciders = Deciders(self.oracle)

    def answer(self, cell: Cell) -> Answer:
        """What should become of a cell, by whatever its way lets a policy see."""
        if _is_hairpin(cell):
            return Answer.UNDEFINED
        answers = {self._look_up(view, cell) for view in _views(cell)}
        return answers.pop() if len(answers) == 1 else Answer.UNDEFINED

    def expectation(self, cell: Cell) -> Expectation:
        """The same as an expectation: what has no answer is ``either``."""
        return _EXPECTED[self.answer(cell)]

    def record(self, cell: Cell) -> DecisionRecord:
        """The answer with its reasons, for reports."""
        answer = self.answer(cell)
        decision = self._decide(cell)
        if answer is decision.answer:
            text = sentence(decision)
        elif _is_hairpin(cell):
            text = "the API leaves open whether a pod reaches itself through a service"
        else:
            text = "the API leaves open which addresses policies see where a node may rewrite them"
        sides = [side for side in decision.sides if side.answer is answer]
        rules = [str(rule) for side in sides for rule in side.deciders]
        misses = [str(side.near_miss.rule) for side in sides if side.near_miss is not None]
        return DecisionRecord(str(answer), text, rules, misses)

    def deciders(self, cell: Cell) -> list[str]:
        """The rules, or isolating policies, that the answer comes from; none where a way of its own leaves it open."""
        left_open = cell.path is Path.NODE_PORT and self.answer(cell) is Answer.UNDEFINED
        if _is_hairpin(cell) or left_open:
            return []
        return list(self._deciders.of(*_ends(cell), _question(cell)))

    def denials(self, cell: Cell) -> Iterator[tuple[Direction, bool]]:
        """The directions in which a cell is denied, each with whether that is by isolation alone."""
        return self._deciders.denials(*_ends(cell), _question(cell))

    def is_isolated(self, cell: Cell, direction: Direction) -> bool:
        """Whether any NetworkPolicy selects the end of a cell at which a direction is judged."""
        source, destination = _ends(cell)
        return self._deciders.is_isolated(source if direction is Direction.EGRESS else destination, direction)

    def reason(self, cell: Cell) -> str:
        """Why the answer is what it is."""
        return reason(self._decide(cell))

    def _decide(self, cell: Cell) -> Decision:
        return self.oracle.decide(*_ends(cell), _question(cell))

    def _look_up(self, ends: tuple[str, str], cell: Cell) -> Answer:
        asked = _question(cell)
        if asked not in self._tables:
            self._tables[asked] = self.oracle.table(asked)
        index = self.oracle.universe.index
        return self._tables[asked].answer(index[ends[0]], index[ends[1]])


def _question(cell: Cell) -> Question:
    return Question(cell.port, cell.protocol, cell.family)


def _is_hairpin(cell: Cell) -> bool:
    return cell.is_self and cell.path in (Path.CLUSTER_IP, Path.NODE_PORT)


def _ends(cell: Cell) -> tuple[str, str]:
    """The endpoints as policies see them: behind services pods, outside of the cluster addresses."""
    if cell.path is Path.EXTERNAL:
        assert cell.address is not None
        return cell.source, _canonical(cell.address)
    return cell.source, cell.destination


def _views(cell: Cell) -> Iterator[tuple[str, str]]:
    """All that a policy may see of a cell: a node port's client or server may appear as a node."""
    source, destination = _ends(cell)
    yield source, destination
    if cell.path is Path.NODE_PORT:
        yield _REWRITTEN.id, destination
        yield source, _REWRITTEN.id


class Consultant:
    """Knows the oracle of each step of a scenario."""

    def __init__(self, scenario: Scenario) -> None:
        externals = (address for external in scenario.fleet.externals for address in external.addresses)
        addresses = map(AddressRange.of, dict.fromkeys(map(_canonical, externals)))
        self._others: tuple[AddressRange | Stranger, ...] = (_REWRITTEN, _DNS, *addresses)
        self._steps = scenario.steps
        self._snapshots = tuple(snapshots(scenario))
        self._latest: tuple[int, StepOracle | None] = (0, None)

    def at(self, step: int, where: Mapping[str, Whereabouts]) -> StepOracle:
        """The oracle of a step, by its number. ``where``: by pod id, of those that run already."""
        found = StepOracle(Oracle(_placed(self._snapshots[step], where), self._others))
        self._latest = step, found
        return found

    def before(self, step: int) -> StepOracle | None:
        """The oracle of what was so until a step, which is best asked for before its own; None if nothing was."""
        if step == 0:
            return None
        latest, found = self._latest
        return found if found is not None and latest == step - 1 else self.at(step - 1, {})

    def policies(self, step: int) -> list[PolicyRecord]:
        """The policies that are in force after a step's changes, those that it applied marked."""
        applied = [action.manifest for action in self._steps[step].actions if isinstance(action, Apply)]
        return [_policy_record(each, each in applied) for each in self._snapshots[step].policies]

    def all(self, where: Mapping[str, Whereabouts] | None = None) -> list[StepOracle]:
        """The oracles of all steps."""
        return [self.at(step, where or {}) for step in range(len(self._snapshots))]


def _policy_record(manifest: Manifest, changed: bool) -> PolicyRecord:
    kind, meta = manifest["kind"], manifest["metadata"]
    name = PolicyRef(kind, meta.get("namespace") or "", meta["name"])
    return PolicyRecord(str(name), str(kind), json.loads(json.dumps(manifest)), changed)


def _canonical(address: str) -> str:
    return str(ipaddress.ip_address(address))


def _placed(snapshot: Snapshot, where: Mapping[str, Whereabouts]) -> Snapshot:
    def placed(pod: PodState) -> PodState:
        found = where.get(pod.id)
        return pod if found is None else replace(pod, node=found.node, addresses=found.addresses)

    return replace(snapshot, pods=tuple(map(placed, snapshot.pods)))


def computed(planned: PlannedStep, oracle: StepOracle) -> PlannedStep:
    """The step with every ``computed`` expectation filled in."""
    return replace(planned, cells=tuple(_computed(planned.cells, oracle)))


def _computed(cells: Iterable[PlannedCell], oracle: StepOracle) -> Iterator[PlannedCell]:
    for planned in cells:
        if planned.computed:
            planned = replace(planned, expectation=oracle.expectation(planned.cell))
        yield planned


def computed_plan(plan: Plan) -> tuple[Plan, tuple[Problem, ...]]:
    """The plan with every ``computed`` expectation filled in, as far as can be known without a cluster, and where what
    is stated cannot be what the policies say."""
    oracles = Consultant(plan.scenario).all()
    steps = tuple(computed(step, oracle) for step, oracle in zip(plan.steps, oracles, strict=True))
    pairs = zip(plan.steps, oracles, strict=True)
    problems = tuple(problem for step, oracle in pairs for problem in disagreements(step, oracle))
    return replace(plan, steps=steps), problems


def disagreements(planned: PlannedStep, oracle: StepOracle, *, why: bool = True) -> Iterator[Problem]:
    """Where what is stated cannot be what the policies say: one problem for each rule (or default) and answer.

    Without ``why`` they do not say how the policies come to theirs.
    """
    found: dict[tuple[Location | None, Expectation, Answer], list[Cell]] = {}
    for each in planned.cells:
        if each.expectation is not Expectation.EITHER:
            answer = oracle.answer(each.cell)
            if answer is not Answer.UNDEFINED and (answer is Answer.DENY) is not each.expectation.denies:
                found.setdefault((each.decided_by, each.expectation, answer), []).append(each.cell)
    for (location, stated, answer), cells in found.items():
        problem = _disagreement(planned, location, stated, answer, cells)
        yield replace(problem, message=f"{problem.message}: {oracle.reason(cells[0])}") if why else problem


def _disagreement(planned: PlannedStep, location: Location | None, stated: Expectation, answer: Answer,
                  cells: Sequence[Cell]) -> Problem:  # fmt: skip
    more = f" and {len(cells) - 1} more" if len(cells) > 1 else ""
    verb = "allow it" if answer is Answer.ALLOW else "deny it"
    message = f"expects {stated} of {cells[0]}{more}, but the policies {verb}"
    what = "rule" if location else "default"
    where = location or planned.step.location or Location(planned.step.name)
    return Problem(where, f'step "{planned.step.name}", {what}', message)
