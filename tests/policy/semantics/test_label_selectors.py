"""LabelSelector, in policies and in peers."""

from __future__ import annotations

import pytest

from tests.policy.support import ALLOW, DENY, Object, answer, cluster, expression, ingress, labels, network_policy, pod


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
