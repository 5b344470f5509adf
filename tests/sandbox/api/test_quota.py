"""ResourceQuota: nothing comes in that there is no room for, and the refusal says what there is."""

from __future__ import annotations

from typing import Any

import pytest

from probe.sandbox.store import Obj
from tests.sandbox.api.server import CONFIGMAPS, PODS, SERVICES, Client, Server, configmap, pod, service, until

QUOTAS = "/api/v1/namespaces/default/resourcequotas"


def quota(name: str = "q", *, scopes: list[str] | None = None, **hard: Any) -> Obj:
    """``requests__cpu`` stands for ``requests.cpu``."""
    spec: Obj = {"hard": {key.replace("__", "."): value for key, value in hard.items()}}
    return {"metadata": {"name": name}, "spec": {**spec, "scopes": scopes} if scopes else spec}


def using(name: str = "backend", *, requests: Obj | None = None, limits: Obj | None = None, **spec: Any) -> Obj:
    """A pod whose container states what it needs."""
    made = pod(name, **spec)
    made["spec"]["containers"][0]["resources"] = {"requests": requests or {}, "limits": limits or {}}
    return made


async def test_no_more_pods_than_there_is_room_for(client: Client) -> None:
    await client.post(QUOTAS, quota(pods=2))
    for name in ("a", "b"):
        assert (await client.post(PODS, pod(name))).code == 201
    refused = await client.post(PODS, pod("c"))
    assert (refused.code, refused.body["reason"]) == (403, "Forbidden")
    assert refused.body["message"] == (
        'pods "c" is forbidden: exceeded quota: q, requested: pods=1, used: pods=2, limited: pods=2'
    )
    assert (await client.post(PODS, pod("c"), dryRun="All")).code == 403
    await client.delete(f"{PODS}/a")
    assert (await client.post(PODS, pod("c"))).code == 201


async def test_a_pod_that_is_done_makes_room_but_its_object_counts(server: Server) -> None:
    client = server.client
    await client.post(QUOTAS, quota(pods="1"))
    await client.post(PODS, pod("a"))
    server.store.modify("pods", "default", "a", lambda draft: draft["status"].update(phase="Succeeded"))
    assert (await client.post(PODS, pod("b"))).code == 201
    await client.post(QUOTAS, {**quota("objects"), "spec": {"hard": {"count/pods": "2"}}})
    refused = await client.post(PODS, pod("c"))
    assert "exceeded quota: objects, requested: count/pods=1, used: count/pods=2" in refused.body["message"]


async def test_amounts_add_up(client: Client) -> None:
    await client.post(QUOTAS, quota(requests__cpu="1", limits__memory="128Mi"))
    half = {"requests": {"cpu": "600m"}, "limits": {"cpu": "600m", "memory": "64Mi"}}
    assert (await client.post(PODS, using("a", **half))).code == 201
    refused = await client.post(PODS, using("b", requests={"cpu": 0.5}, limits={"memory": "65Mi"}))
    assert refused.body["message"] == (
        'pods "b" is forbidden: exceeded quota: q, requested: limits.memory=65Mi,requests.cpu=500m, '
        "used: limits.memory=64Mi,requests.cpu=600m, limited: limits.memory=128Mi,requests.cpu=1"
    )


async def test_a_container_must_state_what_is_counted(client: Client) -> None:
    await client.post(QUOTAS, quota(limits__cpu="1", requests__memory="1Gi", pods="9"))
    refused = await client.post(PODS, pod("a"))
    assert (refused.code, refused.body["message"]) == (
        403,
        'pods "a" is forbidden: failed quota: q: must specify limits.cpu for: agent; requests.memory for: agent',
    )
    refused = await client.post(PODS, using("a", requests={"memory": "1Mi"}))
    assert refused.body["message"].endswith("failed quota: q: must specify limits.cpu for: agent")


