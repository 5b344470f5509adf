"""Tiers of ClusterNetworkPolicy, with NetworkPolicies between them."""

from __future__ import annotations

from tests.policy.semantics.cluster.web import CLOSED, OTHER, WEB, A, B, judged
from tests.policy.support import ALLOW, DENY, cluster_policy, egress, network_policy, rule, to


def test_without_policies_all_is_allowed() -> None:
    assert judged() is ALLOW


def test_admin_denies_what_a_network_policy_allows() -> None:
    assert judged(cluster_policy(ingress=[rule("Deny")]), network_policy(ingress=[{}])) is DENY


def test_admin_accepts_what_a_network_policy_denies() -> None:
    assert judged(cluster_policy(ingress=[rule("Accept")]), CLOSED) is ALLOW


def test_a_network_policy_overrides_baseline_both_ways() -> None:
    assert judged(cluster_policy("Baseline", ingress=[rule("Deny")]), network_policy(ingress=[{}])) is ALLOW
    assert judged(cluster_policy("Baseline", ingress=[rule("Accept")]), CLOSED) is DENY


def test_baseline_decides_where_no_network_policy_selects_the_pod() -> None:
    assert judged(cluster_policy("Baseline", ingress=[rule("Deny")])) is DENY
    assert judged(cluster_policy("Baseline", ingress=[rule("Deny")]), network_policy("b")) is DENY


def test_a_network_policy_is_final_for_its_direction_alone() -> None:
    """Isolation for egress says nothing of ingress, for which Baseline is still asked."""
    out = egress(namespace="a")
    assert judged(cluster_policy("Baseline", ingress=[rule("Deny")]), out) is DENY
    baseline = cluster_policy("Baseline", egress=[to("Deny")])
    assert judged(baseline, out, source=WEB, destination=OTHER) is ALLOW


def test_what_no_tier_decides_is_allowed() -> None:
    assert (
        judged(cluster_policy(ingress=[rule("Deny", A)]), cluster_policy("Baseline", ingress=[rule("Deny", A)]))
        is ALLOW
    )


def test_the_priority_does_not_cross_tiers() -> None:
    admin = cluster_policy(priority=1000, name="admin", ingress=[rule("Accept")])
    assert judged(admin, cluster_policy("Baseline", 0, ingress=[rule("Deny")])) is ALLOW


def test_accepting_egress_opens_nothing_at_the_destination() -> None:
    assert judged(cluster_policy(subject=B, egress=[to("Accept")]), CLOSED) is DENY


def test_without_rules_for_a_direction_a_policy_does_not_affect_it() -> None:
    assert judged(cluster_policy(), cluster_policy("Baseline", ingress=[])) is ALLOW
    assert judged(cluster_policy(egress=[to("Deny")], subject=A)) is ALLOW
