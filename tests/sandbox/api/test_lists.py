"""Lists: selectors, pages, versions, and the forms they come in."""

from __future__ import annotations

from typing import Any

import pytest

from probe.sandbox.store import Store
from tests.sandbox.api.server import (
    CONFIGMAPS,
    NAMESPACES,
    PODS,
    Client,
    Reply,
    Server,
    api_server,
    configmap,
    node,
    pod,
)

TABLE = "application/json;as=Table;v=v1;g=meta.k8s.io,application/json"


def names(reply: Reply) -> list[str]:
    assert reply.code == 200, reply.body
    return [item["metadata"]["name"] for item in reply.body["items"]]


@pytest.fixture
async def labelled(client: Client) -> Client:
    labels: dict[str, dict[str, str]] = {
        "a": {"app": "web", "tier": "front"},
        "b": {"app": "web"},
        "c": {"app": "db", "tier": "", "weight": "7"},
        "d": {},
    }
    for name, found in labels.items():
        await client.post(PODS, {**pod(name), "metadata": {"name": name, "labels": found}})
    return client


@pytest.mark.parametrize(
    ("selector", "expected"),
    [
        ("", "abcd"),
        ("app=web", "ab"),
        ("app==web,tier=front", "a"),
        ("app!=web", "cd"),
        ("app in (web, db)", "abc"),
        ("app notin (web)", "cd"),
        ("app in (web,db),tier", "ac"),
        ("tier", "ac"),
        ("!tier", "bd"),
        ("tier=", "c"),
        ("weight>6", "c"),
        ("weight<7", ""),
    ],
)
async def test_label_selectors(labelled: Client, selector: str, expected: str) -> None:
    assert names(await labelled.get(PODS, labelSelector=selector)) == list(expected)


@pytest.mark.parametrize("selector", ["a in web", "=x", "a,,b", "a=b c"])
async def test_a_label_selector_that_cannot_be_read_is_refused(labelled: Client, selector: str) -> None:
    assert (await labelled.get(PODS, labelSelector=selector)).code == 400


async def test_field_selectors(server: Server, labelled: Client) -> None:
    def bind(obj: dict[str, Any]) -> None:
        obj["spec"]["nodeName"] = "n1"
        obj["status"]["phase"] = "Running"

    server.store.modify("pods", "default", "a", bind)
    assert names(await labelled.get(PODS, fieldSelector="spec.nodeName=n1")) == ["a"]
    assert names(await labelled.get("/api/v1/pods", fieldSelector="status.phase!=Running")) == ["b", "c", "d"]
    assert names(await labelled.get(PODS, fieldSelector="metadata.name=c,metadata.namespace=default")) == ["c"]
    assert names(await labelled.get(PODS, fieldSelector="spec.nodeName=", labelSelector="app")) == ["b", "c"]
    refused = await labelled.get(PODS, fieldSelector="spec.image=x")
    assert (refused.code, refused.body["message"]) == (400, "field label not supported: spec.image")


async def test_all_namespaces_or_one(client: Client) -> None:
    await client.post(NAMESPACES, {"metadata": {"name": "n"}})
    await client.post(CONFIGMAPS, configmap("here"))
    await client.post(f"{NAMESPACES}/n/configmaps", configmap("there"))
    everywhere = await client.get(
        "/api/v1/configmaps", labelSelector="!x", fieldSelector="metadata.name!=kube-root-ca.crt"
    )
    assert names(everywhere) == ["here", "there"]
    assert names(await client.get(f"{NAMESPACES}/n/configmaps", fieldSelector="metadata.name=there")) == ["there"]
    assert everywhere.body["kind"] == "ConfigMapList"


async def test_pages_cover_everything_once_and_stay_at_one_version(labelled: Client) -> None:
    first = await labelled.get(PODS, limit="3")
    assert names(first) == ["a", "b", "c"]
    assert first.body["metadata"]["remainingItemCount"] == 1
    await labelled.post(PODS, pod("e"))
    second = await labelled.get(PODS, limit="3", **{"continue": first.body["metadata"]["continue"]})
    assert names(second) == ["d", "e"]
    assert "continue" not in second.body["metadata"]
    assert second.body["metadata"]["resourceVersion"] == first.body["metadata"]["resourceVersion"]
    assert (await labelled.get(PODS, **{"continue": "junk"})).code == 400


