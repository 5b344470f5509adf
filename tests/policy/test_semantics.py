"""NetworkPolicy (networking.k8s.io/v1): what the API says, a statement a test.

Most traffic is from or to ``a/pod``; policies select all pods of namespace ``a`` unless they say otherwise.
"""

from __future__ import annotations

from dataclasses import replace

import pytest

from probe.policy.decision import Exemption
from probe.policy.oracle import Oracle, Question
from tests.policy.support import (
    ALLOW,
    DENY,
    UNDEFINED,
    V4,
    V6,
    Object,
    answer,
    ask,
    block,
    cluster,
    egress,
    expression,
    ingress,
    labels,
    network_policy,
    node,
    pod,
)

POD, FRIEND, STRANGER, OUTSIDE = "a/pod", "a/friend", "b/stranger", "192.0.2.1"
PODS = (
    pod(POD, "80/TCP=http", "80/UDP=dns", at=("10.0.0.1", "fd00::1"), app="pod"),
    pod(FRIEND, at=("10.0.0.2", "fd00::2"), app="friend"),
    pod("a/other", at=("10.0.0.3", "fd00::3"), app="other"),
    pod(STRANGER, at=("10.0.1.2", "fd00:1::2"), app="friend"),
    pod("b/other", at=("10.0.1.3", "fd00:1::3"), app="other"),
)
NAMESPACES = {"a": {"team": "red"}, "b": {"team": "blue"}}


def reachable_from(*policies: Object, on: str = "80/TCP") -> set[str]:
    """Who reaches the pod, of all pods and an address outside."""
    snapshot = cluster(*PODS, *policies, namespaces=NAMESPACES)
    ends = [*(each.id for each in PODS if each.id != POD), OUTSIDE]
    return {end for end in ends if answer(snapshot, end, POD, on) is ALLOW}


def reaches(*policies: Object, on: str = "80/TCP") -> set[str]:
    """Whom the pod reaches."""
    snapshot = cluster(*PODS, *policies, namespaces=NAMESPACES)
    ends = [*(each.id for each in PODS if each.id != POD), OUTSIDE]
    return {end for end in ends if answer(snapshot, POD, end, on) is ALLOW}


EVERYBODY = {FRIEND, "a/other", STRANGER, "b/other", OUTSIDE}
ALL_PODS = EVERYBODY - {OUTSIDE}


# --- peers ---------------------------------------------------------------------------------------------------------


def test_a_pod_that_no_policy_selects_is_open() -> None:
    assert reachable_from() == reaches() == EVERYBODY


def test_one_peer_with_both_selectors_is_and() -> None:
    both = {"namespaceSelector": labels(team="blue"), "podSelector": labels(app="friend")}
    assert reachable_from(ingress(both)) == {STRANGER}


def test_two_list_items_are_or() -> None:
    either = ({"namespaceSelector": labels(team="blue")}, {"podSelector": labels(app="friend")})
    assert reachable_from(ingress(*either)) == {FRIEND, STRANGER, "b/other"}


def test_without_a_namespace_selector_a_peer_means_the_policys_own_namespace() -> None:
    assert reachable_from(ingress({"podSelector": labels(app="friend")})) == {FRIEND}


def test_an_empty_namespace_selector_means_all_namespaces() -> None:
    peer = {"namespaceSelector": {}, "podSelector": labels(app="friend")}
    assert reachable_from(ingress(peer)) == {FRIEND, STRANGER}


def test_without_a_pod_selector_a_peer_means_all_pods_of_the_namespaces() -> None:
    assert reachable_from(ingress({"namespaceSelector": labels(team="blue")})) == {STRANGER, "b/other"}


def test_an_empty_pod_selector_in_a_peer_means_all_pods_of_the_namespace() -> None:
    assert reachable_from(ingress({"podSelector": {}})) == {FRIEND, "a/other"}
    assert reachable_from(ingress({"podSelector": {}, "namespaceSelector": labels(team="blue")})) == {
        STRANGER,
        "b/other",
    }


def test_a_null_selector_in_a_peer_is_an_absent_one() -> None:
    assert reachable_from(ingress({"podSelector": {}, "namespaceSelector": None})) == {FRIEND, "a/other"}


