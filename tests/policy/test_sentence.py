"""Decisions in words, to be read as a user reads them: who, where to, what becomes of it, and why."""

from __future__ import annotations

from probe.policy.sentence import reason, sentence
from tests.policy.support import (
    V6,
    Object,
    ask,
    block,
    cluster,
    cluster_policy,
    egress,
    ingress,
    labels,
    network_policy,
    node,
    pod,
    rule,
    to,
)

FRONTEND = pod("production/frontend", "80/TCP=http", at=("10.0.0.1", "fd00::1"), app="frontend", node="one")
BACKEND = pod("production/backend", "5432/TCP=sql", at=("10.0.0.2", "fd00::2"), app="backend", node="two")
STRANGER = pod("development/backend", at=("10.0.1.2", "fd00:1::2"), app="backend", node="two")
NODES = node("one", "172.18.0.1"), node("two", "172.18.0.2")
POLICY = ingress(
    {"podSelector": labels(app="backend")}, ports=[{"port": 80}], namespace="production", name="frontend-policy"
)
POLICY["spec"]["podSelector"] = labels(app="frontend")
EGRESS = egress({"namespaceSelector": {}}, block("203.0.113.0/24"), namespace="production", name="no-internet")


def say(
    *policies: Object, source: str, destination: str = "production/frontend", on: str = "80/TCP", **more: object
) -> str:
    snapshot = cluster(FRONTEND, BACKEND, STRANGER, *NODES, *policies)
    return sentence(ask(snapshot, source, destination, on, **more))  # type: ignore[arg-type]


def test_nothing_selects_either_end() -> None:
    assert say(source="production/backend") == (
        "production/backend to production/frontend on 80/TCP is allowed: no policy selects either end"
    )


def test_an_allowed_flow_names_the_rules() -> None:
    assert say(POLICY, source="production/backend") == (
        "production/backend to production/frontend on 80/TCP is allowed: "
        "production/frontend-policy ingress[0] allows ingress of production/frontend"
    )


def test_an_allowed_flow_names_both_sides_that_had_a_say() -> None:
    assert say(POLICY, EGRESS, source="production/backend") == (
        "production/backend to production/frontend on 80/TCP is allowed: "
        "production/no-internet egress[0] allows egress of production/backend; "
        "production/frontend-policy ingress[0] allows ingress of production/frontend"
    )


def test_a_denial_by_isolation_names_who_isolates_and_the_nearest_miss() -> None:
    assert say(POLICY, source="development/backend") == (
        "development/backend to production/frontend on 80/TCP is denied: "
        "production/frontend-policy isolates production/frontend for ingress, and none of its rules allows this. "
        "Nearest is production/frontend-policy ingress[0], but without a namespaceSelector it means pods of "
        "production, and development/backend is in development"
    )
    assert say(POLICY, source="production/backend", on="443/TCP") == (
        "production/backend to production/frontend on 443/TCP is denied: "
        "production/frontend-policy isolates production/frontend for ingress, and none of its rules allows this. "
        "Nearest is production/frontend-policy ingress[0], but it asks for 80/TCP"
    )


def test_a_denial_leaves_out_the_side_that_allows() -> None:
    text = say(POLICY, EGRESS, source="production/frontend", destination="192.0.2.1", on="443/TCP")
    assert text == (
        "production/frontend to 192.0.2.1 on 443/TCP is denied: "
        "production/no-internet isolates production/frontend for egress, and none of its rules allows this. "
        "Nearest is production/no-internet egress[0], but 192.0.2.1 is not in 203.0.113.0/24"
    )


def test_a_denial_on_both_sides_names_both() -> None:
    closed = network_policy("production", "closed", policyTypes=["Ingress", "Egress"])
    assert say(closed, source="production/backend") == (
        "production/backend to production/frontend on 80/TCP is denied: "
        "production/closed isolates production/backend for egress, and none of its rules allows this; "
        "production/closed isolates production/frontend for ingress, and none of its rules allows this"
    )


def test_the_nearest_misses_of_both_sides_are_one_sentence() -> None:
    assert say(
        ingress({"podSelector": labels(app="none")}, namespace="production", name="in"),
        egress({"podSelector": labels(app="nil")}, namespace="production", name="out"),
        source="production/backend",
    ).endswith(
        ". Nearest are production/out egress[0], but it asks for app=nil and production/frontend has app=frontend; "
        "and production/in ingress[0], but it asks for app=none and production/backend has app=backend"
    )


def test_several_isolating_policies_are_listed() -> None:
    names = [network_policy("production", name) for name in ("a", "b", "c", "d", "e")]
    assert reason(ask(cluster(FRONTEND, STRANGER, *names[:3]), "development/backend", "production/frontend")) == (
        "production/a, production/b and production/c isolate production/frontend for ingress, "
        "and none of their rules allows this"
    )
    assert reason(ask(cluster(FRONTEND, STRANGER, *names), "development/backend", "production/frontend")) == (
        "production/a, production/b, production/c and 2 more isolate production/frontend for ingress, "
        "and none of their rules allows this"
    )


def test_a_denial_by_a_rule_names_it_and_what_came_near() -> None:
    policy = cluster_policy(
        name="tenants",
        ingress=[rule("Accept", {"namespaces": labels(team="ops")}), rule("Deny", name="everybody else")],
    )
    assert say(policy, source="development/backend") == (
        "development/backend to production/frontend on 80/TCP is denied: "
        'ClusterNetworkPolicy/tenants ingress[1] "everybody else" denies ingress of production/frontend. '
        "Nearest is ClusterNetworkPolicy/tenants ingress[0], but it asks for team=ops and namespace development has no "
        "label team"
    )


def test_what_no_rule_decides_is_left_to_the_default() -> None:
    policy = cluster_policy(name="tenants", ingress=[rule("Pass")])
    assert say(policy, source="development/backend") == (
        "development/backend to production/frontend on 80/TCP is allowed: "
        "no rule of ClusterNetworkPolicy/tenants decides on ingress of production/frontend, "
        "so that the default allows it"
    )


def test_what_is_undefined_says_why() -> None:
    equals = [
        cluster_policy(name=name, ingress=[rule(action)]) for name, action in (("one", "Accept"), ("two", "Deny"))
    ]
    assert say(*equals, source="development/backend") == (
        "development/backend to production/frontend on 80/TCP is undefined: "
        "ClusterNetworkPolicy/one ingress[0] and ClusterNetworkPolicy/two ingress[0] leave ingress of "
        "production/frontend open: they have the same priority and disagree, so that any of them may be applied"
    )


def test_exemptions_are_the_whole_reason() -> None:
    closed = network_policy("production", policyTypes=["Ingress", "Egress"])
    assert say(closed, source="production/frontend") == (
        "production/frontend to production/frontend on 80/TCP is allowed: "
        "a pod's traffic to its own address is always allowed"
    )
    assert say(closed, source="node:one") == (
        "node:one to production/frontend on 80/TCP is allowed: traffic between a pod and its own node is always allowed"
    )


def test_a_denial_of_the_own_node_is_told_as_any() -> None:
    deny = cluster_policy(name="no-nodes", egress=[to("Deny", {"nodes": {}})])
    assert say(deny, source="production/frontend", destination="node:one", on="10250/TCP") == (
        "production/frontend to node:one on 10250/TCP is denied: "
        "ClusterNetworkPolicy/no-nodes egress[0] denies egress of production/frontend"
    )


def test_ipv6_is_said() -> None:
    assert say(source="production/backend", family=V6) == (
        "production/backend to production/frontend on 80/TCP over IPv6 is allowed: no policy selects either end"
    )
