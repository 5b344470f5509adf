"""The scheduler: where pods go, and what is said when they cannot."""

from __future__ import annotations

from typing import Any

import pytest

from probe.sandbox.controllers.conditions import condition
from probe.sandbox.controllers.namespaces import create_first_namespaces
from probe.sandbox.controllers.scheduler import schedule
from probe.sandbox.store import Obj, Store


def node(name: str, **spec: Any) -> Obj:
    labels = {"kubernetes.io/hostname": name, "zone": name[-1]}
    return {"apiVersion": "v1", "kind": "Node", "metadata": {"name": name, "labels": labels}, "spec": spec}


def pod(name: str, **spec: Any) -> Obj:
    meta = {"name": name, "namespace": "default"}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": meta, "spec": spec, "status": {"phase": "Pending"}}


def affinity(*terms: dict[str, Any]) -> dict[str, Any]:
    required = {"nodeSelectorTerms": list(terms)}
    return {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": required}}


@pytest.fixture
def store() -> Store:
    made = Store()
    create_first_namespaces(made)
    for name in ("node-1", "node-2", "node-3"):
        made.create("nodes", node(name))
    return made


def placed(store: Store, *pods: Obj) -> list[str | None]:
    for obj in pods:
        store.create("pods", obj)
    schedule(store)
    return [store.get("pods", "default", obj["metadata"]["name"])["spec"].get("nodeName") for obj in pods]


def message(store: Store, name: str) -> str:
    found = condition(store.get("pods", "default", name), "PodScheduled")
    assert found is not None
    assert (found["status"], found["reason"]) == ("False", "Unschedulable")
    return str(found["message"])


def test_pods_are_spread(store: Store) -> None:
    assert placed(store, *(pod(f"p{index}") for index in range(6))) == ["node-1", "node-2", "node-3"] * 2


def test_a_bound_pod_is_scheduled_and_an_event_says_so(store: Store) -> None:
    placed(store, pod("p"))
    found = condition(store.get("pods", "default", "p"), "PodScheduled")
    assert found is not None
    assert found["status"] == "True"
    assert [event["reason"] for event in store.list("events")] == ["Scheduled"]


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ({"nodeSelector": {"zone": "2"}}, "node-2"),
        (
            {"affinity": affinity({"matchFields": [{"key": "metadata.name", "operator": "In", "values": ["node-3"]}]})},
            "node-3",
        ),
        (
            {
                "affinity": affinity(
                    {
                        "matchExpressions": [
                            {"key": "kubernetes.io/hostname", "operator": "NotIn", "values": ["node-1", "node-2"]}
                        ]
                    }
                )
            },
            "node-3",
        ),
        (
            {"affinity": affinity({}, {"matchExpressions": [{"key": "zone", "operator": "Gt", "values": ["2"]}]})},
            "node-3",
        ),
        ({"affinity": affinity({"matchExpressions": [{"key": "gpu", "operator": "Exists"}]})}, None),
        ({"affinity": affinity({})}, None),
    ],
)
def test_node_selection(store: Store, spec: dict[str, Any], expected: str | None) -> None:
    assert placed(store, pod("p", **spec)) == [expected]


def test_taints_need_tolerations(store: Store) -> None:
    for name in ("node-1", "node-2"):
        store.delete("nodes", None, name)
    store.delete("nodes", None, "node-3")
    store.create("nodes", node("n", taints=[{"key": "a", "value": "b", "effect": "NoSchedule"}]))
    tolerations = [
        [],
        [{"key": "a", "operator": "Equal", "value": "c"}],
        [{"key": "a", "operator": "Equal", "value": "b", "effect": "NoExecute"}],
        [{"key": "a", "value": "b"}],
        [{"key": "a", "operator": "Exists", "effect": "NoSchedule"}],
        [{"operator": "Exists"}],
    ]
    pods = [pod(f"p{index}", tolerations=found) for index, found in enumerate(tolerations)]
    assert placed(store, *pods) == [None, None, None, "n", "n", "n"]
    assert message(store, "p0") == "0/1 nodes are available: 1 node(s) had untolerated taint {a: b}."


def test_reasons_are_counted(store: Store) -> None:
    store.modify("nodes", None, "node-1", lambda obj: obj["spec"].update(unschedulable=True))
    placed(store, pod("p", nodeSelector={"zone": "9"}))
    assert message(store, "p") == (
        "0/3 nodes are available: 2 node(s) didn't match Pod's node affinity/selector, 1 node(s) were unschedulable."
    )
    assert [event["reason"] for event in store.list("events")] == ["FailedScheduling"]


def test_without_nodes_pods_wait_and_are_placed_when_one_comes() -> None:
    store = Store()
    create_first_namespaces(store)
    assert placed(store, pod("p")) == [None]
    assert message(store, "p") == "no nodes available to schedule pods"
    before = store.revision
    schedule(store)
    assert store.revision == before, "the same words again are no news"
    store.create("nodes", node("late"))
    schedule(store)
    assert store.get("pods", "default", "p")["spec"]["nodeName"] == "late"


def test_a_full_node_takes_no_more(store: Store) -> None:
    for name in ("node-2", "node-3"):
        store.delete("nodes", None, name)
    store.modify("nodes", None, "node-1", lambda obj: obj.update(status={"allocatable": {"pods": "1"}}))
    assert placed(store, pod("a"), pod("b")) == ["node-1", None]
    assert message(store, "b") == "0/1 nodes are available: 1 Too many pods."


def test_pods_of_others_are_left_alone(store: Store) -> None:
    assert placed(store, pod("a", schedulerName="mine"), pod("b", schedulingGates=[{"name": "x"}])) == [None, None]


def on_host(*ports: dict[str, Any]) -> dict[str, Any]:
    return {"hostNetwork": True, "containers": [{"name": "c", "ports": list(ports)}]}


def test_a_port_of_a_node_goes_to_one_pod(store: Store) -> None:
    web, dns = {"containerPort": 80, "hostPort": 80}, {"containerPort": 80, "hostPort": 80, "protocol": "UDP"}
    assert placed(store, *(pod(f"p{index}", **on_host(web)) for index in range(4))) == [
        "node-1",
        "node-2",
        "node-3",
        None,
    ]
    assert message(store, "p3") == (
        "0/3 nodes are available: 3 node(s) didn't have free ports for the requested pod ports."
    )
    assert placed(store, pod("udp", **on_host(dns))) == ["node-1"]
    store.modify("pods", "default", "p1", lambda draft: draft["status"].update(phase="Succeeded"))
    schedule(store)
    assert store.get("pods", "default", "p3")["spec"]["nodeName"] == "node-2"


def test_ports_of_different_addresses_of_a_node_do_not_clash(store: Store) -> None:
    def at(address: str) -> dict[str, Any]:
        port = {"containerPort": 80, "hostPort": 80, "hostIP": address}
        return {"nodeSelector": {"zone": "1"}, "containers": [{"name": "c", "ports": [port]}]}

    pods = [pod(f"p{index}", **at(address)) for index, address in enumerate(("10.0.0.1", "10.0.0.2", "0.0.0.0"))]
    assert placed(store, *pods) == ["node-1", "node-1", None]
