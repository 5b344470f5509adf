"""Nodes that are not ready: what keeps new pods away, and when those that are there go."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from probe.sandbox.controllers.conditions import condition
from probe.sandbox.controllers.nodes import patience, taints_of
from probe.sandbox.controllers.run import run_controllers
from probe.sandbox.store import Obj, Store
from tests.sandbox.kube import Json, Kube, is_ready, pod_path

MERGE = {"Content-Type": "application/strategic-merge-patch+json"}
NOT_READY = "node.kubernetes.io/not-ready"
UNREACHABLE = "node.kubernetes.io/unreachable"


def node(status: str | None = None, **spec: Any) -> Obj:
    conditions = [{"type": "Ready", "status": status}] if status else []
    return {"metadata": {"name": "n"}, "spec": spec, "status": {"conditions": conditions}}


@pytest.mark.parametrize(
    ("obj", "taints"),
    [
        (node(), []),
        (node("True"), []),
        (node("False"), [(NOT_READY, "NoSchedule"), (NOT_READY, "NoExecute")]),
        (node("Unknown"), [(UNREACHABLE, "NoSchedule"), (UNREACHABLE, "NoExecute")]),
        (node("True", unschedulable=True), [("node.kubernetes.io/unschedulable", "NoSchedule")]),
        (node("True", taints=[{"key": NOT_READY, "effect": "NoExecute"}]), []),
        (node("True", taints=[{"key": "mine", "effect": "NoExecute"}]), [("mine", "NoExecute")]),
    ],
    ids=str,
)
def test_a_nodes_state_is_in_its_taints(obj: Obj, taints: list[tuple[str, str]]) -> None:
    assert [(taint["key"], taint["effect"]) for taint in taints_of(obj)] == taints


def test_patience_is_that_of_the_least_patient_toleration() -> None:
    def pod(*tolerations: Obj) -> Obj:
        return {"spec": {"tolerations": list(tolerations)}}

    taints = [{"key": "a", "effect": "NoExecute"}, {"key": "b", "effect": "NoExecute"}]
    everything: Obj = {"operator": "Exists"}
    of_a: Obj = {"key": "a", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 9}
    of_b: Obj = {"key": "b", "operator": "Exists", "tolerationSeconds": 5}
    assert patience(pod(), taints) == 0
    assert patience(pod(of_a), taints) == 0
    assert patience(pod(of_a, of_b), taints) == 5
    assert patience(pod(everything), taints) == float("inf")
    assert patience(pod(everything, of_a), taints) == 9
    assert patience(pod(), []) == float("inf")


@pytest_asyncio.fixture
async def store() -> AsyncIterator[Store]:
    """A store with the controllers at work, a ready node, and no kubelet."""
    made = Store()
    controllers = asyncio.create_task(run_controllers(made, ca=""))
    made.create("nodes", node("True"))
    yield made
    controllers.cancel()
    await asyncio.wait([controllers])


def say(store: Store, status: str) -> None:
    store.modify("nodes", None, "n", lambda draft: draft["status"].update(node(status)["status"]))


def add_pod(store: Store, name: str, *tolerations: Obj) -> None:
    spec = {"nodeName": "n", "containers": [], "tolerations": list(tolerations), "terminationGracePeriodSeconds": 7}
    status = {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]}
    meta = {"name": name, "namespace": "default"}
    store.create("pods", {"apiVersion": "v1", "kind": "Pod", "metadata": meta, "spec": spec, "status": status})


def going(store: Store) -> list[str]:
    return [pod["metadata"]["name"] for pod in store.list("pods") if "deletionTimestamp" in pod["metadata"]]


async def until(done: Any) -> None:
    async with asyncio.timeout(60):
        while not done():  # noqa: ASYNC110
            await asyncio.sleep(0.01)


async def test_pods_of_a_silent_node_are_not_ready_and_go_when_they_have_waited_enough(store: Store) -> None:
    add_pod(store, "impatient", {"key": UNREACHABLE, "operator": "Exists", "tolerationSeconds": 1})
    add_pod(store, "patient", {"key": UNREACHABLE, "operator": "Exists", "tolerationSeconds": 300})
    add_pod(store, "at-home", {"operator": "Exists"})
    began = asyncio.get_running_loop().time()
    say(store, "Unknown")
    await until(lambda: not any(map(is_ready, store.list("pods"))))
    assert going(store) == []
    await until(lambda: going(store))
    assert asyncio.get_running_loop().time() - began >= 1
    assert going(store) == ["impatient"]
    gone = store.get("pods", "default", "impatient")
    assert gone["metadata"]["deletionGracePeriodSeconds"] == 7
    target = condition(gone, "DisruptionTarget")
    assert target is not None
    assert (target["status"], target["reason"]) == ("True", "DeletionByTaintManager")


async def test_a_node_that_comes_back_in_time_keeps_its_pods(store: Store) -> None:
    add_pod(store, "pod", {"key": UNREACHABLE, "operator": "Exists", "tolerationSeconds": 1})
    say(store, "Unknown")
    await until(lambda: store.get("nodes", None, "n")["spec"].get("taints"))
    say(store, "True")
    await until(lambda: not store.get("nodes", None, "n")["spec"].get("taints"))
    await asyncio.sleep(1.2)  # longer than the pod would have waited
    assert "deletionTimestamp" not in store.get("pods", "default", "pod")["metadata"]


# with kubelets


async def patch(kube: Kube, path: str, body: Json) -> None:
    async with kube.http.patch(kube.server + path, json=body, headers=MERGE) as answer:
        assert answer.status == 200, await answer.text()


async def set_ready(kube: Kube, name: str, status: str) -> None:
    body = {"status": {"conditions": [{"type": "Ready", "status": status, "reason": "Test"}]}}
    await patch(kube, f"/api/v1/nodes/{name}/status", body)


@pytest.mark.sandbox
async def test_a_node_can_be_declared_unready_for_a_while(kube: Kube, namespace: str) -> None:
    on: Any = {"nodeSelector": {"kubernetes.io/hostname": "node-2"}}
    await kube.pod(namespace, "before", "80/TCP", **on)
    await set_ready(kube, "node-2", "False")
    try:
        await kube.wait(pod_path(namespace, "before"), lambda pod: not is_ready(pod))
        found = await kube.ok("GET", "/api/v1/nodes/node-2")
        assert [it["status"] for it in found["status"]["conditions"] if it["type"] == "Ready"] == ["False"]
        await kube.pod(namespace, "after", "80/TCP", wait=False, **on)
        pending = await kube.wait(
            pod_path(namespace, "after"),
            lambda pod: any(it.get("reason") == "Unschedulable" for it in pod["status"].get("conditions", [])),
        )
        assert {it["message"] for it in pending["status"]["conditions"] if it.get("reason") == "Unschedulable"} == {
            "0/2 nodes are available: 1 node(s) didn't match Pod's node affinity/selector, "
            f"1 node(s) had untolerated taint {{{NOT_READY}: }}."
        }
        await kube.pod(namespace, "elsewhere", "80/TCP")
        assert (await kube.ok("GET", pod_path(namespace, "elsewhere")))["spec"]["nodeName"] == "node-1"
    finally:
        await set_ready(kube, "node-2", "True")
    await kube.ready(namespace, "before")
    await kube.ready(namespace, "after")
    assert "taints" not in (await kube.ok("GET", "/api/v1/nodes/node-2"))["spec"]


@pytest.mark.sandbox
async def test_a_taint_drives_out_who_does_not_tolerate_it_gracefully(kube: Kube, namespace: str) -> None:
    on: Any = {"nodeSelector": {"kubernetes.io/hostname": "node-2"}}
    await kube.pod(namespace, "goes", "80/TCP", **on)
    stays = [{"key": f"{namespace}-test", "operator": "Exists"}]
    await kube.pod(namespace, "stays", "80/TCP", tolerations=stays, **on)
    # Nobody else is on the node but pods of this test and perhaps the name server, which may go and come back.
    taint = {"key": f"{namespace}-test", "effect": "NoExecute"}
    await patch(kube, "/api/v1/nodes/node-2", {"spec": {"taints": [taint]}})
    try:
        await kube.wait(pod_path(namespace, "goes"), lambda answer: answer.get("code") == 404)
        assert is_ready(await kube.ok("GET", pod_path(namespace, "stays")))
    finally:
        await patch(kube, "/api/v1/nodes/node-2", {"spec": {"taints": None}})
    events = await kube.ok("GET", f"/api/v1/namespaces/{namespace}/events")
    assert {"TaintManagerEviction", "Killing"} <= {event["reason"] for event in events["items"]}


@pytest.mark.sandbox
async def test_an_eviction_is_a_graceful_deletion(kube: Kube, namespace: str) -> None:
    await kube.pod(namespace, "pod", "80/TCP", terminationGracePeriodSeconds=5)
    path = pod_path(namespace, "pod")
    await kube.ok("POST", f"{path}/eviction", {"metadata": {"name": "pod", "namespace": namespace}})
    await kube.wait(path, lambda answer: answer.get("code") == 404)
    events = await kube.ok("GET", f"/api/v1/namespaces/{namespace}/events")
    assert "Killing" in {event["reason"] for event in events["items"]}