def test_the_policys_pod_selector_is_of_its_own_namespace() -> None:
    assert reachable_from(network_policy("b")) == EVERYBODY
    assert reachable_from(network_policy("a")) == set()


@pytest.mark.parametrize("selector", [{}, None])
def test_an_empty_or_null_pod_selector_of_a_policy_selects_all_pods_of_its_namespace(selector: object) -> None:
    snapshot = cluster(*PODS, network_policy(podSelector=selector))
    assert answer(snapshot, STRANGER, POD) is answer(snapshot, STRANGER, FRIEND) is DENY
    assert answer(snapshot, POD, STRANGER) is ALLOW


def test_metadata_name_is_a_label_of_every_namespace() -> None:
    by_name = {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "b"}}}
    assert reachable_from(ingress(by_name)) == {STRANGER, "b/other"}


# --- rules ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("rules", [{}, {"ingress": []}, {"ingress": None}])
def test_an_empty_or_absent_rule_list_denies(rules: Object) -> None:
    assert reachable_from(network_policy(**rules)) == set()


@pytest.mark.parametrize("rules", [{}, {"egress": []}])
def test_an_empty_or_absent_egress_list_denies(rules: Object) -> None:
    assert reaches(network_policy(policyTypes=["Egress"], **rules)) == set()


@pytest.mark.parametrize("rule", [{}, {"from": []}, {"from": None, "ports": []}])
def test_a_single_empty_rule_allows_everything(rule: Object) -> None:
    assert reachable_from(network_policy(ingress=[rule])) == EVERYBODY
    assert reachable_from(network_policy(ingress=[rule]), on="9/SCTP") == EVERYBODY


def test_an_empty_peer_list_includes_addresses_outside_but_an_empty_namespace_selector_does_not() -> None:
    assert reachable_from(ingress()) == EVERYBODY
    assert reachable_from(ingress({"namespaceSelector": {}})) == ALL_PODS
    assert reaches(egress()) == EVERYBODY
    assert reaches(egress({"namespaceSelector": {}})) == ALL_PODS


def test_a_rule_wants_both_its_peers_and_its_ports() -> None:
    rule = ingress({"podSelector": {}}, ports=[{"port": 80}])
    assert reachable_from(rule) == {FRIEND, "a/other"}
    assert reachable_from(rule, on="81/TCP") == set()


# --- policyTypes ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("types", [{}, {"policyTypes": []}, {"policyTypes": None}])
def test_policy_types_absent_means_ingress_always_and_egress_only_with_an_egress_section(
    types: Object,
) -> None:
    without = network_policy(podSelector=labels(app="pod"), **types)
    assert (reachable_from(without), reaches(without)) == (set(), EVERYBODY)
    section = network_policy(podSelector=labels(app="pod"), egress=[{"to": [{"podSelector": {}}]}], **types)
    assert (reachable_from(section), reaches(section)) == (set(), {FRIEND, "a/other"})


def test_an_empty_egress_list_is_no_egress_section() -> None:
    """The API server fills policyTypes in by the number of rules, of which an empty list has none."""
    assert reaches(network_policy(podSelector=labels(app="pod"), egress=[])) == EVERYBODY


def test_rules_for_a_type_that_is_not_listed_are_ignored() -> None:
    only_egress = network_policy(policyTypes=["Egress"], ingress=[], egress=[{}])
    assert reachable_from(only_egress) == EVERYBODY
    only_ingress = network_policy(policyTypes=["Ingress"], ingress=[{}], egress=[{"to": [{"podSelector": {}}]}])
    assert reaches(only_ingress) == EVERYBODY


def test_egress_alone_has_to_be_written_out() -> None:
    assert reachable_from(egress()) == EVERYBODY


# --- several policies, both sides ----------------------------------------------------------------------------------


def test_policies_add_up_and_nothing_denies_what_another_allows() -> None:
    friends, team = ingress({"podSelector": labels(app="friend")}), ingress({"namespaceSelector": labels(team="blue")})
    team["metadata"]["name"] = "team"
    assert reachable_from(friends, team) == {FRIEND, STRANGER, "b/other"}
    assert reachable_from(network_policy(name="nobody"), friends) == {FRIEND}


