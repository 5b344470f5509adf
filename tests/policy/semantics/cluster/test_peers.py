"""Subjects and peers of ClusterNetworkPolicy."""

from __future__ import annotations

from tests.policy.semantics.cluster.web import DB, OTHER, OUTSIDE, PODS, WEB, A, B, judged, pods
from tests.policy.support import (
    ALLOW,
    DENY,
    UNDEFINED,
    V6,
    answer,
    cluster,
    cluster_policy,
    expression,
    labels,
    node,
    pod,
    rule,
    to,
)


def test_a_subject_is_pods_by_namespaces() -> None:
    deny = cluster_policy(subject=A, ingress=[rule("Deny")])
    assert (judged(deny), judged(deny, source=WEB, destination=OTHER)) == (DENY, ALLOW)


def test_a_subject_is_pods_by_namespace_and_pod_selectors() -> None:
    deny = cluster_policy(subject=pods(labels(team="red"), labels(app="web")), ingress=[rule("Deny")])
    assert (judged(deny), judged(deny, destination=DB)) == (DENY, ALLOW)
    assert judged(cluster_policy(subject=pods(labels(team="blue"), labels(app="web")), ingress=[rule("Deny")])) is ALLOW


def test_an_absent_namespace_selector_of_pods_is_the_empty_one() -> None:
    everywhere = {"pods": {"podSelector": labels(app="other")}}
    assert judged(cluster_policy(ingress=[rule("Deny", everywhere)])) is DENY


def test_peers_are_or() -> None:
    deny = cluster_policy(ingress=[rule("Deny", pods({}, labels(app="db")), B)])
    assert (judged(deny), judged(deny, source=DB)) == (DENY, DENY)


def test_namespaces_are_cluster_wide_and_no_namespace_is_the_policys_own() -> None:
    by_name = {"namespaces": {"matchLabels": {"kubernetes.io/metadata.name": "b"}}}
    deny = cluster_policy(ingress=[rule("Deny", by_name)])
    assert (judged(deny), judged(deny, source=DB)) == (DENY, ALLOW)
    assert judged(cluster_policy(ingress=[rule("Deny", {"namespaces": expression("team", "NotIn", "red")})])) is DENY


def test_namespaces_and_pods_peers_do_not_mean_addresses_outside() -> None:
    assert judged(cluster_policy(egress=[to("Deny")]), source=WEB, destination=OUTSIDE) is ALLOW
    assert judged(cluster_policy(ingress=[rule("Deny")]), source=OUTSIDE) is ALLOW


def test_networks_match_addresses_outside_and_pod_addresses_as_well() -> None:
    deny = cluster_policy(egress=[to("Deny", {"networks": ["192.0.2.0/24", "10.0.0.2/32"]})])
    answers = [judged(deny, source=WEB, destination=end) for end in (OUTSIDE, DB, OTHER)]
    assert answers == [DENY, DENY, ALLOW]
    everything = cluster_policy(egress=[to("Deny", {"networks": ["0.0.0.0/0"]})])
    assert judged(everything, source=WEB, destination=DB) is DENY


def test_a_pass_before_networks_spares_pods() -> None:
    spared = cluster_policy(egress=[to("Pass"), to("Deny", {"networks": ["0.0.0.0/0"]})])
    assert judged(spared, source=WEB, destination=DB) is ALLOW
    assert judged(spared, source=WEB, destination=OUTSIDE) is DENY


def test_networks_of_one_family_say_nothing_of_the_other() -> None:
    snapshot = cluster(*PODS, cluster_policy(egress=[to("Deny", {"networks": ["0.0.0.0/0"]})]))
    assert answer(snapshot, WEB, DB) is DENY
    assert answer(snapshot, WEB, DB, family=V6) is ALLOW


def test_bits_beyond_a_networks_prefix_mean_nothing() -> None:
    assert (
        judged(cluster_policy(egress=[to("Deny", {"networks": ["10.0.0.77/24"]})]), source=WEB, destination=DB) is DENY
    )


def test_nodes_are_matched_by_their_labels() -> None:
    nodes = node("one", "172.18.0.1", os="linux"), node("two", "172.18.0.2", os="windows")
    deny = cluster_policy(egress=[to("Deny", {"nodes": labels(os="linux")})])
    snapshot = cluster(*PODS, *nodes, deny)
    assert [answer(snapshot, WEB, end) for end in ("node:one", "node:two", DB, OUTSIDE)] == [DENY, ALLOW, ALLOW, ALLOW]
    everywhere = cluster(*PODS, *nodes, cluster_policy(egress=[to("Deny", {"nodes": {}})]))
    assert [answer(everywhere, WEB, end) for end in ("node:one", "node:two", DB)] == [DENY, DENY, ALLOW]


def test_networks_match_the_addresses_of_nodes() -> None:
    deny = cluster_policy(egress=[to("Deny", {"networks": ["172.18.0.0/16"]})])
    assert answer(cluster(*PODS, node("one", "172.18.0.1"), deny), WEB, "node:one") is DENY


def test_nodes_peers_mean_pods_that_have_a_nodes_address() -> None:
    """What is on a node's network is matched by the node's addresses (NPEP-126)."""
    host = pod("b/host", host=True, node="one", at="172.18.0.1")
    nodes = node("one", "172.18.0.1", os="linux"), node("two", "172.18.0.2", os="windows")
    for selector, expected in ((labels(os="linux"), DENY), (labels(os="windows"), ALLOW), ({}, DENY)):
        snapshot = cluster(*PODS, host, *nodes, cluster_policy(egress=[to("Deny", {"nodes": selector})]))
        assert answer(snapshot, WEB, "b/host") is expected


def test_a_nodes_peer_may_mean_a_pod_on_the_network_of_a_node_that_is_not_known() -> None:
    host = pod("b/host", host=True)
    snapshot = cluster(*PODS, host, cluster_policy(egress=[to("Deny", {"nodes": {}})]))
    assert answer(snapshot, WEB, "b/host") is UNDEFINED


def test_domain_names_cannot_be_evaluated() -> None:
    accept = cluster_policy(
        egress=[to("Accept", {"domainNames": ["*.example.com"]}), to("Deny", {"networks": ["0.0.0.0/0"]})]
    )
    assert judged(accept, source=WEB, destination=OUTSIDE) is UNDEFINED
    assert judged(accept, source=WEB, destination=DB) is DENY  # it is for names outside of the cluster
    alone = cluster_policy(egress=[to("Accept", {"domainNames": ["example.com"]})])
    assert judged(alone, source=WEB, destination=OUTSIDE) is ALLOW  # either way
