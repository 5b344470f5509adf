"""Cluster-scoped policies, judged by packets: who comes first, and what is final."""

from __future__ import annotations

import itertools

import pytest

from probe.model.clusterpolicy import validate_cluster_policy
from probe.sandbox.enforce.compile import Deny, Options
from tests.sandbox.enforce.objects import (
    Obj,
    anp,
    banp,
    cnp,
    labelled,
    namespaces,
    pods,
    policy,
    rule,
)
from tests.sandbox.enforce.world import Flow, World

pytestmark = [pytest.mark.sandbox, pytest.mark.asyncio(loop_scope="module")]

B, ALL, X, Y = pods("x", pod="b"), namespaces(), namespaces(ns="x"), namespaces(ns="y")
CLOSED = policy("x", labelled(pod="b"), types=["Ingress"])
OPEN = policy("x", labelled(pod="b"), ingress=[{}])

IN_X, IN_Y, BARE = {"x/a", "x/c"}, {"y/a", "y/b"}, {"z/bare"}
EVERYBODY = IN_X | IN_Y | BARE

LATE = cnp(B, name="late", priority=20, ingress=[rule("Deny", ALL)])


CASES: dict[str, tuple[list[Obj], set[str]]] = {
    # Admin and NetworkPolicy
    "a denial comes before a NetworkPolicy that allows": ([OPEN, cnp(B, ingress=[rule("Deny", Y)])], IN_X | BARE),
    "an acceptance comes before a NetworkPolicy that denies": ([CLOSED, cnp(B, ingress=[rule("Accept", Y)])], IN_Y),
    "Pass asks the NetworkPolicies: denied": (
        [CLOSED, cnp(B, ingress=[rule("Pass", Y), rule("Accept", ALL)])],
        IN_X | BARE,
    ),
    "Pass asks the NetworkPolicies: allowed": ([OPEN, cnp(B, ingress=[rule("Pass", Y), rule("Deny", ALL)])], IN_Y),
    "Pass without NetworkPolicies allows": ([cnp(B, ingress=[rule("Pass", Y), rule("Deny", ALL)])], IN_Y),
    "a policy isolates nobody": ([cnp(B, ingress=[rule("Accept", Y)])], EVERYBODY),
    # order
    "the first rule that matches decides": ([cnp(B, ingress=[rule("Accept", Y), rule("Deny", ALL)])], IN_Y),
    "a later rule has no say": ([cnp(B, ingress=[rule("Deny", ALL), rule("Accept", Y)])], set()),
    "a lower priority number comes first": ([LATE, cnp(B, priority=19, ingress=[rule("Accept", Y)])], IN_Y),
    "a higher one comes after": ([LATE, cnp(B, priority=21, ingress=[rule("Accept", Y)])], set()),
    "priorities are numbers": ([LATE, cnp(B, priority=3, ingress=[rule("Accept", Y)])], IN_Y),
    "priority 0 comes first of all": (
        [cnp(B, name="one", priority=1, ingress=[rule("Deny", ALL)]), cnp(B, priority=0, ingress=[rule("Accept", Y)])],
        IN_Y,
    ),
    "what one policy does not match goes on to the next": (
        [cnp(B, name="early", priority=1, ingress=[rule("Accept", Y)]), LATE],
        IN_Y,
    ),
    "Pass skips the policies of later priorities": (
        [cnp(B, priority=1, ingress=[rule("Pass", Y)]), cnp(B, name="n", priority=2, ingress=[rule("Deny", ALL)])],
        IN_Y,
    ),
    # Baseline
    "Baseline decides when no NetworkPolicy selects the pod": (
        [cnp(B, tier="Baseline", ingress=[rule("Accept", Y), rule("Deny", ALL)])],
        IN_Y,
    ),
    "a NetworkPolicy that denies keeps Baseline out": (
        [CLOSED, cnp(B, tier="Baseline", ingress=[rule("Accept", ALL)])],
        set(),
    ),
    "a NetworkPolicy that allows keeps Baseline out": (
        [OPEN, cnp(B, tier="Baseline", ingress=[rule("Deny", ALL)])],
        EVERYBODY,
    ),
    "a NetworkPolicy of the other direction does not": (
        [policy("x", labelled(pod="b"), types=["Egress"]), cnp(B, tier="Baseline", ingress=[rule("Deny", Y)])],
        IN_X | BARE,
    ),
    "a NetworkPolicy of another pod does not": (
        [policy("x", labelled(pod="a"), types=["Ingress"]), cnp(B, tier="Baseline", ingress=[rule("Deny", Y)])],
        IN_X | BARE,
    ),
    "Pass in Admin reaches Baseline": (
        [
            cnp(B, ingress=[rule("Pass", Y), rule("Deny", namespaces(ns="z"))]),
            cnp(B, name="base", tier="Baseline", ingress=[rule("Deny", pods("y", pod="a"))]),
        ],
        IN_X | {"y/b"},
    ),
    "an acceptance in Admin keeps Baseline out": (
        [cnp(B, ingress=[rule("Accept", Y)]), cnp(B, name="base", tier="Baseline", ingress=[rule("Deny", ALL)])],
        IN_Y,
    ),
    "Pass in Baseline leaves it: allowed": (
        [
            cnp(B, tier="Baseline", priority=1, ingress=[rule("Pass", Y)]),
            cnp(B, name="base", tier="Baseline", priority=2, ingress=[rule("Deny", ALL)]),
        ],
        IN_Y,
    ),
    "an early number in Baseline does not come before Admin": (
        [
            cnp(B, tier="Baseline", priority=0, ingress=[rule("Deny", ALL)]),
            cnp(B, name="admin", priority=1000, ingress=[rule("Accept", Y)]),
        ],
        IN_Y,
    ),
    # the older kinds
    "an AdminNetworkPolicy is of the Admin tier": ([CLOSED, anp(B, ingress=[rule("Allow", Y)])], IN_Y),
    "both versions are ordered by their priorities": ([LATE, anp(B, priority=19, ingress=[rule("Allow", Y)])], IN_Y),
    "both versions, the other way about": ([LATE, anp(B, priority=21, ingress=[rule("Allow", Y)])], set()),
    "an AdminNetworkPolicy passes": (
        [OPEN, anp(B, priority=1, ingress=[rule("Pass", Y)]), LATE],
        IN_Y,
    ),
    "the BaselineAdminNetworkPolicy is of the Baseline tier": (
        [banp(B, ingress=[rule("Allow", Y), rule("Deny", ALL)])],
        IN_Y,
    ),
    "a NetworkPolicy keeps the BaselineAdminNetworkPolicy out": (
        [OPEN, banp(B, ingress=[rule("Deny", ALL)])],
        EVERYBODY,
    ),
    "the BaselineAdminNetworkPolicy comes after all of Baseline": (
        [cnp(B, tier="Baseline", priority=1000, ingress=[rule("Accept", Y)]), banp(B, ingress=[rule("Deny", ALL)])],
        IN_Y,
    ),
    # subjects
    "namespaces are subjects with all their pods": ([cnp(X, ingress=[rule("Deny", Y)])], IN_X | BARE),
    "another pod's policy is not this one's": ([cnp(pods("x", pod="a"), ingress=[rule("Deny", ALL)])], EVERYBODY),
    "another namespace's policy is not this one's": ([cnp(pods("y", pod="b"), ingress=[rule("Deny", ALL)])], EVERYBODY),
    "no rules, no effect": ([cnp(B), cnp(X, name="q", egress=[rule("Accept", ALL)])], EVERYBODY),
}


