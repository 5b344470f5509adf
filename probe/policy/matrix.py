"""The whole truth of a snapshot: for every ordered pair of pods, and for every pod and the addresses outside the
cluster, which ports are allowed and which are undefined.

Nothing is tried port by port: the oracle is asked once for each set of ports that rules tell apart, and the answers,
which are sets of pods, are cut into groups of destinations that fare alike.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TypeAlias

from probe.model.cell import Family
from probe.model.snapshot import Snapshot
from probe.policy.atoms import PortAtom, address_atoms, as_cidrs, joined, port_atoms
from probe.policy.decision import Answer
from probe.policy.oracle import Oracle, Question, answer_of, transposed
from probe.policy.ports import PortRange
from probe.policy.read import read_policy
from probe.policy.rules import Direction
from probe.policy.sentence import reason
from probe.policy.universe import VERSIONS, AddressRange

Sets: TypeAlias = tuple[tuple[int, int], ...]
"""What one endpoint may reach, and what may be denied to it (sets of others), for each question in turn."""


@dataclass(frozen=True, slots=True)
class Ports:
    """What becomes of the ports between two ends: those in neither list are denied."""

    allowed: tuple[PortRange, ...]
    undefined: tuple[PortRange, ...] = ()


@dataclass(frozen=True, slots=True)
class Doubt:
    """Why some ports are undefined."""

    ports: tuple[PortRange, ...]
    why: str


@dataclass(frozen=True, slots=True)
class Pair:
    """An ordered pair of pods, by their numbers."""

    source: int
    destination: int
    ports: Ports


@dataclass(frozen=True, slots=True)
class Outside:
    """Addresses outside the cluster that fare alike with a pod; ``direction`` is the pod's."""

    pod: int
    direction: Direction
    ranges: tuple[AddressRange, ...]
    ports: Ports

    @property
    def cidrs(self) -> tuple[str, ...]:
        """The addresses as the fewest CIDR blocks."""
        return as_cidrs(self.ranges)


def families_of(snapshot: Snapshot) -> list[Family]:
    """The families that the cluster's addresses are of, as far as any is known; IPv4 if none is."""
    known = [address for pod in snapshot.pods for address in pod.addresses]
    known += [address for node in snapshot.nodes for address in node.addresses]
    known += [address for service in snapshot.services for address in service.cluster_ips]
    versions = {ipaddress.ip_address(address).version for address in known}
    versions |= {ipaddress.ip_network(cidr).version for cidr in snapshot.pod_cidrs}
    return [family for family in Family if VERSIONS[family] in versions] or [Family.IPV4]