def test_both_sides_must_allow_each_for_itself() -> None:
    into, out = ingress(namespace="b", name="into"), egress({"podSelector": {}}, name="out")
    assert answer(cluster(*PODS, into), POD, STRANGER) is ALLOW
    assert answer(cluster(*PODS, into, out), POD, STRANGER) is DENY
    closed = network_policy("b", "closed")
    assert answer(cluster(*PODS, closed, egress(name="open")), POD, STRANGER) is DENY


def test_an_egress_rule_opens_nothing_at_the_destination_nor_an_ingress_rule_at_the_source() -> None:
    assert answer(cluster(*PODS, egress(), network_policy("b")), POD, STRANGER) is DENY
    assert answer(cluster(*PODS, egress({"podSelector": {}}), ingress(namespace="b")), POD, STRANGER) is DENY


def test_replies_need_no_rule() -> None:
    """Connections are judged by who opens them: the destination's egress says nothing of its answers."""
    assert (
        answer(cluster(*PODS, network_policy(policyTypes=["Egress"])), FRIEND, POD) is DENY
    )  # the friend's own egress
    no_egress = network_policy(podSelector=labels(app="pod"), policyTypes=["Egress"])
    assert answer(cluster(*PODS, no_egress), FRIEND, POD) is ALLOW


# --- ipBlock -------------------------------------------------------------------------------------------------------


def test_an_ip_block_matches_pod_addresses_as_well() -> None:
    assert reachable_from(ingress(block("10.0.0.0/24"))) == {FRIEND, "a/other"}
    assert reaches(egress(block("10.0.0.2/32"))) == {FRIEND}


def test_an_ip_block_matches_addresses_outside() -> None:
    assert reachable_from(ingress(block("192.0.2.0/24"))) == reaches(egress(block("192.0.2.0/24"))) == {OUTSIDE}


def test_except_subtracts() -> None:
    assert reachable_from(ingress(block("10.0.0.0/16", "10.0.1.0/24"))) == {FRIEND, "a/other"}
    assert reachable_from(ingress(block("10.0.0.0/16", "10.0.1.0/24", "10.0.0.2/32"))) == {"a/other"}


def test_except_subtracts_only_inside_its_own_block_and_another_may_allow_the_address() -> None:
    hole = block("10.0.0.0/16", "10.0.0.2/32")
    assert FRIEND not in reachable_from(ingress(hole))
    assert FRIEND in reachable_from(ingress(hole, block("10.0.0.0/24")))
    assert FRIEND in reachable_from(ingress(hole, {"podSelector": {}}))
    assert FRIEND in reachable_from(ingress(hole), ingress(block("10.0.0.2/32"), name="another"))


def test_families_never_mix() -> None:
    snapshot = cluster(*PODS, ingress(block("0.0.0.0/0")))
    assert (answer(snapshot, FRIEND, POD, family=V4), answer(snapshot, FRIEND, POD, family=V6)) == (ALLOW, DENY)
    snapshot = cluster(*PODS, egress(block("::/0", "fd00:1::/32")))
    assert (answer(snapshot, POD, FRIEND, family=V4), answer(snapshot, POD, FRIEND, family=V6)) == (DENY, ALLOW)
    assert answer(snapshot, POD, STRANGER, family=V6) is DENY


def test_the_same_oracle_is_asked_for_both_families() -> None:
    oracle = Oracle(cluster(*PODS, ingress(block("0.0.0.0/0"))))
    for family, expected in ((V4, ALLOW), (V6, DENY), (V4, ALLOW)):
        assert oracle.decide(FRIEND, POD, Question(80, family=family)).answer is expected


def test_selectors_know_no_families() -> None:
    snapshot = cluster(*PODS, ingress({"podSelector": {}}))
    assert answer(snapshot, FRIEND, POD, family=V6) is answer(snapshot, FRIEND, POD, family=V4) is ALLOW


# --- ports ---------------------------------------------------------------------------------------------------------