@pytest.mark.parametrize(("policies", "expected"), CASES.values(), ids=CASES.keys())
async def test_who_reaches_a_pod(world: World, policies: list[Obj], expected: set[str]) -> None:
    assert not [error for it in policies if it["kind"] != "NetworkPolicy" for error in validate_cluster_policy(it)]
    await world.enforce(*policies)
    assert await world.sources_of("x/b") == expected


async def test_both_sides_must_accept(world: World) -> None:
    """An acceptance on egress says nothing of the destination's ingress, and the other way about."""
    leaves = cnp(B, egress=[rule("Accept", ALL)])
    enters = cnp(pods("y", pod="b"), name="enters", ingress=[rule("Deny", X)])
    await world.enforce(leaves, enters)
    assert await world.targets_of("x/b") == EVERYBODY - {"y/b"} | {"inner", "outer"}
    await world.enforce(cnp(Y, ingress=[rule("Accept", ALL)]), cnp(B, name="leaves", egress=[rule("Deny", Y)]))
    assert await world.targets_of("x/b") == EVERYBODY - IN_Y | {"inner", "outer"}


async def test_an_acceptance_is_final_for_its_own_direction_only(world: World) -> None:
    """x/b may leave whatever NetworkPolicies say; y/b's isolation still holds."""
    await world.enforce(
        cnp(X, egress=[rule("Accept", Y)]),
        policy("x", {}, name="stay", types=["Egress"]),
        policy("y", labelled(pod="b"), name="closed", types=["Ingress"]),
    )
    assert await world.targets_of("x/b") == {"y/a"}
    assert await world.sources_of("x/b") == IN_Y | BARE


