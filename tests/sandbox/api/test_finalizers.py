"""Objects that somebody still holds, and namespaces that therefore do not go."""

from __future__ import annotations

from typing import Any

import pytest

from probe.sandbox.store import Obj
from tests.sandbox.api.server import NAMESPACES, Client, Server, configmap, node, pod, until

HOLD = "example.com/hold"
NS = f"{NAMESPACES}/n"


@pytest.fixture
async def stuck(server: Server) -> Server:
    """A namespace n that is Terminating and has a ConfigMap with a finalizer."""
    await server.client.post(NAMESPACES, {"metadata": {"name": "n"}})
    held = configmap()
    held["metadata"]["finalizers"] = [HOLD]
    await server.client.post(f"{NS}/configmaps", held)
    await server.client.delete(NS)
    await until(server.store, "namespaces", lambda: conditions(server).get("NamespaceFinalizersRemaining"))
    return server


def conditions(server: Server) -> dict[str, Obj]:
    namespace = server.store.find("namespaces", None, "n") or {}
    return {item["type"]: item for item in (namespace.get("status") or {}).get("conditions", ())}


async def gone(server: Server) -> Any:
    return await until(server.store, "namespaces", lambda: server.store.find("namespaces", None, "n") is None)


async def test_a_namespace_says_what_holds_it(stuck: Server) -> None:
    found = (await stuck.client.get(NS)).body
    assert (found["status"]["phase"], found["spec"]["finalizers"]) == ("Terminating", ["kubernetes"])
    said = {kind: (item["status"], item["reason"], item["message"]) for kind, item in conditions(stuck).items()}
    assert said == {
        "NamespaceDeletionDiscoveryFailure": ("False", "ResourcesDiscovered", "All resources successfully discovered"),
        "NamespaceDeletionGroupVersionParsingFailure": (
            "False",
            "ParsedGroupVersions",
            "All legacy kube types successfully parsed",
        ),
        "NamespaceDeletionContentFailure": (
            "False",
            "ContentDeleted",
            "All content successfully deleted, may be waiting on finalization",
        ),
        "NamespaceContentRemaining": (
            "True",
            "SomeResourcesRemain",
            "Some resources are remaining: configmaps. has 1 resource instances",
        ),
        "NamespaceFinalizersRemaining": (
            "True",
            "SomeFinalizersRemain",
            f"Some content in the namespace has finalizers remaining: {HOLD} in 1 resource instances",
        ),
    }


async def test_it_goes_when_the_last_finalizer_does(stuck: Server) -> None:
    await stuck.client.patch(f"{NS}/configmaps/settings", {"metadata": {"finalizers": None}})
    await gone(stuck)


async def test_a_namespace_of_the_same_name_cannot_be_made_meanwhile(stuck: Server) -> None:
    again = await stuck.client.post(NAMESPACES, {"metadata": {"name": "n"}})
    assert (again.code, again.body["reason"]) == (409, "AlreadyExists")


async def test_finalizers_of_the_namespace_itself(server: Server) -> None:
    await server.client.post(NAMESPACES, {"metadata": {"name": "n", "finalizers": [HOLD]}})
    await server.client.delete(NS)

    def released() -> bool:
        return not server.store.get("namespaces", None, "n")["spec"]["finalizers"]

    await until(server.store, "namespaces", released)
    await server.client.patch(NS, {"metadata": {"finalizers": []}})
    await gone(server)


async def test_taking_a_namespaces_metadata_finalizer_leaves_its_content_in_order(stuck: Server) -> None:
    await stuck.client.patch(NS, {"metadata": {"finalizers": ["a/b"]}})
    assert (await stuck.client.get(NS)).code == 200


async def test_finalize_lets_it_go_by_force(stuck: Server) -> None:
    namespace = (await stuck.client.get(NS)).body
    unchanged = (await stuck.client.put(NS, {**namespace, "spec": {"finalizers": []}})).body
    assert unchanged["spec"]["finalizers"] == ["kubernetes"], "an ordinary update does not change them"
    await stuck.client.put(f"{NS}/finalize", {**unchanged, "spec": {"finalizers": []}})
    await gone(stuck)


async def test_a_pod_with_a_finalizer_stays_after_its_kubelet_is_done(server: Server) -> None:
    client, path = server.client, "/api/v1/namespaces/default/pods"
    server.store.create("nodes", node("n1"))
    made = pod(nodeName="n1")
    made["metadata"]["finalizers"] = [HOLD]
    uid = (await client.post(path, made)).body["metadata"]["uid"]
    await client.delete(f"{path}/backend")
    await client.patch(f"{path}/backend", {"metadata": {"labels": {"a": "b"}}})
    server.store.finalize("pods", "default", "backend", uid)
    left = (await client.get(f"{path}/backend")).body["metadata"]
    assert (left["finalizers"], left["deletionGracePeriodSeconds"]) == ([HOLD], 0)
    await client.patch(f"{path}/backend", {"metadata": {"finalizers": None}})
    assert (await client.get(f"{path}/backend")).code == 404


async def test_a_pod_without_its_finalizer_still_waits_for_its_kubelet(client: Client) -> None:
    path = "/api/v1/namespaces/default/pods"
    made = pod(nodeName="n1")
    made["metadata"]["finalizers"] = [HOLD]
    await client.post(path, made)
    await client.delete(f"{path}/backend")
    await client.patch(f"{path}/backend", {"metadata": {"finalizers": None}})
    assert (await client.get(f"{path}/backend")).code == 200
