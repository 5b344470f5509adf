"""Run configuration files: what they say, and every mistake in them at once."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import jsonschema
import pytest
import yaml

from probe.model.agent_options import AgentOptions, NamespaceOptions, RunConfig, SecretRef
from probe.model.errors import ScenarioError
from probe.model.toleration import Toleration
from probe.scenario import load_scenarios
from probe.scenario.run_config import load_run_config

SCHEMA = Path(__file__).parents[2] / "scenarios/run-config.schema.json"
HEAD = "apiVersion: cni-probe/v1\nkind: RunConfig\n"

FULL = """\
apiVersion: cni-probe/v1
kind: RunConfig
spec:
  agent:
    image: registry.example.com/python:3.13-alpine
    imagePullPolicy: Always
    imagePullSecrets: ci/registry
    fromConfigMap: true
    tolerations:
      - dedicated=probe:NoSchedule
      - {key: spot, operator: Exists, effect: NoExecute, tolerationSeconds: 60}
    nodeSelector: {pool: probes}
    priorityClassName: low
    runtimeClassName: gvisor
    resources:
      requests: {cpu: 0.5, memory: 32Mi}
      limits: {cpu: 1}
    labels: {cost-center: "42"}
    annotations: {example.com/owner: net team}
    meshInjection: true
  namespaces:
    labels: {policy.example.com/exempt: "true"}
    annotations: {openshift.io/node-selector: ""}
  externals:
    vault: 192.0.2.10
    dns: [192.0.2.53, "2001:DB8::53"]
  nodeGroups:
    edge: {topology.example.com/place: edge}
