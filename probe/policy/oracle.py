"""The face of the room: a snapshot's policies, compiled once, and questions to them.

One flow (``decide``) and the whole truth table (``table``) are answered by the same evaluation of sets; the former
looks at one bit, and asks which rules it came from.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from probe.model.cell import Family, Protocol
from probe.model.snapshot import PodState, Snapshot
from probe.policy.decision import Answer, Decision, Exemption, Side, combined
from probe.policy.nearest import Attempt, nearest_miss
from probe.policy.ports import NamedPort, PortRange
from probe.policy.read import read_policy
from probe.policy.reasons import Told, decided_by, doubt, nearly_accepting
from probe.policy.rules import Direction, Policy, Rule, RuleRef, Tier
from probe.policy.tiers import Evaluation, Fates, order
from probe.policy.universe import AddressRange, Endpoint, Match, Stranger, Universe, endpoint_id


@dataclass(frozen=True, slots=True)
class Question:
    """The port that the destination serves, and the address family in use."""

    port: int
    protocol: Protocol = Protocol.TCP
    family: Family = Family.IPV4


@dataclass(frozen=True, slots=True)
class Table:
    """Who reaches whom on one port over one family. ``ids`` name rows (sources) and columns (destinations) alike.

    ``allowed`` and ``denied`` have for each source the set of destinations (bit n is ``ids[n]``) that it may reach and
    that may be denied to it; a destination in both is undefined.
    """

    ids: tuple[str, ...]
    allowed: tuple[int, ...]
    denied: tuple[int, ...]

    def answer(self, source: int, destination: int) -> Answer:
        """The answer for a row and a column, by their numbers."""
        return answer_of(self.allowed[source] >> destination & 1, self.denied[source] >> destination & 1)


def answer_of(allowed: int, denied: int) -> Answer:
    """The answer when traffic may be allowed, or denied, or either."""
    if allowed and denied:
        return Answer.UNDEFINED
    return Answer.DENY if denied else Answer.ALLOW


class Oracle:
    """What should happen in a cluster. ``others``: endpoints outside of it that will be asked about."""

    def __init__(self, snapshot: Snapshot, others: Sequence[AddressRange | Stranger] = ()) -> None:
        self.universe = Universe(snapshot, others)
        self.policies = tuple(sorted(map(read_policy, snapshot.policies), key=order))
        self._selecting = {each: self._selected_by(each) for each in Direction}
        self._templates = {number for number, pod in enumerate(snapshot.pods) if pod.workload}
        self._peers: dict[tuple[RuleRef, Family], Match] = {}

    def _selected_by(self, direction: Direction) -> list[tuple[Policy, ...]]:
        """For each endpoint, by number, the policies that select it for a direction."""
        found: list[list[Policy]] = [[] for _ in self.universe.endpoints]
        for policy in self.policies:
            if direction in policy.directions:
                subjects = self.universe.select(policy.subject)
                if policy.tier is not Tier.NETWORK_POLICY:
                    subjects &= ~self.universe.host
                for number in self.universe.members(subjects):
                    found[number].append(policy)
        return [tuple(policies) for policies in found]

    def selecting(self, direction: Direction, number: int) -> tuple[Policy, ...]:
        """The policies that select an endpoint for a direction, in the order in which they are asked."""
        return self._selecting[direction][number]

    # --- one flow -----------------------------------------------------------------------------------------------------

    def decide(self, source: str, destination: str, asked: Question) -> Decision:
        """What should become of a flow between two endpoints, by their ids. Raises KeyError for an unknown one."""
        decision = self.as_another(source, destination, asked)
        end = self.universe.index[source]
        if source == destination and end not in self._templates:
            return replace(decision, answer=Answer.ALLOW, exemption=Exemption.SELF)
        return decision

    def as_another(self, source: str, destination: str, asked: Question) -> Decision:
        """As ``decide``, but a pod's traffic to itself is judged like that to another pod which is just the same.

        It is exempt only by the pod's own address: not through a service, and a workload's template stands for several
        pods.
        """
        ends = self.universe.index[source], self.universe.index[destination]
        egress = self._side(Direction.EGRESS, ends[0], ends[1], asked)
        ingress = self._side(Direction.INGRESS, ends[1], ends[0], asked)
        answer = combined(egress.answer, ingress.answer)
        exemption = self._exemption(*ends, answer)
        return Decision(
            source, destination, asked.port, asked.protocol, asked.family, answer, egress, ingress, exemption
        )

    def _exemption(self, source: int, destination: int, answer: Answer) -> Exemption | None:
        """The exemption behind an answer. Cluster-scoped policies may deny a pod its node even so."""
        home = self._home(source, destination) | self._home(destination, source)
        if home.sure and answer is Answer.ALLOW:
            return Exemption.OWN_NODE
        if not home.maybe or answer is not Answer.UNDEFINED:
            return None
        guests = self.universe.host & (1 << source | 1 << destination)
        return Exemption.PERHAPS_NODE if guests else Exemption.PERHAPS_OWN_NODE

    def _home(self, subject: int, other: int) -> Match:
        """Whether the other end is at home on the subject's node."""
        endpoint = self.universe.endpoints[subject]
        home = self.universe.home(endpoint) if isinstance(endpoint, PodState) else Match()
        return Match(home.sure & 1 << other, home.maybe & 1 << other)

    def _side(self, direction: Direction, subject: int, peer: int, asked: Question) -> Side:
        endpoint, policies = self.universe.endpoints[subject], self._selecting[direction][subject]
        if not isinstance(endpoint, PodState):
            return Side(direction, Answer.ALLOW)
        if not policies:
            return Side(direction, Answer.ALLOW, endpoint.id)
        other = self.universe.endpoints[peer]
        told: list[Told] = []
        evaluation = Evaluation(
            direction,
            lambda rule: self.read(rule, endpoint, asked),
            lambda tier, rule, found: told.append(Told(tier, rule, bool(found.sure))),
        )
        home = self.universe.home(endpoint)
        fates = evaluation.judge(policies, 1 << peer, home, certain=not endpoint.host_network)
        answer = answer_of(fates.accept, fates.deny)
        tier, deciders = decided_by(answer, told)
        miss = None
        if answer is Answer.DENY:
            candidates = nearly_accepting(policies, direction, deciders)
            miss = nearest_miss(candidates, self._attempt(direction, endpoint, other, asked))
        why = doubt(endpoint, other, told) if answer is Answer.UNDEFINED else ""
        return Side(direction, answer, endpoint.id, tier, deciders, tuple(policy.ref for policy in policies), miss, why)

    def _attempt(self, direction: Direction, subject: PodState, other: Endpoint, asked: Question) -> Attempt:
        destination = subject if direction is Direction.INGRESS else other
        served = destination.ports if isinstance(destination, PodState) else ()
        universe = self.universe
        return Attempt(
            other, asked.port, asked.protocol, asked.family, served, universe.namespaces, universe.labels_of_nodes
        )

    # --- all flows ----------------------------------------------------------------------------------------------------

    def table(self, asked: Question) -> Table:
        """Who reaches whom, of all endpoints."""
        out = self._all_sides(Direction.EGRESS, asked)
        into = self._all_sides(Direction.INGRESS, asked)
        size = len(out)
        may_enter = transposed([fates.accept for fates in into], size)
        may_be_kept_out = transposed([fates.deny for fates in into], size)
        allowed = [fates.accept & entering for fates, entering in zip(out, may_enter, strict=True)]
        denied = [fates.deny | kept_out for fates, kept_out in zip(out, may_be_kept_out, strict=True)]
        for number in set(range(size)) - self._templates:  # everybody reaches itself
            allowed[number] |= 1 << number
            denied[number] &= ~(1 << number)
        return Table(tuple(map(endpoint_id, self.universe.endpoints)), tuple(allowed), tuple(denied))

    def _all_sides(self, direction: Direction, asked: Question) -> list[Fates]:
        """Each endpoint's side. Pods of a node that the same policies select and that name ports alike share it."""
        everybody = self.universe.everybody
        known: dict[object, Fates] = {}
        sides: list[Fates] = []
        for endpoint, policies in zip(self.universe.endpoints, self._selecting[direction], strict=True):
            if not isinstance(endpoint, PodState) or not policies:
                sides.append(Fates(everybody))
                continue
            names = frozenset(port for port in endpoint.ports if port.name) if direction is Direction.INGRESS else None
            home = self.universe.home(endpoint)
            key = tuple(id(policy) for policy in policies), endpoint.host_network, home, names
            if key not in known:
                evaluation = Evaluation(direction, lambda rule, subject=endpoint: self.read(rule, subject, asked))  # type: ignore[misc]
                known[key] = evaluation.judge(policies, everybody, home, certain=not endpoint.host_network)
            sides.append(known[key])
        return sides

    # --- rules --------------------------------------------------------------------------------------------------------

    def read(self, rule: Rule, subject: PodState, asked: Question) -> Match:
        """Whom a rule of the subject's matches on a port: its peers, as far as its ports mean that port there."""
        ports = self._ports(rule, subject, asked)
        if not ports.maybe:
            return Match()
        peers = self._whom(rule, asked.family)
        return Match(peers.sure & ports.sure, peers.maybe & ports.maybe)

    def _ports(self, rule: Rule, subject: PodState, asked: Question) -> Match:
        """For which peers the rule's ports mean the one in question: names are the destination's to resolve.

        Whether a pod on its node's network is a destination of its own, with names, or a node, is left open.
        """
        everybody = self.universe.everybody
        if rule.ports is None:
            return Match(everybody, everybody)
        found = Match()
        for port in rule.ports:
            match port:
                case PortRange():
                    if port.covers(asked.port, asked.protocol):
                        return Match(everybody, everybody)
                case NamedPort(name, protocol):
                    if rule.ref.direction is Direction.INGRESS:
                        if port.covers(asked.port, asked.protocol, subject.ports):
                            return Match(everybody, everybody)
                    elif protocol in (None, asked.protocol):
                        serving = self.universe.serving(name, asked.port, asked.protocol)
                        found |= Match(serving & ~self.universe.host, serving | self.universe.strangers)
        return found

    def _whom(self, rule: Rule, family: Family) -> Match:
        key = rule.ref, family
        if key not in self._peers:
            self._peers[key] = self._find_whom(rule, family)
        return self._peers[key]

    def _find_whom(self, rule: Rule, family: Family) -> Match:
        if rule.peers is None:
            return Match(self.universe.everybody, self.universe.everybody)
        return self.universe.match_any(rule.peers, family, cluster_scoped=not rule.ref.policy.namespace)


def transposed(rows: Sequence[int], size: int) -> list[int]:
    """The columns of a matrix of bits as rows: bit i of row n is bit n of row i. ``size``: how many columns it has."""
    if not rows:
        return [0] * size
    text = "".join(format(row, f"0{size}b") for row in reversed(rows))  # digits: the highest bit of the last row first
    return [int(text[size - 1 - bit :: size], 2) for bit in range(size)]
