"""Events are the same ones in both of their groups."""

from __future__ import annotations

import json

from probe.sandbox.events import EventRecorder
from probe.sandbox.store import Obj
from tests.sandbox.api.server import APPLY, STRATEGIC, Client, Server

CORE = "/api/v1/namespaces/default/events"
EVENTS = "/apis/events.k8s.io/v1/namespaces/default/events"


def happening(name: str = "e") -> Obj:
    return {
        "metadata": {"name": name},
        "regarding": {"kind": "Pod", "name": "backend", "namespace": "default"},
        "reason": "Tested",
        "note": "all is well",
        "type": "Normal",
        "reportingController": "tests",
        "eventTime": "2026-01-01T00:00:00.000000Z",
    }


async def test_what_controllers_say_is_in_both(server: Server) -> None:
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "backend", "namespace": "default", "uid": "1"}}
    EventRecorder(server.store, "kubelet").record(pod, "Started", "Started container agent")
    (core,) = (await server.client.get(CORE)).body["items"]
    listed = (await server.client.get(EVENTS)).body
    (event,) = listed["items"]
    assert (listed["kind"], listed["apiVersion"], event["apiVersion"]) == (
        "EventList",
        "events.k8s.io/v1",
        "events.k8s.io/v1",
    )
    assert (event["note"], event["regarding"]) == (core["message"], core["involvedObject"])
    assert (event["deprecatedCount"], event["reportingController"]) == (1, "kubelet")
    assert event["metadata"] == core["metadata"]
    assert (await server.client.get(f"{EVENTS}/{event['metadata']['name']}")).body == event


async def test_one_written_here_is_read_there(client: Client) -> None:
    made = await client.post(EVENTS, happening())
    assert (made.code, made.body["note"]) == (201, "all is well")
    core = (await client.get(f"{CORE}/e")).body
    assert (core["message"], core["involvedObject"]["name"], core["apiVersion"]) == ("all is well", "backend", "v1")
    for kind in ("application/merge-patch+json", STRATEGIC):
        patched = await client.patch(f"{EVENTS}/e", {"note": kind}, kind)
        assert (patched.code, patched.body["note"]) == (200, kind)
    assert (await client.get(f"{CORE}/e")).body["message"] == STRATEGIC
    applied = await client.patch(
        f"{EVENTS}/e",
        {**happening(), "apiVersion": "events.k8s.io/v1", "kind": "Event"},
        APPLY,
        fieldManager="m",
        force="1",
    )
    assert (applied.code, applied.body["note"]) == (200, "all is well")
    assert (await client.delete(f"{EVENTS}/e")).code == 200
    assert (await client.get(f"{CORE}/e")).code == 404


async def test_watchers_of_each_see_their_own_form(server: Server) -> None:
    client = server.client
    query = {"watch": "1", "timeoutSeconds": "1", "resourceVersion": str(server.store.revision)}
    await client.post(EVENTS, happening())
    for path, field in ((CORE, "message"), (EVENTS, "note"), (CORE, "message")):
        async with client.http.get(path, params=query) as response:
            change = json.loads(await response.content.readline())
        assert (change["type"], change["object"][field]) == ("ADDED", "all is well")


async def test_unknown_fields_are_told(client: Client) -> None:
    refused = await client.post(EVENTS, {**happening(), "nonsense": 1}, fieldValidation="Strict")
    assert (refused.code, 'unknown field "nonsense"' in refused.body["message"]) == (400, True)
    wrong = await client.post(EVENTS, {**happening(), "apiVersion": "v1"})
    assert (wrong.code, "does not match the expected API version (events.k8s.io/v1)" in wrong.body["message"]) == (
        400,
        True,
    )


async def test_the_group_is_discovered(server: Server) -> None:
    assert (await server.client.get("/apis/events.k8s.io/v1/events")).code == 200
    groups = [group["name"] for group in (await server.client.get("/apis")).body["groups"]]
    assert "events.k8s.io" in groups
