"""A snapshot of the embedded cluster is what manifests of the same objects make."""

from __future__ import annotations

import asyncio

import pytest
import yaml

from probe.cli import main
from probe.cluster.access import Impersonation
from probe.cluster.connect import connect
from probe.cluster.permissions import Need
from probe.cluster.rbac import Access, access_manifests
from probe.cluster.snapshot import look_at_cluster
from probe.manifests import load_manifests
from probe.model.errors import ClusterError
from probe.model.snapshot import ServicePort
from probe.sandbox.launch import Sandbox
from tests.sandbox.kube import Kube, ip, pod_path

pytestmark = pytest.mark.sandbox

USER = "system:serviceaccount:reader:reader"
PATHS = {
    "Namespace": "/api/v1/namespaces",
    "ServiceAccount": "/api/v1/namespaces/reader/serviceaccounts",
    "ClusterRole": "/apis/rbac.authorization.k8s.io/v1/clusterroles",
    "ClusterRoleBinding": "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings",
}
POLICY = {"metadata": {"name": "closed"}, "spec": {"podSelector": {"matchLabels": {"app": "web"}}}}


async def test_what_is_read_of_a_cluster_is_what_is_there(sandbox: Sandbox, kube: Kube, namespace: str) -> None:
    ports = [{"containerPort": 8080, "name": "http"}]
    await kube.pod(namespace, "web", "8080/TCP", container={"ports": ports})
    service = {"metadata": {"name": "web"}, "spec": {"ports": [{"port": 80, "targetPort": "http"}]}}
    await kube.ok("POST", f"/api/v1/namespaces/{namespace}/services", service)
    await kube.ok("POST", f"/apis/networking.k8s.io/v1/namespaces/{namespace}/networkpolicies", POLICY)
    there = await kube.ok("GET", pod_path(namespace, "web"))

    async with connect(str(sandbox.kubeconfig)) as api:
        sight = await look_at_cluster(api, [namespace])
    assert sight.snapshot.namespaces == {namespace: {"kubernetes.io/metadata.name": namespace}}
    (pod,) = sight.snapshot.pods
    assert (pod.id, pod.addresses, pod.node) == (f"{namespace}/web", (ip(there),), there["spec"]["nodeName"])
    (served,) = sight.snapshot.services
    assert served.ports == (ServicePort(80, target="http"),)
    assert len(served.cluster_ips) == 1
    assert [policy["metadata"]["name"] for policy in sight.snapshot.policies] == ["closed"]
    assert {node.name for node in sight.snapshot.nodes} == {"node-1", "node-2"}

    dumped = yaml.safe_dump_all([there, *sight.snapshot.policies])
    assert load_manifests(["-"], read_stdin=dumped.encode).snapshot.pods == (pod,)


async def test_cluster_scoped_policies_are_there_too(sandbox: Sandbox, kube: Kube, namespace: str) -> None:
    path = "/apis/policy.networking.k8s.io/v1alpha2/clusternetworkpolicies"
    here = {"namespaces": {"matchLabels": {"kubernetes.io/metadata.name": namespace}}}
    spec = {"tier": "Admin", "priority": 10, "subject": here, "ingress": [{"action": "Deny", "from": [here]}]}
    version = "policy.networking.k8s.io/v1alpha2"
    policy = {"apiVersion": version, "kind": "ClusterNetworkPolicy", "metadata": {"name": namespace}, "spec": spec}
    await kube.ok("POST", path, policy)
    try:
        async with connect(str(sandbox.kubeconfig)) as api:
            sight = await look_at_cluster(api, [namespace])
    finally:
        await kube.ok("DELETE", f"{path}/{namespace}")
    assert sight.warnings == ()
    assert [(each["kind"], each["spec"]) for each in sight.snapshot.policies] == [("ClusterNetworkPolicy", spec)]


async def test_a_live_cluster_is_explained_as_its_manifests_are(
    sandbox: Sandbox, kube: Kube, namespace: str, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("web", "client"):
        await kube.pod(namespace, name, "8080/TCP")
    closed = {"metadata": {"name": "closed"}, "spec": {"podSelector": {}}}
    await kube.ok("POST", f"/apis/networking.k8s.io/v1/namespaces/{namespace}/networkpolicies", closed)
    cluster = ["--kubeconfig", str(sandbox.kubeconfig), "--namespace", namespace, "--quiet"]
    flow = ["--from", f"{namespace}/client", "--to", f"{namespace}/web", "--port", "8080"]

    assert await asyncio.to_thread(main, ["explain", *cluster, *flow, "--expect", "deny"]) == 0
    assert f"{namespace}/closed isolates {namespace}/web for ingress" in " ".join(capsys.readouterr().out.split())
    assert await asyncio.to_thread(main, ["matrix", *cluster, "-o", "markdown"]) == 0
    assert f"| {namespace}/client | all | - |\n" in capsys.readouterr().out


async def test_the_right_to_list_is_enough_and_without_it_nothing_is_made_up(sandbox: Sandbox, kube: Kube) -> None:
    manifests = list(access_manifests(Access("reader", "reader", frozenset({Need.SNAPSHOT}))))
    for manifest in manifests:
        await kube.ok("POST", PATHS[manifest["kind"]], manifest)
    try:
        async with connect(str(sandbox.kubeconfig), impersonation=Impersonation(USER)) as api:
            sight = await look_at_cluster(api)
        assert {"default", "reader"} <= set(sight.snapshot.namespaces)
        assert not any("may not" in warning for warning in sight.warnings)
        async with connect(str(sandbox.kubeconfig), impersonation=Impersonation("nobody")) as api:
            with pytest.raises(ClusterError, match="you may not list namespaces"):
                await look_at_cluster(api)
    finally:
        for manifest in manifests:
            if manifest["kind"] != "ServiceAccount":
                await kube.ok("DELETE", f"{PATHS[manifest['kind']]}/{manifest['metadata']['name']}")
