"""What tests generate reaches what they are for: every answer, and every field that the API has."""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from typing import Any

import pytest

from probe.model.cell import Family
from probe.policy.decision import Answer
from probe.policy.oracle import Oracle, Question
from tests.policy.generate.pick import Pick
from tests.policy.generate.sets import Kinds, make_policies
from tests.policy.generate.words import PROBED
from tests.policy.generate.worlds import World, make_world

COMMON = {'"namespaces": ', '"pods": ', '"nodes": ', '"networks": ', '"ingress": []', '"egress": []'}
FIELDS = {
    Kinds.NETWORK_POLICY: {
        '"ports": []', '"from": []', '"to": []', '"endPort"', '"port": "http"', '"except"', '"policyTypes": []',
        '"NotIn"', '"DoesNotExist"', '"values": [""]', '"ingress": [{}]', '"kubernetes.io/metadata.name"',
    },
    Kinds.CLUSTER: {*COMMON, '"Accept"', '"Pass"', '"Baseline"', '"destinationNamedPort"', '"range"', '"sctp"'},
    Kinds.ADMIN: {*COMMON, '"Allow"', '"Pass"', '"namedPort"', '"portRange"', '"portNumber"', '"SCTP"'},
    Kinds.MIXED: {'"NetworkPolicy"', '"ClusterNetworkPolicy"'},
    Kinds.MIXED_ADMIN: {'"NetworkPolicy"', '"AdminNetworkPolicy"', '"BaselineAdminNetworkPolicy"'},
}  # fmt: skip


def sets(kinds: Kinds) -> list[tuple[World, list[dict[str, Any]]]]:
    made = []
    for seed in range(400):
        pick = Pick(random.Random(seed).randrange)
        world = make_world(pick)
        made.append((world, make_policies(pick, world, world.made_up_addresses(), kinds=kinds, equal_priorities=True)))
    return made


def answers(world: World, policies: Sequence[dict[str, Any]]) -> set[Answer]:
    oracle = Oracle(world.snapshot(policies, world.made_up_addresses()))
    tables = [oracle.table(Question(*port, Family.IPV4)) for port in PROBED[:2]]
    pods = range(len(world.pods))
    return {table.answer(source, destination) for table in tables for source in pods for destination in pods}


@pytest.mark.parametrize("kinds", Kinds)
def test_every_field_and_every_answer_occurs(kinds: Kinds) -> None:
    made = sets(kinds)
    text = json.dumps([policies for _, policies in made])
    assert not {field for field in FIELDS[kinds] if field not in text}
    found = set[Answer]().union(*(answers(world, policies) for world, policies in made))
    assert found == set(Answer) - ({Answer.UNDEFINED} if kinds is Kinds.NETWORK_POLICY else set())


def test_a_seed_makes_the_same_again() -> None:
    assert sets(Kinds.MIXED) == sets(Kinds.MIXED)
