"""Logical namespaces become a run's namespaces wherever a manifest names them."""

from __future__ import annotations

import copy
from typing import Any

from probe.scenario import map_manifest

NAME = "kubernetes.io/metadata.name"
ACTUAL = {"production": "cp-abc123-production", "development": "cp-abc123-development"}


def policy(selector: dict[str, Any]) -> dict[str, Any]:
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": "p", "namespace": "production"},
        "spec": {
            "podSelector": {"matchLabels": {NAME: "production"}},
            "ingress": [
                {"from": [{"namespaceSelector": selector}, {"podSelector": {}}]},
                {},
                {"ports": [{"port": 80}]},
            ],
            "egress": [
                {"to": [{"namespaceSelector": selector, "podSelector": {}}, {"ipBlock": {"cidr": "10.0.0.0/8"}}]}
            ],
        },
    }


def selectors(mapped: dict[str, Any]) -> list[Any]:
    spec = mapped["spec"]
    return [spec["ingress"][0]["from"][0]["namespaceSelector"], spec["egress"][0]["to"][0]["namespaceSelector"]]


def test_the_namespace_of_every_kind_is_mapped() -> None:
    for kind in ("NetworkPolicy", "Service", "ConfigMap"):
        manifest = {"apiVersion": "v1", "kind": kind, "metadata": {"name": "x", "namespace": "development"}}
        assert map_manifest(manifest, ACTUAL)["metadata"]["namespace"] == "cp-abc123-development"


def test_labels_that_carry_the_namespaces_name_are_mapped_in_selectors() -> None:
    mapped = map_manifest(policy({"matchLabels": {NAME: "development", "team": "production"}}), ACTUAL)
    assert selectors(mapped) == [{"matchLabels": {NAME: "cp-abc123-development", "team": "production"}}] * 2


def test_expressions_about_the_namespaces_name_are_mapped_value_by_value() -> None:
    expressions = [
        {"key": NAME, "operator": "NotIn", "values": ["production", "kube-system", "development"]},
        {"key": NAME, "operator": "Exists"},
        {"key": "team", "operator": "In", "values": ["production"]},
    ]
    for selector in selectors(map_manifest(policy({"matchExpressions": expressions}), ACTUAL)):
        first, second, third = selector["matchExpressions"]
        assert first["values"] == ["cp-abc123-production", "kube-system", "cp-abc123-development"]
        assert second == expressions[1]
        assert third == expressions[2]


def test_pod_selectors_are_left_alone() -> None:
    assert map_manifest(policy({}), ACTUAL)["spec"]["podSelector"] == {"matchLabels": {NAME: "production"}}


def test_the_manifest_itself_is_not_changed() -> None:
    manifest = policy({"matchLabels": {NAME: "development"}})
    before = copy.deepcopy(manifest)
    map_manifest(manifest, ACTUAL)
    assert manifest == before


def test_fields_that_are_null_or_absent_are_no_trouble() -> None:
    spec = {"podSelector": None, "ingress": None, "egress": [{"to": None}, None, {"to": [{"namespaceSelector": None}]}]}
    manifest = {"kind": "NetworkPolicy", "metadata": {"name": "p", "namespace": "production"}, "spec": spec}
    assert map_manifest(manifest, ACTUAL)["spec"] == spec
    assert map_manifest({"kind": "NetworkPolicy"}, ACTUAL) == {"kind": "NetworkPolicy"}


def cluster_policy(selector: dict[str, Any]) -> dict[str, Any]:
    pods = {"namespaceSelector": selector, "podSelector": {"matchLabels": {NAME: "production"}}}
    return {
        "apiVersion": "policy.networking.k8s.io/v1alpha2",
        "kind": "ClusterNetworkPolicy",
        "metadata": {"name": "production"},
        "spec": {
            "subject": {"pods": pods},
            "ingress": [{"action": "Deny", "from": [{"namespaces": selector}, {"pods": pods}]}],
            "egress": [{"action": "Deny", "to": [{"namespaces": selector}, {"nodes": {"matchLabels": {NAME: "a"}}}]}],
        },
    }


def test_cluster_scoped_policies_are_mapped_in_subjects_and_peers() -> None:
    selector = {"matchLabels": {NAME: "production"}}
    given = cluster_policy(selector)
    before = copy.deepcopy(given)
    assert map_manifest(given, ACTUAL)["spec"] == cluster_policy({"matchLabels": {NAME: ACTUAL["production"]}})["spec"]
    assert map_manifest(given, ACTUAL)["metadata"] == {"name": "production"}
    assert given == before