def allowed_ports(*ports: Object) -> set[str]:
    """What of some ports a policy leaves open."""
    snapshot = cluster(*PODS, ingress(ports=ports))
    asked = ("79/TCP", "80/TCP", "81/TCP", "82/TCP", "65535/TCP", "80/UDP", "81/UDP", "80/SCTP")
    return {on for on in asked if answer(snapshot, FRIEND, POD, on) is ALLOW}


def test_absent_or_empty_ports_are_every_port_and_protocol() -> None:
    rules: tuple[Object, ...] = ({}, {"ports": []}, {"ports": None})
    for rule in rules:
        snapshot = cluster(*PODS, network_policy(ingress=[rule]))
        assert all(answer(snapshot, FRIEND, POD, on) is ALLOW for on in ("1/TCP", "65535/UDP", "7/SCTP"))


def test_protocol_absent_is_tcp() -> None:
    assert allowed_ports({"port": 80}) == allowed_ports({"port": 80, "protocol": None}) == {"80/TCP"}
    assert allowed_ports({"port": 80, "protocol": "UDP"}) == {"80/UDP"}


def test_protocol_without_port_is_all_ports_of_that_protocol() -> None:
    assert allowed_ports({"protocol": "UDP"}) == {"80/UDP", "81/UDP"}
    assert allowed_ports({}) == {"79/TCP", "80/TCP", "81/TCP", "82/TCP", "65535/TCP"}


def test_several_ports_are_or() -> None:
    assert allowed_ports({"port": 80}, {"port": 81, "protocol": "UDP"}) == {"80/TCP", "81/UDP"}


def test_end_port_is_inclusive() -> None:
    assert allowed_ports({"port": 80, "endPort": 81}) == {"80/TCP", "81/TCP"}
    assert allowed_ports({"port": 80, "endPort": 80}) == {"80/TCP"}
    assert allowed_ports({"port": 81, "endPort": 65535}) == {"81/TCP", "82/TCP", "65535/TCP"}
    assert allowed_ports({"port": 80, "endPort": None}) == {"80/TCP"}


def test_a_named_port_is_resolved_on_the_pod_for_ingress() -> None:
    assert allowed_ports({"port": "http"}) == {"80/TCP"}


def test_name_and_protocol_must_both_match() -> None:
    assert allowed_ports({"port": "http", "protocol": "UDP"}) == set()
    assert allowed_ports({"port": "dns", "protocol": "UDP"}) == {"80/UDP"}
    assert allowed_ports({"port": "dns"}) == set()


def test_a_name_that_nobody_serves_matches_nothing() -> None:
    assert allowed_ports({"port": "unserved"}) == set()
    assert allowed_ports({"port": "unserved"}, {"port": 80}) == {"80/TCP"}


def test_the_same_name_may_be_another_number_on_each_pod() -> None:
    pods = (pod("a/one", "80/TCP=http"), pod("a/two", "8080/TCP=http"), pod("a/client"))
    snapshot = cluster(*pods, ingress(ports=[{"port": "http"}]))
    assert [answer(snapshot, "a/client", "a/one", on) for on in ("80/TCP", "8080/TCP")] == [ALLOW, DENY]
    assert [answer(snapshot, "a/client", "a/two", on) for on in ("80/TCP", "8080/TCP")] == [DENY, ALLOW]


def test_a_named_port_is_resolved_on_the_destination_for_egress_too() -> None:
    pods = (pod("a/one", "80/TCP=http"), pod("a/two", "8080/TCP=http"), pod("a/client", "9/TCP=http"))
    snapshot = cluster(*pods, egress(ports=[{"port": "http"}]))
    assert [answer(snapshot, "a/client", "a/one", on) for on in ("80/TCP", "8080/TCP", "9/TCP")] == [ALLOW, DENY, DENY]
    assert [answer(snapshot, "a/client", "a/two", on) for on in ("80/TCP", "8080/TCP", "9/TCP")] == [DENY, ALLOW, DENY]
    assert answer(snapshot, "a/client", OUTSIDE) is DENY  # no name is known there


