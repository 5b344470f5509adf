"""Options of pods and namespaces on the command line, and how they go over a configuration file."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

import pytest

from probe.cli.fleet_arguments import add_fleet_arguments
from probe.cli.main import main
from probe.cli.pod_arguments import add_pod_arguments, run_config
from probe.model.agent_options import AgentOptions, RunConfig, SecretRef
from probe.model.errors import UsageError
from probe.model.toleration import Toleration

FILE = """\
apiVersion: cni-probe/v1
kind: RunConfig
spec:
  agent:
    image: from-file
    tolerations: ["*"]
    nodeSelector: {pool: file, zone: a}
    resources: {limits: {memory: 64Mi}}
    labels: {owner: file}
    fromConfigMap: true
  namespaces: {labels: {tier: file}}
  externals: {vault: 192.0.2.1, dns: 192.0.2.2}
  nodeGroups: {edge: {place: edge}}
"""


@pytest.fixture
def parsed() -> Callable[..., RunConfig]:
    def parsed(*words: str) -> RunConfig:
        parser = argparse.ArgumentParser(exit_on_error=False)
        add_fleet_arguments(parser)
        add_pod_arguments(parser)
        return run_config(parser.parse_args(words))

    return parsed


@pytest.fixture
def file(tmp_path: Path) -> str:
    path = tmp_path / "config.yaml"
    path.write_text(FILE)
    return str(path)


def test_nothing_said_is_the_default(parsed: Callable[..., RunConfig]) -> None:
    assert parsed() == RunConfig()
    assert parsed().agent.command == ("python3", "-m", "cni_probe_agent")


def test_everything_can_be_said_in_words(parsed: Callable[..., RunConfig]) -> None:
    config = parsed(
        "--image", "python:3.13-alpine", "--image-pull-policy", "Never", "--agent-from-configmap",
        "--image-pull-secret", "ci/one", "--image-pull-secret", "ci/two",
        "--toleration", "dedicated=probe:NoSchedule", "--toleration", "spot",
        "--node-selector", "pool=probes", "--priority-class", "low", "--runtime-class", "gvisor",
        "--request", "cpu=20m", "--limit", "memory=64Mi",
        "--pod-label", "team=net", "--pod-annotation", "example.com/note=a=b c", "--mesh-injection",
        "--namespace-label", "exempt=", "--namespace-annotation", "n=v",
    )  # fmt: skip
    assert config.agent == AgentOptions(
        image="python:3.13-alpine",
        pull_policy="Never",
        from_configmap=True,
        pull_secrets=(SecretRef("ci", "one"), SecretRef("ci", "two")),
        tolerations=(Toleration("dedicated", "Equal", "probe", "NoSchedule"), Toleration("spot")),
        node_selector={"pool": "probes"},
        priority_class="low",
        runtime_class="gvisor",
        requests={"cpu": "20m"},
        limits={"memory": "64Mi"},
        labels={"team": "net"},
        annotations={"example.com/note": "a=b c"},
        mesh_injection=True,
    )
    assert (config.namespaces.labels, config.namespaces.annotations) == ({"exempt": ""}, {"n": "v"})
    assert config.agent.relay == ("python3", "/opt/cni-probe/agent.pyz", "relay")


def test_the_command_line_goes_over_the_file(parsed: Callable[..., RunConfig], file: str) -> None:
    words = ("--image", "mine", "--toleration", "a", "--node-selector", "pool=mine", "--request", "cpu=1")
    config = parsed("--config", file, *words, "--external", "vault=192.0.2.9", "--namespace-label", "more=x")
    assert config.agent.image == "mine"
    assert config.agent.tolerations == (Toleration("a"),)
    assert config.agent.node_selector == {"pool": "mine", "zone": "a"}
    assert config.agent.resources == {"requests": {"cpu": "1", "memory": "24Mi"}, "limits": {"memory": "64Mi"}}
    assert config.agent.labels == {"owner": "file"}
    assert config.agent.from_configmap
    assert config.namespaces.labels == {"tier": "file", "more": "x"}
    assert config.externals == {"vault": ("192.0.2.9",), "dns": ("192.0.2.2",)}
    assert config.node_groups == {"edge": {"place": "edge"}}


def test_every_mistake_is_told_at_once(parsed: Callable[..., RunConfig]) -> None:
    words = (
        "--image-pull-secret", "one", "--toleration", "a:Never", "--node-selector", "pool", "--request", "cpu=lots",
        "--pod-label", "cni-probe.dev/run=x", "--pod-label", "a=b", "--pod-label", "a=c", "--priority-class", "No",
        "--external", "vault",
    )  # fmt: skip
    with pytest.raises(UsageError) as caught:
        parsed(*words)
    assert [line.partition(": ")[0] for line in str(caught.value).splitlines()] == [
        "--priority-class No",
        "--image-pull-secret one",
        "--toleration a:Never",
        "--node-selector pool",
        "--request cpu=lots",
        "--pod-label cni-probe.dev/run=x",
        "--pod-label a=c",
        "--external vault",
    ]


def test_a_request_over_its_limit_is_found_also_when_one_is_in_the_file(
    parsed: Callable[..., RunConfig], file: str
) -> None:
    with pytest.raises(UsageError, match="the request memory=1Gi is larger than the limit memory=64Mi"):
        parsed("--config", file, "--request", "memory=1Gi")


def test_two_secrets_of_one_name_cannot_both_be_copied(parsed: Callable[..., RunConfig]) -> None:
    with pytest.raises(UsageError, match="two secrets are called pull"):
        parsed("--image-pull-secret", "a/pull", "--image-pull-secret", "b/pull")


def test_a_file_with_mistakes_ends_a_run_before_it_begins(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(FILE.replace("tolerations", "toleration"))
    assert main(["run", "--config", str(path), "scenarios/smoke"]) == 2
    assert f'{path}:6:5: spec.agent.toleration: unknown key "toleration" (did you mean' in capsys.readouterr().err
