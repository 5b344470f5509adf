"""The cluster-scoped network policies: custom resources, which a cluster may also lack."""

from __future__ import annotations

from typing import Any

import pytest

from probe.sandbox.api.resources import WITHOUT_CLUSTER_POLICIES
from tests.sandbox.api.server import STRATEGIC, Client, api_server

GROUP = "/apis/policy.networking.k8s.io"
CNPS = f"{GROUP}/v1alpha2/clusternetworkpolicies"
ANPS = f"{GROUP}/v1alpha1/adminnetworkpolicies"
BANPS = f"{GROUP}/v1alpha1/baselineadminnetworkpolicies"
TABLE = "application/json;as=Table;v=v1;g=meta.k8s.io"


def cnp(name: str = "deny", **spec: Any) -> dict[str, Any]:
    rules = [{"action": "Deny", "from": [{"namespaces": {}}]}]
    return {"metadata": {"name": name}, "spec": {"tier": "Admin", "priority": 7, "subject": {"namespaces": {}},
            "ingress": rules, **spec}}  # fmt: skip


def anp(name: str = "deny", **spec: Any) -> dict[str, Any]:
    ports = [{"portNumber": {"port": 80}}]
    rules = [{"action": "Deny", "from": [{"namespaces": {}}], "ports": ports}]
    return {
        "metadata": {"name": name},
        "spec": {"priority": 7, "subject": {"namespaces": {}}, "ingress": rules, **spec},
    }


def banp(name: str = "default") -> dict[str, Any]:
    return {"metadata": {"name": name}, "spec": {"subject": {"namespaces": {}}}}


async def test_they_are_created_read_changed_and_deleted(client: Client) -> None:
    for path, obj in ((CNPS, cnp()), (ANPS, anp()), (BANPS, banp())):
        made = await client.post(path, obj)
        assert (made.code, made.body["metadata"]["generation"]) == (201, 1)
        assert "namespace" not in made.body["metadata"]
        one = f"{path}/{made.body['metadata']['name']}"
        changed = await client.patch(one, {"spec": {"ingress": []}, "status": {"conditions": [{"type": "A"}]}})
        assert (changed.code, changed.body["metadata"]["generation"]) == (200, 2)
        assert "status" not in changed.body, "a status has a path of its own"
        assert (await client.patch(f"{one}/status", {"status": {"conditions": [{"type": "A"}]}})).code == 200
        assert [it["metadata"]["name"] for it in (await client.get(path)).body["items"]] == [obj["metadata"]["name"]]
        assert (await client.delete(one)).code == 200
        assert (await client.get(one)).code == 404


async def test_mistakes_are_refused_as_by_the_definitions(client: Client) -> None:
    for path, obj, field in (
        (CNPS, cnp(priority=1001), "spec.priority"),
        (ANPS, anp(subject={}), "spec.subject"),
        (BANPS, banp("other"), "metadata.name"),
    ):
        refused = await client.post(path, obj)
        assert refused.code == 422
        assert [cause["field"] for cause in refused.body["details"]["causes"]] == [field]
    misspelt = await client.post(CNPS, cnp(egres=[]), fieldValidation="Strict")
    assert (misspelt.code, 'unknown field "spec.egres"' in misspelt.body["message"]) == (400, True)


async def test_old_ports_are_tcp_unless_they_say_otherwise(client: Client) -> None:
    made = (await client.post(ANPS, anp())).body
    assert made["spec"]["ingress"][0]["ports"] == [{"portNumber": {"port": 80, "protocol": "TCP"}}]


async def test_tables_show_tier_and_priority(client: Client) -> None:
    for path, obj, columns in (
        (CNPS, cnp(), {"Name": "deny", "Tier": "Admin", "Priority": "7"}),
        (ANPS, anp(), {"Name": "deny", "Priority": "7"}),
        (BANPS, banp(), {"Name": "default"}),
    ):
        await client.post(path, obj)
        async with client.http.get(path, headers={"Accept": TABLE}) as response:
            table = await response.json()
        shown = dict(zip((it["name"] for it in table["columnDefinitions"]), table["rows"][0]["cells"], strict=True))
        assert shown.pop("Age")
        assert shown == columns


async def test_a_group_of_two_versions_prefers_the_newer(client: Client) -> None:
    group = (await client.get(GROUP)).body
    assert [version["version"] for version in group["versions"]] == ["v1alpha2", "v1alpha1"]
    assert group["preferredVersion"]["version"] == "v1alpha2"
    listed = (await client.get(f"{GROUP}/v1alpha1")).body["resources"]
    assert [item["shortNames"] for item in listed if "shortNames" in item] == [["anp"], ["banp"]]


async def test_a_custom_resource_takes_no_strategic_merge_patch(client: Client) -> None:
    await client.post(CNPS, cnp())
    assert (await client.patch(f"{CNPS}/deny", {"spec": {"priority": 8}}, STRATEGIC)).code == 415


@pytest.mark.parametrize("path", [CNPS, ANPS, BANPS, GROUP, f"{GROUP}/v1alpha2"])
async def test_a_cluster_may_lack_them(path: str) -> None:
    async with api_server(served=WITHOUT_CLUSTER_POLICIES) as server:
        missing = await server.client.get(path)
        assert (missing.code, missing.body["message"]) == (404, "the server could not find the requested resource")
        groups = [group["name"] for group in (await server.client.get("/apis")).body["groups"]]
        assert "policy.networking.k8s.io" not in groups
        assert "networking.k8s.io" in groups
        assert not any("policy.networking" in path for path in (await server.client.get("/openapi/v3")).body["paths"])
