"""Who decides each of many flows, without the rest of a decision: a side's rules are read once for all of its peers.

Says the same as ``Oracle.decide`` (rules that allow or deny, or policies that isolate) in a fraction of the time, so
that it can be asked of every cell of a large mesh.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from probe.model.snapshot import PodState
from probe.policy.decision import Answer, combined
from probe.policy.oracle import Oracle, Question, answer_of
from probe.policy.reasons import Told, decided_by
from probe.policy.rules import Direction, PolicyRef, RuleRef, Tier
from probe.policy.tiers import Evaluation, Fates
from probe.policy.universe import Match

_Said: TypeAlias = tuple[Tier, RuleRef | None, Match]
"""What decides, or may, and for which peers."""


@dataclass(frozen=True, slots=True)
class _Alike:
    """Peers (a set) for which one endpoint's side has the same answer for the same reasons."""

    peers: int
    answer: Answer
    deciders: tuple[str, ...] = ()
    is_isolation: bool = False


_Side: TypeAlias = tuple[_Alike, ...]
"""One endpoint's side on one port; every peer is in one of its parts."""


@dataclass(slots=True)
class Deciders:
    """Asks an oracle, and remembers what each endpoint's side said."""

    oracle: Oracle
    _sides: dict[Question, dict[tuple[Direction, int], _Side]] = field(default_factory=dict)

    def of(self, source: str, destination: str, asked: Question) -> tuple[str, ...]:
        """What the flow's answer comes from, egress first: rules, or policies that isolate where no rule allows.

        Of a denial only what denies. Empty where nothing selects either end, or the answer comes from an exemption.
        Raises KeyError for an unknown endpoint.
        """
        index = self.oracle.universe.index
        ends = index[source], index[destination]
        if ends[0] == ends[1]:
            return ()
        sides = self._sides.setdefault(asked, {})
        egress = self._part(sides, Direction.EGRESS, *ends, asked)
        ingress = self._part(sides, Direction.INGRESS, ends[1], ends[0], asked)
        answer = combined(egress.answer, ingress.answer)
        if egress.answer is not answer:
            return ingress.deciders
        return egress.deciders + ingress.deciders if ingress.answer is answer else egress.deciders

    def denials(self, source: str, destination: str, asked: Question) -> Iterator[tuple[Direction, bool]]:
        """The directions in which a flow between two pods is denied, each with whether that is by isolation alone.

        Raises KeyError for an unknown endpoint.
        """
        index = self.oracle.universe.index
        ends = index[source], index[destination]
        sides = self._sides.setdefault(asked, {})
        egress = self._part(sides, Direction.EGRESS, *ends, asked)
        ingress = self._part(sides, Direction.INGRESS, ends[1], ends[0], asked)
        for direction, part in ((Direction.EGRESS, egress), (Direction.INGRESS, ingress)):
            if part.answer is Answer.DENY:
                yield direction, part.is_isolation

    def is_isolated(self, endpoint: str, direction: Direction) -> bool:
        """Whether any NetworkPolicy selects an endpoint for a direction. Raises KeyError for an unknown one."""
        policies = self.oracle.selecting(direction, self.oracle.universe.index[endpoint])
        return any(policy.tier is Tier.NETWORK_POLICY for policy in policies)

    def _part(
        self, sides: dict[tuple[Direction, int], _Side], direction: Direction, subject: int, peer: int, asked: Question
    ) -> _Alike:
        key = direction, subject
        side = sides.get(key)
        if side is None:
            side = sides[key] = tuple(self._ask(direction, subject, asked))
        return next(part for part in side if part.peers >> peer & 1)

    def _ask(self, direction: Direction, subject: int, asked: Question) -> Iterator[_Alike]:
        universe = self.oracle.universe
        endpoint, policies = universe.endpoints[subject], self.oracle.selecting(direction, subject)
        if not isinstance(endpoint, PodState) or not policies:
            yield _Alike(universe.everybody, Answer.ALLOW)
            return
        said: list[_Said] = []
        evaluation = Evaluation(
            direction,
            lambda rule: self.oracle.read(rule, endpoint, asked),
            lambda tier, rule, found: said.append((tier, rule, found)),
        )
        certain = not endpoint.host_network
        fates = evaluation.judge(policies, universe.everybody, universe.home(endpoint), certain=certain)
        isolating = [policy.ref for policy in policies if policy.tier is Tier.NETWORK_POLICY]
        sets = [fates.accept, fates.deny, *(each for _, _, found in said for each in (found.sure, found.maybe))]
        for peers in _parts(universe.everybody, sets):
            yield _alike(peers, fates, said, isolating)


def _parts(everybody: int, sets: Sequence[int]) -> list[int]:
    """The coarsest partition in which every part is within or without each of the sets."""
    parts = [everybody]
    for each in sets:
        parts = [half for part in parts for half in (part & each, part & ~each) if half]
    return parts


def _alike(peers: int, fates: Fates, said: Sequence[_Said], isolating: Sequence[PolicyRef]) -> _Alike:
    one = peers & -peers  # any of them speaks for all
    answer = answer_of(fates.accept & one, fates.deny & one)
    told = [Told(tier, rule, bool(found.sure & one)) for tier, rule, found in said if found.maybe & one]
    _, rules = decided_by(answer, told)
    deciders = rules or (isolating if answer is Answer.DENY else ())
    return _Alike(peers, answer, tuple(map(str, deciders)), is_isolation=answer is Answer.DENY and not rules)