# --- label selectors -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("selector", "selected"),
    [
        ({}, {"none", "empty", "x", "y"}),
        ({"matchLabels": {}, "matchExpressions": []}, {"none", "empty", "x", "y"}),
        ({"matchLabels": None, "matchExpressions": None}, {"none", "empty", "x", "y"}),
        (labels(key="x"), {"x"}),
        (labels(key=""), {"empty"}),
        (expression("key", "In", "x"), {"x"}),
        (expression("key", "In", "x", "y"), {"x", "y"}),
        (expression("key", "In", ""), {"empty"}),
        (expression("key", "In", "", "y"), {"empty", "y"}),
        (expression("key", "NotIn", "x"), {"none", "empty", "y"}),
        (expression("key", "NotIn", "x", "y"), {"none", "empty"}),
        (expression("key", "NotIn", ""), {"none", "x", "y"}),
        (expression("key", "Exists"), {"empty", "x", "y"}),
        (expression("key", "DoesNotExist"), {"none"}),
        (expression("Key", "Exists"), set()),
    ],
)
def test_label_selectors(selector: Object, selected: set[str]) -> None:
    """NotIn matches when the key is absent; a value "" only a present key with an empty value."""
    pods = (pod("a/none"), pod("a/empty", key=""), pod("a/x", key="x"), pod("a/y", key="y"), pod("b/target"))
    policy = ingress({"namespaceSelector": {}, "podSelector": selector}, namespace="b")
    clients = ("none", "empty", "x", "y")
    assert {
        client for client in clients if answer(cluster(*pods, policy), f"a/{client}", "b/target") is ALLOW
    } == selected
    by_policy = cluster(*pods, network_policy(podSelector=selector))
    assert {client for client in clients if answer(by_policy, "b/target", f"a/{client}") is DENY} == selected


@pytest.mark.parametrize(
    ("value", "selected"),
    [(labels(key=""), {"empty"}), (expression("key", "NotIn", "x"), {"none", "empty"})],
)
def test_namespace_selectors_read_labels_alike(value: Object, selected: set[str]) -> None:
    snapshot = cluster(
        *(pod(f"{name}/client") for name in ("none", "empty", "x")),
        pod("b/target"),
        ingress({"namespaceSelector": value}, namespace="b"),
        namespaces={"empty": {"key": ""}, "x": {"key": "x"}},
    )
    found = {name for name in ("none", "empty", "x") if answer(snapshot, f"{name}/client", "b/target") is ALLOW}
    assert found == selected


def test_several_requirements_are_and() -> None:
    both = {"matchLabels": {"app": "web"}, **expression("tier", "Exists")}
    two = {"matchExpressions": [{"key": "app", "operator": "Exists"}, {"key": "tier", "operator": "DoesNotExist"}]}
    pods = (pod("a/target"), pod("b/web", app="web"), pod("b/tier", app="web", tier="front"), pod("b/db", tier="back"))
    for selector, expected in ((both, [DENY, ALLOW, DENY]), (two, [ALLOW, DENY, DENY])):
        snapshot = cluster(*pods, ingress({"namespaceSelector": {}, "podSelector": selector}))
        assert [answer(snapshot, client, "a/target") for client in ("b/web", "b/tier", "b/db")] == expected


# --- self, nodes, hosts' networks ----------------------------------------------------------------------------------


def test_a_pods_traffic_to_its_own_address_is_allowed() -> None:
    closed = network_policy(policyTypes=["Ingress", "Egress"])
    assert answer(cluster(*PODS, closed), POD, POD) is ALLOW
    assert answer(cluster(*PODS, closed), FRIEND, POD) is DENY


def test_traffic_between_a_pod_and_its_own_node_is_always_allowed() -> None:
    closed = network_policy(policyTypes=["Ingress", "Egress"])
    nodes = node("one", "172.18.0.1"), node("two", "172.18.0.2")
    snapshot = cluster(pod(POD, node="one"), *nodes, closed)
    assert answer(snapshot, "node:one", POD) is answer(snapshot, POD, "node:one") is ALLOW
    assert answer(snapshot, "node:two", POD) is answer(snapshot, POD, "node:two") is DENY


def test_another_node_is_an_address_like_any() -> None:
    nodes = node("one", "172.18.0.1"), node("two", "172.18.0.2")
    snapshot = cluster(pod(POD, node="one"), *nodes, ingress(block("172.18.0.2/32")))
    assert answer(snapshot, "node:two", POD) is ALLOW
    selected = cluster(pod(POD, node="one"), *nodes, ingress({"namespaceSelector": {}}))
    assert answer(selected, "node:two", POD) is DENY


