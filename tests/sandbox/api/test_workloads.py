"""Kinds that are kept and shown, without controllers: what describes a cluster rather than runs in it."""

from __future__ import annotations

from typing import Any

import pytest

from probe.sandbox.store import Obj
from tests.sandbox.api.server import PODS, Client, Server, pod

DAEMONSETS = "/apis/apps/v1/namespaces/kube-system/daemonsets"
DEPLOYMENTS = "/apis/apps/v1/namespaces/default/deployments"


def workload(name: str, **spec: Any) -> Obj:
    template = {"metadata": {"labels": {"app": name}}, "spec": {"containers": [{"name": "a", "image": "quay.io/x:1"}]}}
    return {
        "metadata": {"name": name},
        "spec": {"selector": {"matchLabels": {"app": name}}, "template": template, **spec},
    }


async def test_daemonsets_are_kept_with_a_status_that_somebody_writes(client: Client) -> None:
    made = (await client.post(DAEMONSETS, workload("calico-node"))).body
    assert (made["status"]["numberReady"], made["metadata"]["generation"]) == (0, 1)
    assert made["spec"]["template"]["spec"]["restartPolicy"] == "Always"
    await client.patch(f"{DAEMONSETS}/calico-node/status", {"status": {"numberReady": 2}})
    (listed,) = (await client.get("/apis/apps/v1/daemonsets")).body["items"]
    assert listed["status"]["numberReady"] == 2
    assert listed["spec"]["template"]["spec"]["containers"][0]["image"] == "quay.io/x:1"


async def test_deployments_make_no_pods(server: Server) -> None:
    assert (await server.client.post(DEPLOYMENTS, workload("web", replicas=3))).code == 201
    await server.client.post(PODS, pod())
    assert len((await server.client.get(PODS)).body["items"]) == 1


async def test_the_same_workload_again_is_no_change(client: Client) -> None:
    first = (await client.post(DEPLOYMENTS, workload("web"))).body
    again = (await client.put(f"{DEPLOYMENTS}/web", workload("web"))).body
    assert again["metadata"]["generation"] == 1
    assert again["spec"] == first["spec"]


async def test_a_selector_must_select_and_stay(client: Client) -> None:
    wrong = workload("web", selector={"matchLabels": {"app": "other"}})
    refused = await client.post(DEPLOYMENTS, wrong)
    assert (refused.code, "`selector` does not match template `labels`" in refused.body["message"]) == (422, True)
    await client.post(DEPLOYMENTS, workload("web"))
    change = {"spec": {"selector": {"matchLabels": {"x": "y"}}, "template": {"metadata": {"labels": {"x": "y"}}}}}
    assert (await client.patch(f"{DEPLOYMENTS}/web", change)).code == 422


async def test_custom_resource_definitions_are_kept_but_serve_nothing(client: Client) -> None:
    spec = {"group": "projectcalico.org", "names": {"kind": "X", "plural": "xs"}, "scope": "Cluster", "versions": []}
    made = {"metadata": {"name": "xs.projectcalico.org"}, "spec": spec}
    path = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
    assert (await client.post(path, made)).code == 201
    assert (await client.get(path)).body["items"][0]["spec"] == spec
    assert (await client.get("/apis/projectcalico.org/v1/xs")).code == 404


@pytest.mark.parametrize("dry", [False, True])
async def test_an_evicted_pod_says_so(server: Server, dry: bool) -> None:
    await server.client.post(PODS, pod(nodeName="n1"))
    query = {"dryRun": "All"} if dry else {}
    assert (await server.client.post(f"{PODS}/backend/eviction", {}, **query)).code == 201
    found = (await server.client.get(f"{PODS}/backend")).body
    assert ("deletionTimestamp" in found["metadata"]) is not dry
    said = [item for item in found["status"].get("conditions", ()) if item["type"] == "DisruptionTarget"]
    assert [item["reason"] for item in said] == ([] if dry else ["EvictionByEvictionAPI"])