class Truth:
    """What is allowed over one address family. Pods are called by their numbers in ``pods``."""

    def __init__(self, snapshot: Snapshot, family: Family = Family.IPV4) -> None:
        self.family = family
        self.pods = snapshot.pods
        policies = tuple(map(read_policy, snapshot.policies))
        self.ranges = address_atoms(policies, family)
        self._oracle = Oracle(snapshot, self.ranges)
        self._atoms = port_atoms(policies, snapshot.pods)
        self._beyond = len(snapshot.pods) + len(snapshot.nodes)  # the number of the first range
        self._size = self._beyond + len(self.ranges)
        self._known: dict[int, Ports] = {}
        self._parts: dict[tuple[PortRange, ...], tuple[PortAtom, ...]] = {(): ()}
        self._cut: dict[tuple[int, Sets], tuple[tuple[int, Ports], ...]] = {}

    # --- asking -------------------------------------------------------------------------------------------------------

    @cached_property
    def _questions(self) -> dict[frozenset[PortRange | str], Question]:
        """Atoms that the same rules mean are asked for once, whatever their protocol."""
        return {atom.meant_by: Question(atom.port, atom.protocol, self.family) for atom in reversed(self._atoms)}

    @cached_property
    def _tables(self) -> tuple[list[Sets], list[Sets]]:
        """By source what it reaches (rows), and by destination which ranges reach it (columns)."""
        rows: list[list[tuple[int, int]]] = [[] for _ in self.pods]
        columns: list[list[tuple[int, int]]] = [[] for _ in self.pods]
        inside = (1 << len(self.pods)) - 1
        for question in self._questions.values():
            table = self._oracle.table(question)
            for number, row in enumerate(rows):
                row.append((table.allowed[number], table.denied[number]))
            allowed, denied = (
                transposed([row & inside for row in sets[self._beyond :]], len(self.pods))
                for sets in (table.allowed, table.denied)
            )
            for number, column in enumerate(columns):
                column.append((allowed[number] << self._beyond, denied[number] << self._beyond))
        return [tuple(row) for row in rows], [tuple(column) for column in columns]

    # --- answering ----------------------------------------------------------------------------------------------------

    def pairs(self, source: int) -> Iterator[Pair]:
        """The pod and every pod, itself included, in order.

        A pod that stands for a workload's (``PodState.workload``) and itself: that is from one of these to another.
        """
        found: list[Ports | None] = [None] * len(self.pods)
        for bits, ports in self._groups(self._tables[0][source], (1 << len(self.pods)) - 1):
            for destination in self._oracle.universe.members(bits):
                found[destination] = ports
        for destination, each in enumerate(found):
            assert each is not None
            yield Pair(source, destination, each)

    def outside(self, pod: int, direction: Direction) -> Iterator[Outside]:
        """All addresses outside the cluster, in groups that fare alike with a pod."""
        sets = self._tables[0 if direction is Direction.EGRESS else 1][pod]
        for bits, ports in self._groups(sets, (1 << self._size) - (1 << self._beyond)):
            ranges = (self.ranges[number - self._beyond] for number in self._oracle.universe.members(bits))
            yield Outside(pod, direction, tuple(ranges), ports)

    def doubts_of_pair(self, pair: Pair) -> Iterator[Doubt]:
        """Why ports of a pair are undefined."""
        return self._doubts(self.pods[pair.source].id, self.pods[pair.destination].id, pair.ports)

    def doubts_outside(self, group: Outside) -> Iterator[Doubt]:
        """Why ports between a pod and addresses are undefined."""
        pod, address = self.pods[group.pod].id, group.ranges[0].id
        ends = (pod, address) if group.direction is Direction.EGRESS else (address, pod)
        return self._doubts(*ends, group.ports)

    def _doubts(self, source: str, destination: str, ports: Ports) -> Iterator[Doubt]:
        """Ports with the same reason together; the oracle is asked again as often as rules differ."""
        known: dict[frozenset[PortRange | str], str] = {}
        reasons: dict[str, list[PortRange]] = {}
        for atom in self._within(ports.undefined):
            if atom.meant_by not in known:
                question = self._questions[atom.meant_by]
                known[atom.meant_by] = reason(self._oracle.decide(source, destination, question))
            reasons.setdefault(known[atom.meant_by], []).append(atom.ports)
        return (Doubt(joined(ranges), why) for why, ranges in reasons.items())

    def _within(self, ranges: tuple[PortRange, ...]) -> tuple[PortAtom, ...]:
        """The atoms that ranges are made of."""
        if ranges not in self._parts:
            self._parts[ranges] = tuple(
                atom for atom in self._atoms if any(each.covers(atom.port, atom.protocol) for each in ranges)
            )
        return self._parts[ranges]

    # --- grouping -----------------------------------------------------------------------------------------------------

    def _groups(self, sets: Sets, among: int) -> tuple[tuple[int, Ports], ...]:
        """Those of ``among`` that fare alike on all ports, by their first."""
        sets = tuple((allowed & among, denied & among) for allowed, denied in sets)
        key = among, sets
        if key not in self._cut:
            groups = ((bits, self._ports(signature)) for bits, signature in _partition(sets, among))
            self._cut[key] = tuple(sorted(groups, key=lambda group: group[0] & -group[0]))
        return self._cut[key]

    def _ports(self, signature: int) -> Ports:
        """A signature (the answers to all questions, as digits to the base of three) as ranges."""
        if signature not in self._known:
            answers: dict[frozenset[PortRange | str], Answer] = {}
            rest = signature
            for meant_by in reversed(self._questions):
                rest, digit = divmod(rest, len(_ANSWERS))
                answers[meant_by] = _ANSWERS[digit]
            allowed, undefined = (
                joined(atom.ports for atom in self._atoms if answers[atom.meant_by] is answer)
                for answer in (Answer.ALLOW, Answer.UNDEFINED)
            )
            self._known[signature] = Ports(allowed, undefined)
        return self._known[signature]


_ANSWERS = tuple(Answer)


def _partition(sets: Sets, among: int) -> Sequence[tuple[int, int]]:
    """``among`` in parts (sets) that get the same answers, each with these answers as digits."""
    parts = [(among, 0)]
    for allowed, denied in dict.fromkeys(sets):
        parts = [(cut, 0) for bits, _ in parts for cut in _cut(bits, allowed, denied) if cut]
    return [(bits, _signature(sets, bits & -bits)) for bits, _ in parts]


def _cut(bits: int, allowed: int, denied: int) -> tuple[int, int, int]:
    return bits & ~denied, bits & denied & ~allowed, bits & denied & allowed


def _signature(sets: Sets, one: int) -> int:
    signature = 0
    for allowed, denied in sets:
        answer = answer_of(allowed & one, denied & one)
        signature = signature * len(_ANSWERS) + _ANSWERS.index(answer)
    return signature
