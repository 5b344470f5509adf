"""Create, get, update, delete, and the refusals, each as a Status that says why."""

from __future__ import annotations

import asyncio

import aiohttp
import pytest

from probe.sandbox.store import Obj
from tests.sandbox.api.server import (
    CONFIGMAPS,
    NAMESPACES,
    PODS,
    POLICIES,
    Client,
    Server,
    configmap,
    node,
    pod,
    policy,
    until,
)


async def test_a_created_object_has_an_identity_and_defaults(client: Client) -> None:
    created = await client.post(PODS, pod())
    assert created.code == 201
    assert created.body["metadata"].keys() >= {"uid", "resourceVersion", "creationTimestamp", "generation"}
    assert created.body["metadata"]["namespace"] == "default"
    spec = created.body["spec"]
    assert spec["containers"][0]["ports"] == [{"containerPort": 80, "protocol": "TCP"}]
    assert (spec["restartPolicy"], spec["terminationGracePeriodSeconds"]) == ("Always", 30)
    assert spec["serviceAccountName"] == "default"
    assert created.body["status"]["phase"] == "Pending"


async def test_a_generated_name_is_unique(client: Client) -> None:
    body = {"metadata": {"generateName": "x-"}}
    first, second = (await client.post(CONFIGMAPS, body)).body, (await client.post(CONFIGMAPS, body)).body
    assert first["metadata"]["name"] != second["metadata"]["name"]
    assert first["metadata"]["name"].startswith("x-")


async def test_the_same_name_twice_is_a_conflict(client: Client) -> None:
    await client.post(CONFIGMAPS, configmap())
    again = await client.post(CONFIGMAPS, configmap())
    assert (again.code, again.body["kind"], again.body["reason"]) == (409, "Status", "AlreadyExists")
    assert again.body["message"] == 'configmaps "settings" already exists'
    assert again.body["details"] == {"name": "settings", "kind": "configmaps"}


async def test_what_is_not_there_is_not_found(client: Client) -> None:
    missing = await client.get(f"{POLICIES}/nothing")
    assert (missing.code, missing.body["reason"]) == (404, "NotFound")
    assert missing.body["message"] == 'networkpolicies.networking.k8s.io "nothing" not found'
    assert missing.body["details"] == {"name": "nothing", "group": "networking.k8s.io", "kind": "networkpolicies"}


@pytest.mark.parametrize("path", ["/api/v1/nonsense", "/apis/no.such.group/v1", "/api/v2", "/nothing", f"{PODS}/a/b/c"])
async def test_a_path_nobody_serves_is_not_found(client: Client, path: str) -> None:
    missing = await client.get(path)
    assert (missing.code, missing.body["kind"], missing.body["reason"]) == (404, "Status", "NotFound")


async def test_a_namespace_that_does_not_exist_takes_no_objects(client: Client) -> None:
    refused = await client.post(f"{NAMESPACES}/nowhere/configmaps", configmap())
    assert refused.code == 404
    assert refused.body["message"] == 'namespaces "nowhere" not found'


async def test_without_the_token_nothing_is_said(server: Server) -> None:
    connector = aiohttp.TCPConnector(ssl=server.credentials.client_context())
    async with aiohttp.ClientSession(server.url, connector=connector) as http:
        for headers in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": server.credentials.token}):
            async with http.get(PODS, headers=headers) as response:
                status = await response.json()
                assert (response.status, status["kind"], status["reason"]) == (401, "Status", "Unauthorized")
        async with http.get("/readyz") as response:
            assert (response.status, await response.text()) == (200, "ok")


async def test_a_verb_that_a_resource_lacks_is_not_allowed(client: Client) -> None:
    for method, path in (("POST", f"{PODS}/a"), ("DELETE", NAMESPACES), ("PUT", PODS)):
        refused = await client.request(method, path, {})
        assert (refused.code, refused.body["reason"]) == (405, "MethodNotAllowed"), (method, path)


