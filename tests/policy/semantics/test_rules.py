"""Rules, policyTypes, and several policies: how they come together."""

from __future__ import annotations

import pytest

from tests.policy.semantics.friends import ALL_PODS, EVERYBODY, FRIEND, POD, PODS, STRANGER, reachable_from, reaches
from tests.policy.support import ALLOW, DENY, Object, answer, cluster, egress, ingress, labels, network_policy


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
