"""ClusterNetworkPolicy (policy.networking.k8s.io/v1alpha2), and AdminNetworkPolicy and BaselineAdminNetworkPolicy
(v1alpha1) before it: what the API says, a statement a test."""

from __future__ import annotations

import pytest

from tests.policy.support import (
    ALLOW,
    DENY,
    EVERYBODY,
    UNDEFINED,
    V6,
    Object,
    admin_policy,
    answer,
    baseline_policy,
    block,
    cluster,
    cluster_policy,
    egress,
    expression,
    ingress,
    labels,
    network_policy,
    node,
    pod,
    rule,
    to,
)

WEB, DB, OTHER, OUTSIDE = "a/web", "a/db", "b/other", "192.0.2.1"
PODS = (
    pod(WEB, "80/TCP=http", "53/UDP=dns", at=("10.0.0.1", "fd00::1"), app="web"),
    pod(DB, "8080/TCP=http", at=("10.0.0.2", "fd00::2"), app="db"),
    pod(OTHER, at=("10.0.1.3", "fd00:1::3"), app="other"),
)
NAMESPACES = {"a": {"team": "red"}, "b": {"team": "blue"}}
A, B = {"namespaces": labels(team="red")}, {"namespaces": labels(team="blue")}
CLOSED = network_policy(policyTypes=["Ingress", "Egress"])


def pods(namespaces: Object, selector: Object) -> Object:
    return {"pods": {"namespaceSelector": namespaces, "podSelector": selector}}


def judged(*policies: Object, source: str = OTHER, destination: str = WEB, on: str = "80/TCP") -> object:
    """The answer for a flow from the other namespace to the web pod."""
    return answer(cluster(*PODS, *policies, namespaces=NAMESPACES), source, destination, on)


# --- tiers ---------------------------------------------------------------------------------------------------------


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


# --- order ---------------------------------------------------------------------------------------------------------


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


# --- subjects and peers --------------------------------------------------------------------------------------------


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


# --- ports ---------------------------------------------------------------------------------------------------------


def number(value: int) -> Object:
    return {"destinationPort": {"number": value}}


def between(start: int, end: int) -> Object:
    return {"destinationPort": {"range": {"start": start, "end": end}}}


@pytest.mark.parametrize(
    ("protocols", "denied"),
    [
        ([{"tcp": number(80)}], {"80/TCP"}),
        ([{"udp": number(80)}, {"sctp": number(81)}], {"80/UDP", "81/SCTP"}),
        ([{"tcp": between(80, 81)}], {"80/TCP", "81/TCP"}),
        ([{"tcp": between(1, 65535)}], {"79/TCP", "80/TCP", "81/TCP", "82/TCP", "53/TCP"}),
        ([{"destinationNamedPort": "http"}], {"80/TCP"}),
        ([{"destinationNamedPort": "dns"}], {"53/UDP"}),
        ([{"destinationNamedPort": "unserved"}], set()),
    ],
)
def test_protocols_narrow_a_rule_down(protocols: list[Object], denied: set[str]) -> None:
    """Numbers, inclusive ranges, and names that the destination gives a port of whatever protocol."""
    snapshot = cluster(*PODS, cluster_policy(ingress=[rule("Deny", protocols=protocols)]))
    asked = ("79/TCP", "80/TCP", "81/TCP", "82/TCP", "80/UDP", "53/UDP", "53/TCP", "81/SCTP")
    assert {on for on in asked if answer(snapshot, OTHER, WEB, on) is DENY} == denied


def test_without_protocols_a_rule_is_for_all_of_them() -> None:
    snapshot = cluster(*PODS, cluster_policy(ingress=[rule("Deny")]))
    assert {answer(snapshot, OTHER, WEB, on) for on in ("1/TCP", "65535/UDP", "9/SCTP")} == {DENY}


def test_a_named_port_is_resolved_on_the_destination() -> None:
    deny = cluster_policy(egress=[to("Deny", protocols=[{"destinationNamedPort": "http"}])])
    snapshot = cluster(*PODS, deny)
    assert [answer(snapshot, OTHER, WEB, on) for on in ("80/TCP", "8080/TCP")] == [DENY, ALLOW]
    assert [answer(snapshot, OTHER, DB, on) for on in ("80/TCP", "8080/TCP")] == [ALLOW, DENY]


# --- self, hosts' networks, nodes ----------------------------------------------------------------------------------


def test_a_pods_traffic_to_its_own_address_is_exempt() -> None:
    denied = cluster_policy(ingress=[rule("Deny")], egress=[to("Deny", {"networks": ["0.0.0.0/0"]})])
    assert judged(denied, source=WEB, destination=WEB) is ALLOW


def test_subjects_never_include_pods_on_the_hosts_network() -> None:
    deny = cluster_policy(
        ingress=[rule("Deny")],
        egress=[to("Deny", EVERYBODY, {"nodes": {}})],
        subject={"namespaces": labels(env="host")},
    )
    host = pod("c/host", host=True, node="one")
    snapshot = cluster(*PODS, host, node("one", "172.18.0.1"), deny, namespaces={"c": {"env": "host"}})
    assert answer(snapshot, WEB, "c/host") is answer(snapshot, "c/host", WEB) is ALLOW


def test_peers_never_mean_pods_on_the_hosts_network() -> None:
    host = pod("b/host", host=True, node="one")
    there = pod("a/there", node="two")
    assert answer(cluster(there, host, cluster_policy(ingress=[rule("Deny")])), "b/host", "a/there") is ALLOW
    assert answer(cluster(there, host, cluster_policy(egress=[to("Deny")])), "a/there", "b/host") is ALLOW


def test_a_pods_own_node_is_spared_by_network_policies_but_not_by_those_of_the_cluster() -> None:
    """The exception is NetworkPolicy's. To keep pods from ports of their nodes is what ``nodes`` peers are for
    (NPEP-126, and the conformance test CNPAdminTierEgressNodePeers, which asks for no particular node)."""
    things = pod(WEB, node="one", at="10.0.0.1"), node("one", "172.18.0.1")
    assert answer(cluster(*things, CLOSED), WEB, "node:one") is ALLOW
    deny = [to("Deny", {"nodes": {}})]
    assert answer(cluster(*things, cluster_policy(egress=deny)), WEB, "node:one") is DENY
    assert answer(cluster(*things, cluster_policy(egress=deny), CLOSED), WEB, "node:one") is DENY
    assert answer(cluster(*things, cluster_policy("Baseline", egress=deny)), WEB, "node:one") is DENY
    assert answer(cluster(*things, cluster_policy("Baseline", egress=deny), CLOSED), WEB, "node:one") is ALLOW
    blocks = cluster_policy(egress=[to("Deny", {"networks": ["0.0.0.0/0"]})])
    assert answer(cluster(*things, blocks), WEB, "node:one") is DENY


def test_no_ingress_rule_of_the_cluster_means_a_node() -> None:
    things = pod(WEB, node="one", at="10.0.0.1"), node("one", "172.18.0.1"), node("two", "172.18.0.2")
    snapshot = cluster(*things, cluster_policy(ingress=[rule("Deny")]))
    assert answer(snapshot, "node:one", WEB) is answer(snapshot, "node:two", WEB) is ALLOW


# --- v1alpha1 ------------------------------------------------------------------------------------------------------


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