async def test_a_body_of_an_unknown_type_is_refused(client: Client) -> None:
    refused = await client.request("POST", CONFIGMAPS, b"x", kind="text/csv")
    assert (refused.code, refused.body["reason"]) == (415, "UnsupportedMediaType")
    refused = await client.patch(f"{CONFIGMAPS}/a", {}, "application/json")
    assert (refused.code, refused.body["reason"]) == (415, "UnsupportedMediaType")


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"{", "couldn't parse"),
        (b"[]", "must be an object"),
        ({"kind": "Pod", "apiVersion": "v1"}, "does not match the expected kind (ConfigMap)"),
        ({"apiVersion": "v2"}, "does not match the expected API version (v1)"),
        ({"metadata": {"name": "a", "namespace": "other"}}, "does not match the namespace sent on the request"),
        ({"metadata": {"name": "a"}, "data": {"a": 1}}, "cannot unmarshal number into field ConfigMap.data.a"),
        ({"metadata": {"name": "a", "resourceVersion": "1"}}, "resourceVersion should not be set"),
    ],
)
async def test_a_body_that_makes_no_sense_is_a_bad_request(client: Client, body: object, said: str) -> None:
    refused = await client.post(CONFIGMAPS, body)
    assert (refused.code, refused.body["reason"]) == (400, "BadRequest")
    assert said in refused.body["message"]


async def test_yaml_is_read_like_json(client: Client) -> None:
    created = await client.request("POST", CONFIGMAPS, "metadata: {name: a}\ndata: {x: 'y'}\n", kind="application/yaml")
    assert (created.code, created.body["data"]) == (201, {"x": "y"})


async def test_invalid_fields_are_all_named(client: Client) -> None:
    body = pod("Bad_Name")
    body["metadata"]["labels"] = {"-": "x"}
    body["spec"]["containers"][0] |= {"image": "", "ports": [{"containerPort": 0, "protocol": "TPC"}]}
    refused = await client.post(PODS, body)
    assert (refused.code, refused.body["reason"]) == (422, "Invalid")
    fields = [cause["field"] for cause in refused.body["details"]["causes"]]
    assert fields == [
        "metadata.name",
        "metadata.labels",
        "spec.containers[0].image",
        "spec.containers[0].ports[0].containerPort",
        "spec.containers[0].ports[0].protocol",
    ]
    assert refused.body["message"].startswith('Pod "Bad_Name" is invalid: [metadata.name: Invalid value: "Bad_Name"')


async def test_an_update_with_a_stale_version_is_a_conflict(client: Client) -> None:
    first = (await client.post(CONFIGMAPS, configmap(a="1"))).body
    second = await client.put(f"{CONFIGMAPS}/settings", {**first, "data": {"a": "2"}})
    assert second.code == 200
    stale = await client.put(f"{CONFIGMAPS}/settings", {**first, "data": {"a": "3"}})
    assert (stale.code, stale.body["reason"]) == (409, "Conflict")
    assert "the object has been modified; please apply your changes to the latest version" in stale.body["message"]
    assert (await client.get(f"{CONFIGMAPS}/settings")).body == second.body


async def test_an_update_without_a_difference_changes_no_version(client: Client) -> None:
    first = (await client.post(CONFIGMAPS, configmap(a="1"))).body
    assert (await client.put(f"{CONFIGMAPS}/settings", first)).body == first


async def created_pod(client: Client) -> Obj:
    """A pod to send back whatever the scheduler wrote meanwhile: without its version."""
    created: Obj = (await client.post(PODS, pod())).body
    del created["metadata"]["resourceVersion"]
    return created


