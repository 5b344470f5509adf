"""Who decides many flows: the same as is said of each by itself."""

from __future__ import annotations

import random

import pytest

from probe.model.cell import Family, Protocol
from probe.policy.deciders import Deciders
from probe.policy.decision import Answer, Decision
from probe.policy.oracle import Oracle, Question
from tests.policy.generate.pick import Pick
from tests.policy.generate.sets import Kinds, make_policies
from tests.policy.generate.words import PROBED
from tests.policy.generate.worlds import make_world
from tests.policy.support import cluster, ingress, network_policy, pod


def by_itself(decision: Decision) -> tuple[str, ...]:
    found: list[str] = []
    for side in decision.sides if decision.source != decision.destination else ():
        if side.answer is decision.answer:
            isolating = [ref for ref in side.selected_by if ref.kind == "NetworkPolicy"]
            found += map(str, side.deciders or (isolating if decision.answer is Answer.DENY else ()))
    return tuple(found)


@pytest.mark.parametrize("kinds", Kinds)
def test_they_are_those_of_each_flow_by_itself(kinds: Kinds) -> None:
    compared = 0
    for seed in range(25):
        pick = Pick(random.Random(seed).randrange)
        world = make_world(pick)
        policies = make_policies(pick, world, world.made_up_addresses(), kinds=kinds, equal_priorities=True)
        snapshot = world.snapshot(policies, world.made_up_addresses())
        oracle, ids = Oracle(snapshot), [each.id for each in snapshot.pods]
        deciders = Deciders(oracle)
        for number, protocol in PROBED[:4]:
            asked = Question(number, protocol, Family.IPV4)
            for source in ids:
                for destination in ids:
                    expected = by_itself(oracle.decide(source, destination, asked))
                    assert deciders.of(source, destination, asked) == expected
                    compared += bool(expected)
    assert compared > 100


def test_a_denial_without_a_rule_is_by_all_that_isolate_and_one_with_is_by_its_rule() -> None:
    asked = Question(80, Protocol.TCP)
    closed = [network_policy(policyTypes=["Ingress"], name=name) for name in ("one", "two")]
    denied = Deciders(Oracle(cluster(pod("a/x"), pod("a/y"), *closed)))
    assert denied.of("a/x", "a/y", asked) == ("a/one", "a/two")
    opened = Deciders(Oracle(cluster(pod("a/x"), pod("a/y"), *closed, ingress({"podSelector": {}}, name="three"))))
    assert opened.of("a/x", "a/y", asked) == ("a/three ingress[0]",)


def test_nothing_decides_what_no_policy_selects_nor_what_a_pod_says_to_itself() -> None:
    asked = Question(80, Protocol.TCP)
    deciders = Deciders(Oracle(cluster(pod("a/x"), pod("b/y"), network_policy(policyTypes=["Ingress"]))))
    assert deciders.of("a/x", "b/y", asked) == ()
    assert deciders.of("a/x", "a/x", asked) == ()
