"""What a cluster's admission says of a run's pods and namespaces, on a real cluster: taken, or refused with a cause."""

from __future__ import annotations

import time
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from probe.model.agent_options import AgentOptions, NamespaceOptions, SecretRef
from probe.model.cell import ExitCode
from probe.model.errors import ClusterError
from probe.model.events import FleetReady, PodReady
from probe.model.toleration import parse_toleration

pytestmark = pytest.mark.sandbox

GROWING = """
apiVersion: cni-probe/v1
kind: Scenario
metadata: {name: growing}
spec:
  fleet: {namespaces: {shop: {pods: {server: {ports: [80/TCP]}}}}}
  timeouts: {confirm: 500ms}
  steps:
    - name: alone
      expect: {default: allow}
    - name: more
      create: {namespaces: {shop: {pods: {client: {ports: [81/TCP]}}}}}
      expect: {default: allow}
"""


@pytest.fixture
def growing(tmp_path: Path) -> Path:
    """One pod, and another in the second step: time for the cluster to make up rules for their namespace."""
    path = tmp_path / "growing.yaml"
    path.write_text(GROWING)
    return path


def when_the_fleet_is_ready(cluster: Any, resource: str, spec: dict[str, Any]) -> Any:
    """A hook that puts an object into the run's namespace, as an operator of a cluster's would."""

    def hook(event: Any) -> None:
        if isinstance(event, FleetReady):
            path = f"/api/v1/namespaces/{cluster.namespaces['shop']}/{resource}"
            cluster.request("POST", path, {"metadata": {"name": "team"}, "spec": spec})

    return hook


def problem_of(record: Any) -> str:
    """The one problem of a run that came to nothing, and that nothing is left of it."""
    assert record.exit_code == ExitCode.HARNESS
    (problem,) = record.scenarios[0].problems
    assert isinstance(problem, str)
    return problem


async def test_a_quota_that_is_used_up_is_told_with_what_to_do(run_it: Any, growing: Path, cluster: Any) -> None:
    record = await run_it(growing, hook=when_the_fleet_is_ready(cluster, "resourcequotas", {"hard": {"pods": "1"}}))
    assert problem_of(record) == (
        "1 of 1 pods were not created: shop/client: exceeded quota: team, "
        "requested: pods=1, limited: pods=1; raise the quota, exempt namespaces with the label "
        "app.kubernetes.io/managed-by=cni-probe from it, or run fewer or smaller pods (--request, --limit)"
    )
    assert cluster.leftovers() == []


async def test_a_quota_that_asks_for_limits_says_which_options_state_them(
    run_it: Any, growing: Path, cluster: Any
) -> None:
    quota = {"hard": {"limits.cpu": "4", "limits.memory": "4Gi"}}
    hook = when_the_fleet_is_ready(cluster, "resourcequotas", quota)
    assert "state it: --limit cpu=... --limit memory=..." in problem_of(await run_it(growing, hook=hook))
    stated = AgentOptions(limits={"cpu": "100m", "memory": "64Mi"})
    record = await run_it(growing, hook=hook, agent=stated)
    assert record.exit_code == ExitCode.PASSED


async def test_a_limit_range_is_named_as_the_cause(run_it: Any, growing: Path, cluster: Any) -> None:
    limits = {"limits": [{"type": "Container", "min": {"memory": "64Mi"}, "default": {"memory": "128Mi"}}]}
    hook = when_the_fleet_is_ready(cluster, "limitranges", limits)
    said = problem_of(await run_it(growing, hook=hook))
    assert "minimum memory usage per Container is 64Mi" in said
    assert "a LimitRange in the namespace asks for it: say how much with --request and --limit" in said
    record = await run_it(growing, hook=hook, agent=AgentOptions(requests={"memory": "64Mi"}))
    assert record.exit_code == ExitCode.PASSED


@pytest.mark.parametrize(
    ("options", "cause", "advice"),
    [
        (AgentOptions(priority_class="urgent"), "no PriorityClass with name urgent was found", "--priority-class"),
        (AgentOptions(runtime_class="gvisor"), 'RuntimeClass "gvisor" not found', "--runtime-class"),
    ],
)
async def test_a_class_that_is_not_there_is_told_at_once(
    run_it: Any, two_pods: Path, cluster: Any, options: AgentOptions, cause: str, advice: str
) -> None:
    started = time.monotonic()
    said = problem_of(await run_it(two_pods, agent=options))
    assert time.monotonic() - started < 30, "long before pods would have had to be ready"
    assert said.startswith("2 of 2 pods were not created: shop/client, shop/server: ")
    assert cause in said
    assert advice in said
    assert cluster.leftovers() == []