async def test_a_page_token_expires_with_the_history() -> None:
    async with api_server(history=3) as server:
        for index in range(3):
            await server.client.post(CONFIGMAPS, configmap(f"c{index}"))
        first = await server.client.get(CONFIGMAPS, limit="1")
        for index in range(3, 8):
            await server.client.post(CONFIGMAPS, configmap(f"c{index}"))
        expired = await server.client.get(CONFIGMAPS, limit="1", **{"continue": first.body["metadata"]["continue"]})
        assert (expired.code, expired.body["reason"]) == (410, "Expired")


async def test_versions_that_are_past_or_to_come(client: Client) -> None:
    now = (await client.get(CONFIGMAPS)).body["metadata"]["resourceVersion"]
    await client.post(CONFIGMAPS, configmap())
    assert (await client.get(CONFIGMAPS, resourceVersion="0")).code == 200
    assert (await client.get(CONFIGMAPS, resourceVersion=now, resourceVersionMatch="NotOlderThan")).code == 200
    assert (await client.get(CONFIGMAPS, resourceVersion=now, resourceVersionMatch="Exact")).code == 410
    assert (await client.get(CONFIGMAPS, resourceVersion="999999")).code == 504
    assert (await client.get(CONFIGMAPS, resourceVersion="x")).code == 400


async def table(client: Client, path: str, **query: str) -> dict[str, Any]:
    async with client.http.get(path, headers={"Accept": TABLE}, params=query) as response:
        assert response.status == 200
        found: dict[str, Any] = await response.json()
    assert found["kind"] == "Table"
    return found


def column(shown: dict[str, Any], name: str) -> list[Any]:
    index = [item["name"] for item in shown["columnDefinitions"]].index(name)
    return [row["cells"][index] for row in shown["rows"]]


async def test_pods_as_a_table(server: Server, client: Client) -> None:
    server.store.create("nodes", node("n1"))
    await client.post(PODS, pod(nodeName="n1"))
    waiting = {"name": "agent", "ready": False, "restartCount": 2, "state": {"waiting": {"reason": "CrashLoopBackOff"}}}
    server.store.modify(
        "pods", "default", "backend", lambda obj: obj["status"].update(podIP="10.244.0.2", containerStatuses=[waiting])
    )
    shown = await table(client, PODS)
    assert [item["name"] for item in shown["columnDefinitions"] if item["priority"] == 0] == [
        "Name",
        "Ready",
        "Status",
        "Restarts",
        "Age",
    ]
    assert shown["rows"][0]["cells"][:4] == ["backend", "0/1", "CrashLoopBackOff", "2"]
    assert (column(shown, "IP"), column(shown, "Node")) == (["10.244.0.2"], ["n1"])
    assert shown["rows"][0]["object"]["kind"] == "PartialObjectMetadata"
    whole = await table(client, f"{PODS}/backend", includeObject="Object")
    assert whole["rows"][0]["object"]["kind"] == "Pod"


async def test_other_kinds_as_tables(server: Server, client: Client) -> None:
    from tests.sandbox.api.server import POLICIES, SERVICES, policy, service

    server.store.create("nodes", node("n1", unschedulable=True))
    await client.post(
        SERVICES, service(ports=[{"name": "a", "port": 80}, {"name": "b", "port": 53, "protocol": "UDP"}])
    )
    await client.post(POLICIES, policy(podSelector={"matchLabels": {"app": "x"}}))
    await client.post(CONFIGMAPS, configmap(a="1", b="2"))
    assert column(await table(client, "/api/v1/nodes"), "Status") == ["Ready,SchedulingDisabled"]
    assert column(await table(client, SERVICES), "Port(s)") == ["80/TCP,53/UDP"]
    assert column(await table(client, POLICIES), "Pod-Selector") == ["app=x"]
    assert column(await table(client, CONFIGMAPS), "Data") == ["1", "2"]
    assert column(await table(client, NAMESPACES), "Status") == ["Active"] * 4
    assert column(await table(client, "/apis/coordination.k8s.io/v1/leases"), "Name") == []


def test_the_store_is_not_copied_for_a_list() -> None:
    store = Store()
    created = store.create("configmaps", {"metadata": {"name": "a", "namespace": "default"}})
    assert store.list("configmaps")[0] is created