async def test_status_and_the_rest_are_written_apart(client: Client) -> None:
    created = await created_pod(client)
    changed = {**created, "status": {"phase": "Running"}, "metadata": {**created["metadata"], "labels": {"a": "b"}}}
    updated = (await client.put(f"{PODS}/backend", changed)).body
    assert (updated["metadata"]["labels"], updated["status"]["phase"]) == ({"a": "b"}, "Pending")
    status = {**created, "status": {"phase": "Running"}, "metadata": {**created["metadata"], "labels": {"c": "d"}}}
    updated = (await client.put(f"{PODS}/backend/status", status)).body
    assert (updated["metadata"]["labels"], updated["status"]["phase"]) == ({"a": "b"}, "Running")


async def test_most_of_a_pods_spec_is_for_life(client: Client) -> None:
    created = await created_pod(client)
    created["spec"]["containers"][0]["ports"][0]["containerPort"] = 81
    refused = await client.put(f"{PODS}/backend", created)
    assert (refused.code, refused.body["details"]["causes"][0]["reason"]) == (422, "FieldValueForbidden")
    created["spec"]["containers"][0] |= {"image": "other:2", "ports": [{"containerPort": 80}]}
    assert (await client.put(f"{PODS}/backend", created)).code == 200


async def test_generation_counts_changes_of_the_spec_only(client: Client) -> None:
    created = (await client.post(POLICIES, policy())).body
    assert created["metadata"]["generation"] == 1
    labelled = await client.patch(f"{POLICIES}/deny", {"metadata": {"labels": {"a": "b"}}})
    assert labelled.body["metadata"]["generation"] == 1
    changed = await client.patch(f"{POLICIES}/deny", {"spec": {"podSelector": {"matchLabels": {"a": "b"}}}})
    assert changed.body["metadata"]["generation"] == 2


async def test_a_dry_run_tells_and_does_nothing(client: Client) -> None:
    tried = await client.post(CONFIGMAPS, configmap(a="1"), dryRun="All")
    assert (tried.code, tried.body["data"]) == (201, {"a": "1"})
    assert (await client.get(f"{CONFIGMAPS}/settings")).code == 404
    created = (await client.post(CONFIGMAPS, configmap(a="1"))).body
    assert (await client.post(CONFIGMAPS, configmap(), dryRun="All")).code == 409
    tried = await client.patch(f"{CONFIGMAPS}/settings", {"data": {"a": "2"}}, dryRun="All")
    assert tried.body["data"] == {"a": "2"}
    assert (await client.delete(f"{CONFIGMAPS}/settings", dryRun="All")).code == 200
    assert (await client.get(f"{CONFIGMAPS}/settings")).body == created


async def test_delete_answers_success_and_says_of_what(client: Client) -> None:
    created = (await client.post(CONFIGMAPS, configmap())).body
    deleted = await client.delete(f"{CONFIGMAPS}/settings")
    assert (deleted.code, deleted.body["status"]) == (200, "Success")
    assert deleted.body["details"]["uid"] == created["metadata"]["uid"]
    assert (await client.delete(f"{CONFIGMAPS}/settings")).code == 404


async def test_delete_keeps_its_preconditions(client: Client) -> None:
    created = (await client.post(CONFIGMAPS, configmap())).body["metadata"]
    path = f"{CONFIGMAPS}/settings"
    for condition in ({"uid": "another"}, {"resourceVersion": "1"}):
        refused = await client.delete(path, {"preconditions": condition})
        assert (refused.code, refused.body["reason"]) == (409, "Conflict")
    options = {"propagationPolicy": "Foreground", "preconditions": {"uid": created["uid"]}}
    assert (await client.delete(path, options)).code == 200


async def test_a_running_pod_gets_its_grace(server: Server, client: Client) -> None:
    server.store.create("nodes", node("n1"))
    await client.post(PODS, pod())
    await until(server.store, "pods", lambda: server.store.get("pods", "default", "backend")["spec"].get("nodeName"))
    deleted = await client.delete(f"{PODS}/backend", {"gracePeriodSeconds": 7})
    assert (deleted.body["kind"], deleted.body["metadata"]["deletionGracePeriodSeconds"]) == ("Pod", 7)
    assert (await client.get(f"{PODS}/backend")).body["metadata"]["deletionTimestamp"]
    assert (await client.delete(f"{PODS}/backend", gracePeriodSeconds="0")).code == 200
    assert (await client.get(f"{PODS}/backend")).code == 404


