"""Flows to ``a/web`` by policies of the cluster's scope (policy.networking.k8s.io)."""

from __future__ import annotations

from tests.policy.support import Object, answer, cluster, labels, network_policy, pod

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
