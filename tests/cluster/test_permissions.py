"""Which rights which scenarios need, and the rules that grant them."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from probe.cluster.permissions import PERMISSIONS, Need, needs_of, permissions_for, role_rules
from probe.cluster.rbac import Access, access_manifests, as_yaml
from probe.model.agent_options import SecretRef
from probe.scenario import load_scenarios

SCENARIOS = Path(__file__).parents[2] / "scenarios"
SCENARIO = """
apiVersion: cni-probe/v1
kind: Scenario
metadata: {name: example}
spec:
  fleet:
    namespaces:
      shop: {pods: {web: {labels: {app: web}, ports: [80/TCP]}, api: {ports: [80/TCP]}}}
  steps:
    - {name: open, expect: allow}
    - {name: changed, {changes}, expect: allow}
"""


def needs_with(tmp_path: Path, changes: str) -> frozenset[Need]:
    path = tmp_path / "example.yaml"
    path.write_text(SCENARIO.replace("{changes}", changes))
    return needs_of(load_scenarios([path]))


@pytest.mark.parametrize(
    ("changes", "need"),
    [
        ("label: {shop/web: {tier: front}}", Need.POD_CHANGES),
        ("label: {shop: {tier: front}}", Need.NAMESPACE_CHANGES),
        ("delete: [pod/shop/web]", Need.POD_CHANGES),
        ("start-race: {namespace: shop, to: shop/web, expect: allow}", Need.POD_CHANGES),
        ("apply: [{apiVersion: v1, kind: ConfigMap, metadata: {name: x, namespace: shop}}]", Need.CONFIG_MAPS),
        ("probe: {paths: [cluster-ip]}", Need.SERVICE_PATHS),
        ("probe: {paths: [node-port/local]}", Need.SERVICE_PATHS),
        ("probe: {paths: ['*']}", Need.SERVICE_PATHS),
    ],
)
def test_each_kind_of_change_has_its_need(tmp_path: Path, changes: str, need: Need) -> None:
    assert needs_with(tmp_path, changes) == {Need.RUN, need}


def test_what_needs_nothing_more(tmp_path: Path) -> None:
    assert needs_with(tmp_path, "create: {namespaces: {more: {pods: {new: }}}}") == {Need.RUN}
    assert needs_with(tmp_path, "probe: {paths: [pod-ip]}") == {Need.RUN}


def test_endpoints_outside_need_the_embedded_clusters_own_resource() -> None:
    assert Need.EXTERNALS in needs_of(load_scenarios([SCENARIOS / "seeds"]))


def test_without_scenarios_all_that_needs_no_leave_of_its_own_is_needed() -> None:
    """On a real cluster: cluster-scoped policies are for who asks for them."""
    asked_for = {Need.DOCTOR, Need.SNAPSHOT, Need.WATCH, Need.AGENT_SOURCE, Need.PULL_SECRET, Need.CLUSTER_POLICIES}
    assert needs_of(()) == set(Need) - asked_for - {Need.EXTERNALS}


def test_a_rule_covers_a_resource_once_and_says_what_for() -> None:
    rules = role_rules(permissions_for(set(Need)))
    targets = [(rule.group, rule.resource) for rule in rules]
    assert len(targets) == len(set(targets))
    assert all(len(set(rule.verbs)) == len(rule.verbs) and rule.whys for rule in rules)
    assert {(row.group, row.target, row.verb) for row in PERMISSIONS} == {
        (rule.group, rule.resource, verb) for rule in rules for verb in rule.verbs
    }


def test_exec_needs_both_verbs() -> None:
    """A WebSocket is opened with GET, and Kubernetes 1.35 asks for ``create`` as well."""
    (rule,) = [rule for rule in role_rules(permissions_for({Need.RUN})) if rule.resource == "pods/exec"]
    assert set(rule.verbs) == {"get", "create"}


def test_no_rule_has_a_wildcard() -> None:
    assert all("*" not in (row.group, row.resource, row.verb) for row in PERMISSIONS)


def test_the_text_is_the_manifests_and_the_reasons() -> None:
    access = Access(
        needs=frozenset({Need.RUN, Need.POLICIES}), secrets=(SecretRef("registry", "pull"),), results="results"
    )
    text = as_yaml(access_manifests(access), access.rules)
    assert list(yaml.safe_load_all(text)) == list(access_manifests(access))
    assert "  # choose nodes for the pods; say why an agent is silent\n" in text


def test_a_secret_is_read_by_name_in_its_own_namespace_only() -> None:
    manifests = list(access_manifests(Access(secrets=(SecretRef("registry", "pull"),))))
    (role,) = [each for each in manifests if each["kind"] == "Role"]
    assert role["metadata"]["namespace"] == "registry"
    assert role["rules"] == [{"apiGroups": [""], "resources": ["secrets"], "resourceNames": ["pull"], "verbs": ["get"]}]
    (cluster_role,) = [each for each in manifests if each["kind"] == "ClusterRole"]
    (secrets,) = [rule for rule in cluster_role["rules"] if rule["resources"] == ["secrets"]]
    assert secrets["verbs"] == ["create"]


def test_two_installations_do_not_share_a_cluster_role() -> None:
    names = {
        each["metadata"]["name"]
        for space in ("one", "two")
        for each in access_manifests(Access(space, "probe"))
        if each["kind"] == "ClusterRole"
    }
    assert len(names) == 2