def test_each_node_may_be_the_own_one_of_a_pod_that_is_not_placed_yet() -> None:
    closed = network_policy(policyTypes=["Ingress", "Egress"])
    snapshot = cluster(pod(POD), node("one", "172.18.0.1"), closed)
    decision = ask(snapshot, "node:one", POD)
    assert (decision.answer, decision.exemption) == (UNDEFINED, Exemption.PERHAPS_OWN_NODE)
    assert answer(snapshot, POD, "node:one") is UNDEFINED


def test_a_template_and_itself_are_two_pods() -> None:
    template = replace(pod(POD), workload="Deployment/pod")
    assert answer(cluster(template), POD, POD) is ALLOW
    assert answer(cluster(template, network_policy(policyTypes=["Ingress"])), POD, POD) is DENY
    assert answer(cluster(template, ingress({"podSelector": {}})), POD, POD) is ALLOW


def test_policies_select_pods_on_the_hosts_network_or_they_do_not() -> None:
    host = pod("a/host", host=True, node="two")
    snapshot = cluster(host, pod(POD, node="one"), network_policy(podSelector=expression("app", "DoesNotExist")))
    assert answer(snapshot, POD, "a/host") is UNDEFINED
    assert answer(cluster(host, pod("a/client", node="one"), ingress()), "a/client", "a/host") is ALLOW


def test_peers_mean_pods_on_the_hosts_network_or_they_do_not() -> None:
    pods = pod(POD, app="x"), pod("b/host", host=True, node="two")
    isolated = cluster(*pods, ingress({"namespaceSelector": {}}, namespace="a"))
    assert answer(isolated, "b/host", POD) is UNDEFINED
    assert answer(cluster(*pods, ingress(block("0.0.0.0/0"))), "b/host", POD) is ALLOW
    assert answer(cluster(*pods, ingress(block("10.0.0.0/8"))), "b/host", POD) is UNDEFINED
    elsewhere = pod(POD, node="one"), pod("b/host", host=True, node="two")
    assert answer(cluster(*elsewhere, ingress({"podSelector": {}})), "b/host", POD) is DENY


def test_names_of_ports_hold_on_the_hosts_network_or_they_do_not() -> None:
    """Where such a pod is taken for its node, nobody there calls a port anything."""
    pods = pod(POD, node="one"), pod("b/host", "80/TCP=http", host=True, node="two")
    assert answer(cluster(*pods, egress(ports=[{"port": "http"}])), POD, "b/host") is UNDEFINED
    assert answer(cluster(*pods, egress(ports=[{"port": 80}])), POD, "b/host") is ALLOW
    assert answer(cluster(*pods, egress(ports=[{"port": "dns"}])), POD, "b/host") is DENY


def test_a_pod_on_the_network_of_the_pods_own_node_may_be_taken_for_the_node() -> None:
    pods = pod(POD, node="one"), pod("b/host", host=True, node="one"), pod("b/away", host=True, node="two")
    snapshot = cluster(*pods, network_policy())
    assert (answer(snapshot, "b/host", POD), answer(snapshot, "b/away", POD)) == (UNDEFINED, DENY)


def test_where_a_pod_that_is_not_placed_yet_will_be_is_open() -> None:
    """Any pod on a host's network may turn out to be on that of its node."""
    snapshot = cluster(pod(POD), pod("b/host", host=True, node="one"), network_policy())
    assert answer(snapshot, "b/host", POD) is UNDEFINED


def test_each_pod_is_spared_its_own_node_whatever_it_has_in_common_with_others() -> None:
    pods, nodes = (pod("a/one", node="one"), pod("a/two", node="two")), (node("one"), node("two"))
    snapshot = cluster(*pods, *nodes, network_policy())
    flows = (("node:one", "a/one"), ("node:two", "a/one"), ("node:one", "a/two"), ("node:two", "a/two"))
    assert [answer(snapshot, *flow) for flow in flows] == [ALLOW, DENY, DENY, ALLOW]
