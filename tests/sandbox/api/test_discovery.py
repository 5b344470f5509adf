"""Discovery and OpenAPI: what clients read before anything else."""

from __future__ import annotations

from typing import Any

import pytest

from probe.sandbox.api.resources import RESOURCES
from tests.sandbox.api.server import Client

AGGREGATED = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,application/json"


async def test_every_resource_is_listed_under_its_group(client: Client) -> None:
    for resource in RESOURCES:
        path = f"/apis/{resource.api_version}" if resource.group else "/api/v1"
        listed = (await client.get(path)).body
        assert (listed["kind"], listed["groupVersion"]) == ("APIResourceList", resource.api_version)
        entry = next(item for item in listed["resources"] if item["name"] == resource.plural)
        assert (entry["kind"], entry["namespaced"]) == (resource.kind, resource.namespaced)
    pods = [item["name"] for item in (await client.get("/api/v1")).body["resources"]]
    assert {"pods", "pods/exec", "pods/log", "pods/status"} <= set(pods)


async def test_groups_and_versions(client: Client) -> None:
    assert (await client.get("/api")).body["versions"] == ["v1"]
    groups = {group["name"] for group in (await client.get("/apis")).body["groups"]}
    assert {"networking.k8s.io", "discovery.k8s.io", "sandbox.cni-probe.dev"} <= groups
    group = (await client.get("/apis/networking.k8s.io")).body
    assert group["preferredVersion"]["groupVersion"] == "networking.k8s.io/v1"
    version = (await client.get("/version")).body
    assert version["gitVersion"].endswith("+cni-probe")


async def test_aggregated_discovery_is_two_requests(client: Client) -> None:
    found: set[tuple[str, str]] = set()
    for path in ("/api", "/apis"):
        async with client.http.get(path, headers={"Accept": AGGREGATED}) as response:
            assert "as=APIGroupDiscoveryList" in response.headers["Content-Type"]
            body: dict[str, Any] = await response.json()
        assert body["apiVersion"] == "apidiscovery.k8s.io/v2"
        for group in body["items"]:
            for version in group["versions"]:
                found |= {(group["metadata"].get("name", ""), item["resource"]) for item in version["resources"]}
    assert found == {(resource.group, resource.plural) for resource in RESOURCES}


async def test_openapi_says_that_the_server_validates_fields(client: Client) -> None:
    index = (await client.get("/openapi/v3")).body["paths"]
    assert {"api/v1", "apis/networking.k8s.io/v1"} <= set(index)
    document = (await client.get(index["apis/networking.k8s.io/v1"]["serverRelativeURL"])).body
    path = "/apis/networking.k8s.io/v1/namespaces/{namespace}/networkpolicies/{name}"
    operation = document["paths"][path]["patch"]
    assert "fieldValidation" in [parameter["name"] for parameter in operation["parameters"]]
    gvk = {"group": "networking.k8s.io", "version": "v1", "kind": "NetworkPolicy"}
    assert operation["x-kubernetes-group-version-kind"] == gvk
    schema = document["components"]["schemas"]["io.k8s.networking.v1.NetworkPolicy"]
    assert {"podSelector", "ingress", "egress", "policyTypes"} == set(schema["properties"]["spec"]["properties"])


@pytest.mark.parametrize("path", ["/openapi/v2", "/openapi/v3/apis/sandbox.cni-probe.dev/v1"])
async def test_other_openapi_documents(client: Client, path: str) -> None:
    assert (await client.get(path)).code == 200


async def test_one_may_do_everything(client: Client) -> None:
    asked = {"spec": {"resourceAttributes": {"verb": "create", "resource": "pods"}}}
    answer = await client.post("/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", asked)
    assert (answer.code, answer.body["status"]["allowed"]) == (201, True)
    assert answer.body["spec"] == asked["spec"]