"""


@pytest.fixture
def load(tmp_path: Path) -> Callable[[str], RunConfig]:
    def load(text: str) -> RunConfig:
        file = tmp_path / "config.yaml"
        file.write_text(text, "utf-8")
        return load_run_config(file)

    return load


@pytest.fixture
def mistakes(load: Callable[[str], RunConfig]) -> Callable[[str], list[str]]:
    """``line:column: field: message (hint)`` of every mistake."""

    def mistakes(text: str) -> list[str]:
        with pytest.raises(ScenarioError) as caught:
            load(text)
        return [str(problem).partition("config.yaml:")[2] for problem in caught.value.problems]

    return mistakes


def test_everything_that_can_be_said(load: Callable[[str], RunConfig]) -> None:
    assert load(FULL) == RunConfig(
        agent=AgentOptions(
            image="registry.example.com/python:3.13-alpine",
            pull_policy="Always",
            from_configmap=True,
            pull_secrets=(SecretRef("ci", "registry"),),
            tolerations=(
                Toleration("dedicated", "Equal", "probe", "NoSchedule"),
                Toleration("spot", "Exists", "", "NoExecute", 60),
            ),
            node_selector={"pool": "probes"},
            priority_class="low",
            runtime_class="gvisor",
            requests={"cpu": "0.5", "memory": "32Mi"},
            limits={"cpu": "1"},
            labels={"cost-center": "42"},
            annotations={"example.com/owner": "net team"},
            mesh_injection=True,
        ),
        namespaces=NamespaceOptions({"policy.example.com/exempt": "true"}, {"openshift.io/node-selector": ""}),
        externals={"vault": ("192.0.2.10",), "dns": ("192.0.2.53", "2001:db8::53")},
        node_groups={"edge": {"topology.example.com/place": "edge"}},
    )


def test_the_example_of_the_documentation_is_one(load: Callable[[str], RunConfig]) -> None:
    page = (SCHEMA.parents[1] / "docs" / "clusters.md").read_text("utf-8")
    blocks = re.findall(r"```yaml\n(.*?)```", page, re.DOTALL)
    (example,) = [block for block in blocks if "kind: RunConfig" in block]
    assert load(example).agent.tolerations


def test_what_is_not_said_has_its_default(load: Callable[[str], RunConfig]) -> None:
    assert load(HEAD + "spec: {}\n") == RunConfig()


def test_the_schema_for_editors_agrees() -> None:
    validator = jsonschema.Draft202012Validator(json.loads(SCHEMA.read_text()))
    validator.validate(yaml.safe_load(FULL))
    with pytest.raises(jsonschema.ValidationError):
        validator.validate(yaml.safe_load(FULL.replace("imagePullPolicy", "pullPolicy")))


def test_all_mistakes_come_at_once_with_their_places(mistakes: Callable[[str], list[str]]) -> None:
    text = HEAD + (
        "spec:\n"
        "  agent:\n"
        "    imagepullPolicy: Always\n"
        "    imagePullSecrets: [registry, ci/one, other/one]\n"
        "    tolerations: ['a=b:NoShedule', {key: a, operator: Exist}, {operator: Equal, value: x}]\n"
        "    nodeSelector: {-pool: x}\n"
        "    priorityClassName: Low\n"
        "    resources: {requests: {cpu: 5 m, memory: 1Gi}, limits: {memory: 512Mi}}\n"
        "    labels: {cni-probe.dev/run: x, tier: 'no spaces here'}\n"
        "  externals: {vault: 10.0.0.0/8, Dns: [127.0.0.1]}\n"
        "  nodeGroups: {edge: {}}\n"
        "  agents: {}\n"
    )
    assert mistakes(text) == [
        '5:5: spec.agent.imagepullPolicy: unknown key "imagepullPolicy" (did you mean "imagePullPolicy"?)',
        '6:24: spec.agent.imagePullSecrets[0]: "registry" does not say in which namespace the secret is: write '
        "NAMESPACE/NAME",
        "6:42: spec.agent.imagePullSecrets[2]: a second secret is called one (rename one)",
        '7:19: spec.agent.tolerations[0]: "a=b:NoShedule" is not a toleration: the effect "NoShedule" is none of '
        "NoSchedule, PreferNoSchedule, NoExecute (write key=value:Effect, key:Effect, key, or * for all taints)",
        '7:55: spec.agent.tolerations[1].operator: "Exist" is not a known operator (did you mean "Exists"?)',
        "7:63: spec.agent.tolerations[2]: without a key the operator must be Exists",
        '8:20: spec.agent.nodeSelector.-pool: "-pool" cannot be a label\'s key: the name part must consist of letters, '
        "digits, '-', '_' and '.', and begin and end with a letter or digit",
        '9:24: spec.agent.priorityClassName: "Low" cannot be a class\'s name: must consist of lower case letters, '
        "digits, '-' and '.', and begin and end with a letter or digit",
        "10:5: spec.agent.resources: the request memory=1Gi is larger than the limit memory=512Mi",
        '10:33: spec.agent.resources.requests.cpu: "5 m" is not a quantity: write it like 5m, 0.5, 24Mi or 1G',
        '11:14: spec.agent.labels["cni-probe.dev/run"]: cni-probe.dev/run is set by cni-probe itself',
        '11:36: spec.agent.labels.tier: "no spaces here" cannot be the value of the label tier: must consist of '
        "letters, digits, '-', '_' and '.', and begin and end with a letter or digit",
        '12:22: spec.externals.vault[0]: "10.0.0.0/8" is not an IPv4 or IPv6 address (a single address is needed, '
        "not a block)",
        '12:34: spec.externals.Dns: "Dns" cannot be an endpoint\'s name: must consist of lower case letters, digits '
        "and '-', and begin and end with a letter or digit",
        '12:40: spec.externals.Dns[0]: "127.0.0.1" is a loopback, unspecified, multicast or link-local address, which '
        "no pod can reach outside",
        "13:16: spec.nodeGroups.edge: a group without labels is every node (name a label of its nodes)",
        '14:3: spec.agents: unknown key "agents" (did you mean "agent"?)',
    ]


@pytest.mark.parametrize(
    ("text", "mistake"),
    [
        ("apiVersion: cni-probe/v1\nspec: {}\n", '1:1: document: missing key "kind" (write kind: RunConfig)'),
        (HEAD.replace("RunConfig", "Scenario") + "spec: {}\n", "2:7: kind: must be 'RunConfig', not the text"),
        (HEAD + "spec: {}\n---\n" + HEAD, "5:1: document: a second document (a file holds one RunConfig)"),
        ("- 1\n", "1:1: document: a RunConfig must be a mapping"),
        (HEAD + "spec:\n  agent: {labels: {a: on}}\n", "4:23: spec.agent.labels.a: on is a boolean to YAML 1.1"),
        (HEAD + "spec: {limits: {}}\n", '3:8: spec.limits: unknown key "limits"'),
        (HEAD + "spec: {tolerations: []}\n", '3:8: spec.tolerations: unknown key "tolerations" (it belongs under'),
    ],
)
def test_a_file_that_is_no_configuration_is_told_what_is_wrong(
    mistakes: Callable[[str], list[str]], text: str, mistake: str
) -> None:
    assert mistakes(text)[0].startswith(mistake)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ScenarioError, match=r"none\.yaml: cannot be read: No such file"):
        load_run_config(tmp_path / "none.yaml")


def test_it_may_lie_among_scenarios_but_is_none(tmp_path: Path, base: str) -> None:
    (tmp_path / "config.yaml").write_text(FULL)
    (tmp_path / "scenario.yaml").write_text(base)
    assert [scenario.name for scenario in load_scenarios([tmp_path])] == ["example"]
    with pytest.raises(ScenarioError, match="kind is RunConfig, not Scenario \\(a run takes it with --config FILE\\)"):
        load_scenarios([tmp_path / "config.yaml"])