async def test_deletecollection_takes_what_the_selector_takes(client: Client) -> None:
    for name, team in (("a", "x"), ("b", "y"), ("c", "x")):
        await client.post(CONFIGMAPS, {"metadata": {"name": name, "labels": {"team": team}}})
    deleted = await client.delete(CONFIGMAPS, labelSelector="team=x")
    assert [item["metadata"]["name"] for item in deleted.body["items"]] == ["a", "c"]
    left = await client.get(CONFIGMAPS, labelSelector="team")
    assert [item["metadata"]["name"] for item in left.body["items"]] == ["b"]


async def test_a_terminating_namespace_is_emptied_and_goes(server: Server, client: Client) -> None:
    await client.post(NAMESPACES, {"metadata": {"name": "n"}})
    server.store.create("nodes", node("n1"))
    await client.post(f"{NAMESPACES}/n/pods", pod())
    await client.post(f"{NAMESPACES}/n/configmaps", configmap())
    await until(server.store, "pods", lambda: server.store.get("pods", "n", "backend")["spec"].get("nodeName"))
    deleted = await client.delete(f"{NAMESPACES}/n")
    assert deleted.body["status"]["phase"] == "Terminating"
    marked = await until(server.store, "pods", lambda: _deleting(server, "n"))
    refused = await client.post(f"{NAMESPACES}/n/configmaps", configmap("late"))
    assert (refused.code, refused.body["reason"]) == (403, "Forbidden")
    assert refused.body["details"]["causes"][0]["reason"] == "NamespaceTerminating"
    assert "because it is being terminated" in refused.body["message"]
    assert (await client.get(f"{NAMESPACES}/n")).code == 200, "its pod's kubelet is not done"
    server.store.finalize("pods", "n", "backend", marked["metadata"]["uid"])
    await until(server.store, "namespaces", lambda: server.store.find("namespaces", None, "n") is None)
    assert (await client.get(f"{NAMESPACES}/n/configmaps")).body["items"] == []


def _deleting(server: Server, namespace: str) -> object:
    found = server.store.find("pods", namespace, "backend")
    return found if found and "deletionTimestamp" in found["metadata"] else None


async def test_every_namespace_carries_its_name_and_a_service_account(server: Server, client: Client) -> None:
    created = await client.post(NAMESPACES, {"metadata": {"name": "n", "labels": {"team": "x"}}})
    assert created.body["metadata"]["labels"] == {"kubernetes.io/metadata.name": "n", "team": "x"}
    await until(server.store, "configmaps", lambda: server.store.find("configmaps", "n", "kube-root-ca.crt"))
    assert server.store.get("serviceaccounts", "n", "default")
    ca = server.store.get("configmaps", "n", "kube-root-ca.crt")["data"]["ca.crt"]
    assert ca == server.credentials.ca.decode()


async def test_a_hundred_pods_at_once(client: Client) -> None:
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(client.post(PODS, pod(f"p{index}"))) for index in range(100)]
    assert {task.result().code for task in tasks} == {201}
    assert len((await client.get(PODS)).body["items"]) == 100


async def test_the_namespaces_that_every_cluster_has_stay(client: Client) -> None:
    for name in ("default", "kube-system"):
        refused = await client.delete(f"{NAMESPACES}/{name}")
        assert refused.code == 403
        assert refused.body["message"] == f'namespaces "{name}" is forbidden: this namespace may not be deleted'


@pytest.mark.parametrize("grace", ["x", "-1"])
async def test_a_grace_period_is_a_number(client: Client, grace: str) -> None:
    await client.post(PODS, pod())
    assert (await client.delete(f"{PODS}/backend", gracePeriodSeconds=grace)).code == 400
