"""Options that would change what a scenario means are refused before anything is created."""

from __future__ import annotations

from pathlib import Path

import pytest

from probe.engine.options import RunOptions
from probe.engine.preconditions import check_scenarios
from probe.model.agent_options import AgentOptions, NamespaceOptions
from probe.model.errors import UsageError
from probe.model.scenario import Scenario
from probe.scenario import load_scenarios

SCENARIO = """\
apiVersion: cni-probe/v1
kind: Scenario
metadata: {name: shop}
spec:
  fleet:
    namespaces:
      shop:
        labels: {stage: production}
        pods:
          web: {labels: {app: web}, ports: [8080/TCP]}
          client:
  steps:
    - name: closed
      apply:
        - apiVersion: networking.k8s.io/v1
          kind: NetworkPolicy
          metadata: {name: closed, namespace: shop}
          spec:
            podSelector: {matchLabels: {app: web}}
            ingress:
              - from:
                  - namespaceSelector: {matchExpressions: [{key: team, operator: DoesNotExist}]}
                    podSelector: {matchLabels: {role: monitor}}
      expect: {default: allow, rules: [{to: shop/web, verdict: deny}]}
    - name: more
      create: {namespaces: {lab: {labels: {purpose: lab}, pods: {probe: {labels: {kind: probe}}}}}}
      label: {shop/web: {colour: blue}, shop: {zone: a}}
      expect: unchanged
"""


@pytest.fixture
def scenario(tmp_path: Path) -> Scenario:
    return _load(tmp_path, SCENARIO)


def _load(directory: Path, text: str) -> Scenario:
    path = directory / "shop.yaml"
    path.write_text(text)
    return load_scenarios([path])[0]


def _refusal(scenario: Scenario, options: RunOptions) -> str:
    with pytest.raises(UsageError) as caught:
        check_scenarios([scenario], options)
    return str(caught.value)


def test_the_default_options_fit_every_shipped_scenario() -> None:
    check_scenarios(load_scenarios(["scenarios"]), RunOptions(allow_host_network=True, allow_cluster_scoped=True))


@pytest.mark.parametrize(
    ("key", "user"),
    [
        ("app", "the pod shop/web"),
        ("role", "a selector of networkpolicy/shop/closed"),
        ("kind", "the pod lab/probe"),
        ("colour", "the change of pod/shop/web"),
    ],
)
def test_a_pod_label_that_a_scenario_speaks_of_is_refused(scenario: Scenario, key: str, user: str) -> None:
    said = _refusal(scenario, RunOptions(agent=AgentOptions(labels={key: "x"})))
    assert f"the label {key}=x that the options put on every pod" in said
    assert f"{user} " in said
    assert "shop.yaml" in said


@pytest.mark.parametrize(
    ("key", "user"),
    [
        ("stage", "the namespace shop"),
        ("team", "a selector of networkpolicy/shop/closed"),
        ("purpose", "the namespace lab"),
        ("zone", "the change of namespace/shop"),
    ],
)
def test_a_namespace_label_that_a_scenario_speaks_of_is_refused(scenario: Scenario, key: str, user: str) -> None:
    said = _refusal(scenario, RunOptions(namespaces=NamespaceOptions(labels={key: "x"})))
    assert f"the label {key}=x that the options put on every namespace" in said
    assert f"{user} " in said


def test_labels_that_nobody_speaks_of_are_fine(scenario: Scenario) -> None:
    options = RunOptions(agent=AgentOptions(labels={"team": "x"}), namespaces=NamespaceOptions(labels={"app": "x"}))
    check_scenarios([scenario], options)


def test_a_scenario_about_a_mesh_label_needs_the_mesh_to_be_left_alone(tmp_path: Path) -> None:
    scenario = _load(tmp_path, SCENARIO.replace("role: monitor", 'sidecar.istio.io/inject: "true"'))
    assert "--mesh-injection leaves it away" in _refusal(scenario, RunOptions())
    check_scenarios([scenario], RunOptions(agent=AgentOptions(mesh_injection=True)))


def test_pods_on_the_network_of_nodes_must_be_allowed(tmp_path: Path) -> None:
    scenario = _load(tmp_path, SCENARIO.replace("client:", "client: {hostNetwork: true}"))
    said = _refusal(scenario, RunOptions())
    assert (
        "shop/client would be on the network of the nodes (hostNetwork); allow that with --allow-host-network" in said
    )
    check_scenarios([scenario], RunOptions(allow_host_network=True))


CLUSTER_POLICY = """    - name: guarded
      apply:
        apiVersion: policy.networking.k8s.io/v1alpha2
        kind: ClusterNetworkPolicy
        metadata: {name: guard}
        spec:
          tier: Admin
          priority: 1
          subject: {namespaces: {matchLabels: {floor: "1"}}}
          egress: [{action: Deny, to: [{nodes: {matchLabels: {zone-of-node: a}}}]}]
      expect: unchanged
"""


def test_cluster_scoped_policies_must_be_allowed(tmp_path: Path) -> None:
    scenario = _load(tmp_path, SCENARIO + CLUSTER_POLICY)
    assert [str(ref) for ref in scenario.cluster_scoped] == ["clusternetworkpolicy/guard"]
    said = _refusal(scenario, RunOptions())
    assert "clusternetworkpolicy/guard would be applied, which is cluster-scoped" in said
    assert "allow that with --allow-cluster-scoped" in said
    check_scenarios([scenario], RunOptions(allow_cluster_scoped=True))
    labelled = RunOptions(allow_cluster_scoped=True, namespaces=NamespaceOptions(labels={"floor": "x"}))
    assert "a selector of clusternetworkpolicy/guard" in _refusal(scenario, labelled)
    other = RunOptions(allow_cluster_scoped=True, namespaces=NamespaceOptions(labels={"zone-of-node": "x"}))
    check_scenarios([scenario], other)