async def test_limits_without_requests_are_requests(client: Client) -> None:
    await client.post(QUOTAS, quota(cpu="1"))
    assert (await client.post(PODS, using("a", limits={"cpu": "1"}))).code == 201
    assert (
        "requested: cpu=1m, used: cpu=1" in (await client.post(PODS, using("b", limits={"cpu": "1m"}))).body["message"]
    )


async def test_services_and_their_node_ports(client: Client) -> None:
    await client.post(QUOTAS, quota(services="2", services__nodeports="1"))
    assert (await client.post(SERVICES, service("a", type="NodePort"))).code == 201
    assert (await client.post(SERVICES, service("b"))).code == 201
    refused = await client.post(SERVICES, service("c", type="NodePort"))
    assert refused.body["message"] == (
        'services "c" is forbidden: exceeded quota: q, requested: services=1,services.nodeports=1, '
        "used: services=2,services.nodeports=1, limited: services=2,services.nodeports=1"
    )
    refused = await client.patch(f"{SERVICES}/b", {"spec": {"type": "NodePort"}})
    assert "exceeded quota: q, requested: services.nodeports=1, used: services.nodeports=1" in refused.body["message"]


@pytest.mark.parametrize("name", ["configmaps", "count/configmaps"])
async def test_objects_are_counted(client: Client, name: str) -> None:
    # One is in every namespace: the cluster's root certificate.
    await client.post(QUOTAS, {"metadata": {"name": "q"}, "spec": {"hard": {name: "2"}}})
    assert (await client.post(CONFIGMAPS, configmap("a"))).code == 201
    refused = await client.post(CONFIGMAPS, configmap("b"))
    assert refused.body["message"].endswith(f"requested: {name}=1, used: {name}=2, limited: {name}=2")
    assert (await client.patch(f"{CONFIGMAPS}/a", {"data": {"x": "y"}})).code == 200, "a change takes no more room"


async def test_other_namespaces_have_room_of_their_own(server: Server) -> None:
    await server.client.post(QUOTAS, quota(pods="0"))
    accounts = server.store
    await until(accounts, "serviceaccounts", lambda: accounts.find("serviceaccounts", "kube-system", "default"))
    assert (await server.client.post(PODS, pod())).code == 403
    assert (await server.client.post("/api/v1/namespaces/kube-system/pods", pod())).code == 201


async def test_a_quota_with_scopes_counts_some_pods(client: Client) -> None:
    await client.post(QUOTAS, quota(scopes=["BestEffort"], pods="0"))
    assert (await client.post(PODS, pod("a"))).code == 403
    assert (await client.post(PODS, using("b", limits={"cpu": "1"}))).code == 201


async def test_the_status_says_what_is_used(server: Server) -> None:
    client = server.client
    await client.post(QUOTAS, quota(pods="3", requests__cpu="2"))

    def used(**expected: str) -> Any:
        status = server.store.get("resourcequotas", "default", "q").get("status") or {}
        return status.get("used") == {key.replace("__", "."): value for key, value in expected.items()} and status

    status = await until(server.store, "resourcequotas", lambda: used(pods="0", requests__cpu="0"))
    assert status["hard"] == {"pods": "3", "requests.cpu": "2"}
    await client.post(PODS, using("a", requests={"cpu": "500m"}))
    await until(server.store, "resourcequotas", lambda: used(pods="1", requests__cpu="500m"))
    await client.delete(f"{PODS}/a")
    await until(server.store, "resourcequotas", lambda: used(pods="0", requests__cpu="0"))


async def test_an_amount_that_is_none_is_a_bad_request(client: Client) -> None:
    for path, body in ((QUOTAS, quota(pods="many")), (PODS, using("a", limits={"cpu": "1 core"}))):
        refused = await client.post(path, body)
        assert refused.code == 400
        assert "quantities must match the regular expression" in refused.body["message"]


async def test_a_request_above_its_limit_is_invalid(client: Client) -> None:
    refused = await client.post(PODS, using("a", requests={"cpu": "2"}, limits={"cpu": "1"}))
    assert refused.code == 422
    assert 'requests: Invalid value: "2": must be less than or equal to cpu limit of 1' in refused.body["message"]
