"""Within a tier: priorities, and rules in order."""

from __future__ import annotations

import pytest

from tests.policy.semantics.cluster.web import CLOSED, DB, A, B, judged
from tests.policy.support import ALLOW, DENY, UNDEFINED, cluster_policy, rule


@pytest.mark.parametrize(("accept", "deny", "expected"), [(0, 1, ALLOW), (1, 0, DENY), (999, 1000, ALLOW)])
@pytest.mark.parametrize("tier", ["Admin", "Baseline"])
def test_the_lowest_priority_number_is_asked_first(tier: str, accept: int, deny: int, expected: object) -> None:
    policies = (
        cluster_policy(tier, accept, "accept", ingress=[rule("Accept")]),
        cluster_policy(tier, deny, "deny", ingress=[rule("Deny")]),
    )
    assert judged(*policies) is judged(*reversed(policies)) is expected


def test_rules_are_asked_in_order_and_the_first_match_decides() -> None:
    assert judged(cluster_policy(ingress=[rule("Accept", B), rule("Deny")])) is ALLOW
    assert judged(cluster_policy(ingress=[rule("Deny"), rule("Accept", B)])) is DENY
    assert judged(cluster_policy(ingress=[rule("Accept", A), rule("Deny")])) is DENY


def test_a_policy_that_does_not_match_leaves_it_to_the_next() -> None:
    first = cluster_policy(priority=1, name="first", ingress=[rule("Accept", A)])
    assert judged(first, cluster_policy(priority=2, ingress=[rule("Deny")])) is DENY


def test_pass_leaves_the_tier() -> None:
    passing = cluster_policy(priority=1, name="pass", ingress=[rule("Pass", B), rule("Deny")])
    denying = cluster_policy(priority=2, name="deny", ingress=[rule("Deny")])
    assert judged(passing, denying) is ALLOW
    assert judged(passing, denying, source=DB) is DENY
    assert judged(passing, denying, CLOSED) is DENY
    assert judged(passing, denying, cluster_policy("Baseline", ingress=[rule("Deny")])) is DENY


def test_pass_in_the_baseline_tier_leaves_it_to_the_default() -> None:
    policies = (
        cluster_policy("Baseline", 1, "pass", ingress=[rule("Pass")]),
        cluster_policy("Baseline", 2, "deny", ingress=[rule("Deny")]),
    )
    assert judged(*policies) is ALLOW


def test_equal_priorities_that_disagree_are_undefined() -> None:
    accept = cluster_policy(name="accept", ingress=[rule("Accept", B)])
    deny = cluster_policy(name="deny", ingress=[rule("Deny")])
    assert judged(accept, deny) is UNDEFINED
    assert judged(accept, deny, source=DB) is DENY  # only one of them matches


def test_a_match_at_a_priority_ends_the_search_whichever_of_the_equal_policies_it_is_in() -> None:
    deny = cluster_policy(ingress=[rule("Deny", B)])
    nothing = cluster_policy(ingress=[rule("Deny", A)])
    later = cluster_policy(priority=11, name="later", ingress=[rule("Accept")])
    for first, second in ((deny, nothing), (nothing, deny)):
        equals = [{**policy, "metadata": {"name": name}} for policy, name in ((first, "one"), (second, "two"))]
        assert judged(*equals, later) is DENY


def test_equal_priorities_that_agree_are_no_doubt() -> None:
    twice = [cluster_policy(name=name, ingress=[rule("Deny")]) for name in ("one", "two")]
    assert judged(*twice) is DENY


def test_equal_priorities_in_different_tiers_are_no_doubt() -> None:
    assert judged(cluster_policy(ingress=[rule("Accept")]), cluster_policy("Baseline", ingress=[rule("Deny")])) is ALLOW


def test_equal_priorities_of_a_pass_and_a_denial_depend_on_the_next_tiers() -> None:
    policies = (
        cluster_policy(name="pass", ingress=[rule("Pass")]),
        cluster_policy(name="deny", ingress=[rule("Deny")]),
    )
    assert judged(*policies) is UNDEFINED
    assert judged(*policies, CLOSED) is DENY


def test_equal_priorities_matter_no_more_after_a_lower_number_has_decided() -> None:
    first = cluster_policy(priority=1, name="first", ingress=[rule("Deny", B)])
    equals = [cluster_policy(name=action, ingress=[rule(action)]) for action in ("Accept", "Deny")]
    named = [{**policy, "metadata": {"name": f"equal-{number}"}} for number, policy in enumerate(equals)]
    assert judged(first, *named) is DENY
