"""AdminNetworkPolicy and BaselineAdminNetworkPolicy, before ClusterNetworkPolicy."""

from __future__ import annotations

import pytest

from tests.policy.semantics.cluster.web import CLOSED, DB, OTHER, OUTSIDE, PODS, WEB, A, judged
from tests.policy.support import (
    ALLOW,
    DENY,
    EVERYBODY,
    UNDEFINED,
    Object,
    admin_policy,
    answer,
    baseline_policy,
    block,
    cluster,
    cluster_policy,
    egress,
    ingress,
    network_policy,
    node,
    rule,
    to,
)


def test_an_admin_network_policy_comes_before_network_policies() -> None:
    assert judged(admin_policy(ingress=[rule("Allow")]), CLOSED) is ALLOW
    assert judged(admin_policy(ingress=[rule("Deny")]), network_policy(ingress=[{}])) is DENY


def test_passing_an_admin_network_policy_skips_the_remaining_ones() -> None:
    passing = admin_policy(1, "pass", ingress=[rule("Pass")])
    denying = admin_policy(2, "deny", ingress=[rule("Deny")])
    assert judged(passing, denying) is ALLOW
    assert judged(passing, denying, baseline_policy(ingress=[rule("Deny")])) is DENY
    assert judged(passing, denying, CLOSED) is DENY


def test_admin_network_policies_of_equal_priority_that_disagree_are_undefined() -> None:
    policies = [admin_policy(5, action.lower(), ingress=[rule(action)]) for action in ("Allow", "Deny")]
    assert judged(*policies) is UNDEFINED


def test_the_baseline_is_overridden_by_network_policies() -> None:
    baseline = baseline_policy(ingress=[rule("Allow", A), rule("Deny")])
    assert (judged(baseline), judged(baseline, source=DB)) == (DENY, ALLOW)
    assert judged(baseline, ingress()) is ALLOW
    assert judged(baseline, CLOSED, source=DB) is DENY


@pytest.mark.parametrize(
    ("ports", "denied"),
    [
        ([{"portNumber": {"port": 80}}], {"80/TCP"}),
        ([{"portNumber": {"port": 80, "protocol": "UDP"}}], {"80/UDP"}),
        ([{"portRange": {"start": 80, "end": 81}}], {"80/TCP", "81/TCP"}),
        ([{"portRange": {"start": 80, "end": 81, "protocol": "UDP"}}, {"namedPort": "http"}], {"80/TCP", "80/UDP"}),
        ([{"namedPort": "dns"}], {"53/UDP"}),
    ],
)
def test_ports_of_v1alpha1(ports: list[Object], denied: set[str]) -> None:
    """TCP if no protocol is given; a name is a port of whatever protocol."""
    asked = ("80/TCP", "81/TCP", "80/UDP", "53/UDP", "53/TCP")
    for policy in (
        admin_policy(ingress=[rule("Deny", ports=ports)]),
        baseline_policy(ingress=[rule("Deny", ports=ports)]),
    ):
        snapshot = cluster(*PODS, policy)
        assert {on for on in asked if answer(snapshot, OTHER, WEB, on) is DENY} == denied


def test_egress_peers_of_v1alpha1() -> None:
    peers: tuple[Object, ...] = ({"nodes": {}}, {"networks": ["10.0.0.2/32", "192.0.2.0/24"]})
    snapshot = cluster(*PODS, node("one", "172.18.0.1"), admin_policy(egress=[to("Deny", *peers)]))
    answers = [answer(snapshot, WEB, end) for end in ("node:one", DB, OUTSIDE, OTHER)]
    assert answers == [DENY, DENY, DENY, ALLOW]


def test_both_kinds_of_blocks_know_the_same_addresses() -> None:
    into_ns = egress(block("192.0.2.0/24"))
    assert judged(into_ns, source=WEB, destination=OUTSIDE) is ALLOW
    deny = cluster_policy(egress=[to("Deny", {"networks": ["192.0.2.1/32"]})])
    assert judged(into_ns, deny, source=WEB, destination=OUTSIDE) is DENY


def test_a_subject_of_everybody_is_everybody_that_is_not_on_a_hosts_network() -> None:
    assert judged(cluster_policy(subject=EVERYBODY, ingress=[rule("Deny", EVERYBODY)])) is DENY