async def test_pods_that_the_namespace_s_standard_forbids_are_told_with_the_standard(
    run_it: Any, tmp_path: Path, cluster: Any
) -> None:
    path = tmp_path / "host.yaml"
    path.write_text(GROWING.replace("server: {ports: [80/TCP]}", "server: {hostNetwork: true, ports: [18080/TCP]}"))
    strict = NamespaceOptions(labels={"pod-security.kubernetes.io/enforce": "baseline"})
    said = problem_of(await run_it(path, namespaces=strict, allow_host_network=True))
    assert 'violates PodSecurity "baseline:latest": host namespaces (hostNetwork=true)' in said
    assert "pod-security.kubernetes.io/enforce=privileged" in said


@pytest.fixture
def pull_secret(cluster: Any) -> Iterator[SecretRef]:
    """A secret of the user's, in a namespace of the user's."""
    cluster.request("POST", "/api/v1/namespaces", {"metadata": {"name": "ci"}})
    data = {".dockerconfigjson": b64encode(b'{"auths":{}}').decode()}
    body = {"metadata": {"name": "registry"}, "type": "kubernetes.io/dockerconfigjson", "data": data}
    cluster.request("POST", "/api/v1/namespaces/ci/secrets", body)
    yield SecretRef("ci", "registry")
    cluster.delete("/api/v1/namespaces/ci")


async def test_what_a_cluster_asks_for_is_there_while_the_run_lasts(
    run_it: Any, two_pods: Path, cluster: Any, pull_secret: SecretRef
) -> None:
    cluster.request("POST", "/apis/scheduling.k8s.io/v1/priorityclasses", {"metadata": {"name": "low"}, "value": 5})
    seen: dict[str, Any] = {}

    def look(event: Any) -> None:
        if isinstance(event, PodReady) and not seen:
            base = f"/api/v1/namespaces/{cluster.namespaces['shop']}"
            seen["pod"] = cluster.request("GET", f"{base}/pods/client")
            seen["secret"] = cluster.request("GET", f"{base}/secrets/registry")
            seen["namespace"] = cluster.request("GET", base)

    agent = AgentOptions(
        pull_secrets=(pull_secret,),
        tolerations=(parse_toleration("dedicated=probe:NoSchedule"),),
        priority_class="low",
        limits={"memory": "64Mi"},
        labels={"team": "net"},
        annotations={"example.com/note": "x"},
    )
    namespaces = NamespaceOptions({"cost-center": "42"}, {"example.com/owner": "net team"})
    try:
        record = await run_it(two_pods, hook=look, agent=agent, namespaces=namespaces)
    finally:
        cluster.delete("/apis/scheduling.k8s.io/v1/priorityclasses/low")
    assert record.exit_code == ExitCode.PASSED
    spec, metadata = seen["pod"]["spec"], seen["pod"]["metadata"]
    assert spec["imagePullSecrets"] == [{"name": "registry"}]
    assert spec["priority"] == 5
    assert spec["containers"][0]["resources"]["limits"] == {"memory": "64Mi"}
    assert any(toleration["key"] == "dedicated" for toleration in spec["tolerations"])
    assert metadata["labels"]["team"] == "net"
    assert metadata["annotations"]["linkerd.io/inject"] == "disabled"
    assert seen["secret"]["metadata"]["labels"]["cni-probe.dev/run"] == record.run
    assert seen["namespace"]["metadata"]["labels"]["cost-center"] == "42"
    assert seen["namespace"]["metadata"]["annotations"]["example.com/owner"] == "net team"
    assert cluster.leftovers() == []


async def test_a_tainted_node_takes_pods_that_tolerate_the_taint_and_no_others(
    run_it: Any, two_pods: Path, cluster: Any
) -> None:
    def taint(*taints: dict[str, str]) -> None:
        cluster.request("PATCH", "/api/v1/nodes/node-2", {"spec": {"taints": list(taints)}})

    taint({"key": "dedicated", "value": "probe", "effect": "NoSchedule"})
    try:
        alone = await run_it(two_pods)
        tolerating = AgentOptions(tolerations=(parse_toleration("dedicated=probe:NoSchedule"),))
        both = await run_it(two_pods, agent=tolerating)
    finally:
        taint()
    assert {pod.node for pod in alone.scenarios[0].pods} == {"node-1"}
    assert {pod.node for pod in both.scenarios[0].pods} == {"node-1", "node-2"}
    assert both.exit_code == ExitCode.PASSED


async def test_a_pull_secret_that_is_not_there_ends_the_run_before_it_begins(
    run_it: Any, two_pods: Path, cluster: Any
) -> None:
    agent = AgentOptions(pull_secrets=(SecretRef("default", "nope"),))
    with pytest.raises(ClusterError, match="the image pull secret default/nope does not exist"):
        await run_it(two_pods, agent=agent)
    assert cluster.leftovers() == []
