"""Random worlds for properties: a cluster, its policies, and the answers of all its cells before and after a change."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import TypeAlias

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from probe.model.cell import Family
from probe.model.manifest import Manifest
from probe.model.snapshot import Snapshot
from probe.policy.decision import Answer
from probe.policy.oracle import Oracle, Question
from probe.policy.universe import AddressRange
from tests.policy.generate.sets import Kinds, make_policies, picks
from tests.policy.generate.words import OUTSIDE, PROBED, Object
from tests.policy.generate.worlds import World, make_world

Cell: TypeAlias = tuple[str, str, Question]
"""Source, destination, and what was asked."""

few = settings(max_examples=15, suppress_health_check=[HealthCheck.too_slow])
"""Enough for a property to meet most of the vocabulary, as each test makes other worlds; all together a few seconds."""


@dataclass(frozen=True)
class Case:
    """A world, policies in it, and where to ask."""

    world: World
    policies: list[Object]
    questions: tuple[Question, ...]

    def snapshot(self, policies: Iterable[Manifest] | None = None) -> Snapshot:
        return self.world.snapshot(self.policies if policies is None else policies, self.world.made_up_addresses())

    def answers(self, policies: Iterable[Manifest] | None = None) -> dict[Cell, Answer]:
        """The answer of every cell, with other policies than the case's if they are given."""
        return answers(self.snapshot(policies), self.questions)

    def changed(self, change: Callable[[Object], Sequence[Object]]) -> dict[Cell, Answer]:
        """The answers after each policy has been replaced by others."""
        return self.answers(chain.from_iterable(change(copy.deepcopy(policy)) for policy in self.policies))


def answers(snapshot: Snapshot, questions: Iterable[Question]) -> dict[Cell, Answer]:
    """All cells of a snapshot: by source, destination and question."""
    oracle = Oracle(snapshot, [AddressRange.of(address) for address in OUTSIDE])
    found: dict[Cell, Answer] = {}
    for asked in questions:
        table = oracle.table(asked)
        size = range(len(table.ids))
        found |= {(table.ids[i], table.ids[j], asked): table.answer(i, j) for i in size for j in size}
    return found


@st.composite
def cases(draw: st.DrawFn, kinds: Kinds = Kinds.NETWORK_POLICY, *, equal_priorities: bool = False) -> Case:
    """Cases with policies of some kinds."""
    pick = draw(picks())
    world = make_world(pick, 4)
    policies = make_policies(pick, world, world.made_up_addresses(), kinds=kinds, equal_priorities=equal_priorities)
    ports = [PROBED[0], PROBED[0], *pick.many(lambda: pick.one(PROBED[1:]), 2)]
    questions = tuple(Question(*port, family) for port, family in zip(ports, (*Family, *Family), strict=True))
    return Case(world, policies, questions)


EVERY_KIND = st.sampled_from(Kinds).flatmap(cases)
NETWORK, CLUSTER, MIXED = cases(), cases(Kinds.CLUSTER), cases(Kinds.MIXED)
ADMIN = cases(Kinds.ADMIN)


def renamed(policy: Object, name: str) -> Object:
    """The same policy under another name."""
    return {**policy, "metadata": {**policy["metadata"], "name": name}}


def sections(policy: Object) -> list[tuple[str, list[Object]]]:
    """The lists of rules that a policy has."""
    return [(key, policy["spec"][key]) for key in ("ingress", "egress") if policy["spec"].get(key)]


def peers(policy: Object) -> list[Object]:
    """The rules that have peers, each with the field that lists them: ``from`` or ``to``."""
    return [rule for _, rules in sections(policy) for rule in rules if rule.get("from") or rule.get("to")]


def types(policy: Object) -> list[str]:
    """The types that a policy has, or gets by default."""
    given = policy["spec"].get("policyTypes")
    return list(given) if given else ["Ingress", *(["Egress"] if policy["spec"].get("egress") else [])]
