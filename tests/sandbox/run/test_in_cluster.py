"""Runs inside the cluster: the printed Job, and the pod that Sonobuoy makes of the printed plugin.

The sandbox's pods see the host's files, so the command is this very cni-probe; all else is as printed: the account and
its rights, its token, the way to the API server, the scenarios' volume, the ConfigMap for the results.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from probe.cli.main import main

pytestmark = pytest.mark.sandbox

SCENARIOS = Path(__file__).parents[3] / "scenarios"
RBAC = "/apis/rbac.authorization.k8s.io/v1"
COMMAND = [sys.executable, "-m", "probe"]
IMAGE = "cni-probe-agent:test"
"""The sandbox has this image; what is in it is the host's files."""
PATHS = {
    "Namespace": "/api/v1/namespaces",
    "ServiceAccount": "/api/v1/namespaces/{}/serviceaccounts",
    "ConfigMap": "/api/v1/namespaces/{}/configmaps",
    "ClusterRole": f"{RBAC}/clusterroles",
    "ClusterRoleBinding": f"{RBAC}/clusterrolebindings",
    "Role": f"{RBAC}/namespaces/{{}}/roles",
    "RoleBinding": f"{RBAC}/namespaces/{{}}/rolebindings",
    "Job": "/apis/batch/v1/namespaces/{}/jobs",
    "Pod": "/api/v1/namespaces/{}/pods",
}


class Kubectl:
    """Applies manifests, and takes them away again."""

    def __init__(self, cluster: Any) -> None:
        self.cluster = cluster
        self._applied: list[str] = []

    def apply(self, manifest: dict[str, Any]) -> None:
        """Create one object."""
        metadata = manifest["metadata"]
        path = PATHS[manifest["kind"]].format(metadata.get("namespace"))
        self.cluster.request("POST", path, manifest)
        if "namespace" not in metadata:
            self._applied.append(f"{path}/{metadata['name']}")

    def remove(self) -> None:
        """Delete what is not in a namespace, and with the namespaces the rest."""
        for path in self._applied:
            self.cluster.delete(path)


@pytest.fixture
def kubectl(cluster: Any) -> Iterator[Kubectl]:
    found = Kubectl(cluster)
    yield found
    found.remove()


def until(cluster: Any, path: str, done: Any) -> dict[str, Any]:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        found = cluster.request("GET", path)
        if found is not None and done(found):
            return dict(found)
        time.sleep(0.1)
    raise AssertionError(f"{path} did not get there: {json.dumps(found, indent=1)}")


def is_over(pod: dict[str, Any]) -> bool:
    return pod.get("status", {}).get("phase") in ("Succeeded", "Failed")


def test_the_job_runs_with_its_own_account_and_leaves_its_results_in_a_config_map(
    kubectl: Kubectl, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["job", str(SCENARIOS / "seeds" / "ingress.yaml"), "--namespace", "inside", "--results", "configmap"]
    assert main([*words, "--runner-image", IMAGE]) == 0
    for manifest in yaml.safe_load_all(capsys.readouterr().out):
        if manifest["kind"] == "Job":
            (container,) = manifest["spec"]["template"]["spec"]["containers"]
            container["command"] = COMMAND
        kubectl.apply(manifest)
    job = until(kubectl.cluster, "/apis/batch/v1/namespaces/inside/jobs/cni-probe", is_finished)
    results = kubectl.cluster.request("GET", "/api/v1/namespaces/inside/configmaps/cni-probe-results")
    assert results["data"]["exit-code"] == "0", results["data"]
    assert job["status"].get("succeeded") == 1
    record = json.loads(results["data"]["run.json"])
    assert [scenario["name"] for scenario in record["scenarios"]] == ["frontend-ingress"]
    assert record["cluster"]["server"].startswith("https://10.96.0.1")
    assert kubectl.cluster.leftovers() == []


def is_finished(job: dict[str, Any]) -> bool:
    return bool(job.get("status", {}).get("conditions"))


def test_the_plugin_leaves_junit_and_then_the_file_that_sonobuoy_waits_for(
    kubectl: Kubectl, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["job", str(SCENARIOS / "smoke"), "--sonobuoy", "--runner-image", IMAGE]) == 0
    plugin = yaml.safe_load(capsys.readouterr().out)
    for manifest in as_sonobuoy_does(plugin):
        kubectl.apply(manifest)
    pod = until(kubectl.cluster, "/api/v1/namespaces/sonobuoy/pods/plugin", worker_is_over)
    states = {each["name"]: each["state"]["terminated"] for each in pod["status"]["containerStatuses"]}
    assert states["plugin"]["exitCode"] == 0
    assert states["sonobuoy-worker"]["exitCode"] == 0


def worker_is_over(pod: dict[str, Any]) -> bool:
    statuses = pod.get("status", {}).get("containerStatuses", [])
    return bool(statuses) and all("terminated" in each["state"] for each in statuses)


WORKER = """
import time, pathlib, xml.etree.ElementTree as tree
done = pathlib.Path('/tmp/sonobuoy/results/done')
while not done.exists(): time.sleep(0.1)
suites = tree.parse(done.read_text().strip()).getroot()
assert (suites.get('failures'), suites.get('errors')) == ('0', '0'), suites.attrib
assert int(suites.get('tests')) > 20
"""
"""Sonobuoy's worker: waits for ``done`` and collects the file that it names."""


def as_sonobuoy_does(plugin: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """What Sonobuoy creates for a plugin of the driver Job (pkg/plugin/driver/job and pkg/templates there)."""
    name = plugin["sonobuoy-config"]["plugin-name"]
    yield {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "sonobuoy"}}
    account = {"name": "sonobuoy-serviceaccount", "namespace": "sonobuoy"}
    yield {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": account}
    yield {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRoleBinding",
        "metadata": {"name": "sonobuoy"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cluster-admin"},
        "subjects": [{"kind": "ServiceAccount", **account}],
    }
    metadata = {"name": f"plugin-{name}-cm", "namespace": "sonobuoy"}
    yield {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": plugin["config-map"]}
    container = plugin["spec"] | {"command": COMMAND}
    worker = {
        "name": "sonobuoy-worker",
        "image": IMAGE,
        "command": [sys.executable, "-c", WORKER],
        "volumeMounts": [{"name": "results", "mountPath": "/tmp/sonobuoy/results"}],
    }
    volumes = [
        {"name": "results", "emptyDir": {}},
        {"name": f"sonobuoy-{name}-vol", "configMap": {"name": f"plugin-{name}-cm"}},
    ]
    yield {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "plugin", "namespace": "sonobuoy"},
        "spec": {
            "serviceAccountName": "sonobuoy-serviceaccount",
            "restartPolicy": "Never",
            "containers": [container, worker],
            "volumes": volumes,
        },
    }