async def test_egress_has_its_tiers_as_well(world: World) -> None:
    base = cnp(X, name="base", tier="Baseline", egress=[rule("Deny", Y)])
    await world.enforce(base)
    assert await world.targets_of("x/b") == {*IN_X, *BARE, "inner", "outer"}
    to_y = [{"to": [{"namespaceSelector": labelled(ns="y")}]}]
    await world.enforce(base, policy("x", labelled(pod="b"), egress=to_y, types=["Egress"]))
    assert await world.targets_of("x/b") == IN_Y
    assert await world.targets_of("x/a") == {"x/b", "x/c", *BARE, "inner", "outer"}


async def test_replies_of_what_is_accepted_pass_whatever_is_denied_the_other_way(world: World) -> None:
    b = cnp(B, egress=[rule("Accept", Y)], ingress=[rule("Deny", ALL)])
    await world.enforce(b, cnp(Y, name="y", egress=[rule("Deny", X)]))
    assert await world.targets_of("x/b") == EVERYBODY | {"inner", "outer"}
    assert await world.sources_of("x/b") == set()


async def test_an_open_connection_is_cut_by_a_denial(world: World) -> None:
    address = next(iter(world.hosts["x/b"].addresses.values()))
    flow = Flow(world, "y/a", address, 80, "TCP")
    try:
        assert (await flow.say()).outcome == "connected"
        await world.enforce(cnp(B, ingress=[rule("Deny", Y)]))
        assert (await flow.say()).outcome == "dropped"
    finally:
        flow.close()


async def test_a_denial_may_reject(world: World) -> None:
    world.options = Options(deny=Deny.REJECT)
    await world.enforce(cnp(B, ingress=[rule("Accept", pods("y", pod="a")), rule("Deny", Y)]))
    assert (await world.probe("y/b", "x/b", 80)).outcome == "refused"
    assert (await world.probe("y/b", "x/b", 80, "UDP")).outcome == "unreachable"
    assert await connects(world, "y/a", "x/b")
    assert await connects(world, "x/c", "x/b")


async def connects(world: World, source: str, target: str) -> bool:
    return (await world.probe(source, target, 80)).outcome == "connected"


async def test_no_order_of_writing_changes_the_order_of_priorities(world: World) -> None:
    policies = [
        cnp(B, name="c", priority=1, ingress=[rule("Accept", pods("y", pod="a"))]),
        anp(B, name="b", priority=2, ingress=[rule("Deny", Y)]),
        cnp(B, name="a", priority=3, ingress=[rule("Accept", ALL)]),
        CLOSED,
    ]
    for order in itertools.islice(itertools.permutations(policies), 0, 24, 7):
        await world.enforce(*order)
        assert await world.sources_of("x/b") == EVERYBODY - {"y/b"}
