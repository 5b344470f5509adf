"""NetworkPolicyPeer and the policy's own pod selector: who is meant."""

from __future__ import annotations

import pytest

from tests.policy.semantics.friends import EVERYBODY, FRIEND, POD, PODS, STRANGER, reachable_from, reaches
from tests.policy.support import ALLOW, DENY, answer, cluster, ingress, labels, network_policy


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
