"""Endpoints follow services and pods."""

from __future__ import annotations

from typing import Any

import pytest

from probe.sandbox.controllers.conditions import set_condition
from probe.sandbox.controllers.namespaces import create_first_namespaces
from probe.sandbox.controllers.services import reconcile
from probe.sandbox.store import Obj, Store


def pod(name: str, address: str, *, ready: bool = True, port: int = 80) -> Obj:
    ports = [{"name": "http", "containerPort": port, "protocol": "TCP"}]
    made: Obj = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": "default", "labels": {"app": "web"}},
        "spec": {"nodeName": "n1", "containers": [{"name": "a", "ports": ports}]},
        "status": {"phase": "Running", "podIPs": [{"ip": address}, {"ip": f"fd00::{address[-1]}"}]},
    }
    set_condition(made, "Ready", "True" if ready else "False")
    return made


def service(**spec: Any) -> Obj:
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "web", "namespace": "default"},
        "spec": {
            "selector": {"app": "web"},
            "ports": [{"port": 80, "targetPort": "http", "protocol": "TCP"}],
            "ipFamilies": ["IPv4"],
            **spec,
        },
    }


@pytest.fixture
def store() -> Store:
    made = Store()
    create_first_namespaces(made)
    made.create("pods", pod("a", "10.244.0.1"))
    made.create("pods", pod("b", "10.244.0.2", ready=False))
    return made


def addresses(store: Store) -> dict[str, bool]:
    return {
        endpoint["addresses"][0]: endpoint["conditions"]["ready"]
        for piece in store.list("endpointslices", "default")
        for endpoint in piece["endpoints"]
    }


def test_ready_and_unready_pods_are_told_apart(store: Store) -> None:
    store.create("services", service())
    reconcile(store, "default")
    assert addresses(store) == {"10.244.0.1": True, "10.244.0.2": False}
    (endpoints,) = store.list("endpoints", "default")
    (subset,) = endpoints["subsets"]
    assert [item["ip"] for item in subset["addresses"]] == ["10.244.0.1"]
    assert [item["ip"] for item in subset["notReadyAddresses"]] == ["10.244.0.2"]
    assert subset["ports"] == [{"name": "", "port": 80, "protocol": "TCP"}]


def test_each_family_has_its_slice(store: Store) -> None:
    store.create("services", service(ipFamilies=["IPv6", "IPv4"]))
    reconcile(store, "default")
    assert {piece["addressType"] for piece in store.list("endpointslices")} == {"IPv4", "IPv6"}
    assert addresses(store).keys() == {"10.244.0.1", "10.244.0.2", "fd00::1", "fd00::2"}


def test_a_named_port_is_resolved_on_each_pod(store: Store) -> None:
    store.create("pods", pod("c", "10.244.0.3", port=8080))
    store.create("services", service())
    reconcile(store, "default")
    assert sorted(piece["ports"][0]["port"] for piece in store.list("endpointslices")) == [80, 8080]


def test_a_terminating_pod_is_ready_no_more(store: Store) -> None:
    store.create("services", service())
    store.delete("pods", "default", "a")
    reconcile(store, "default")
    assert addresses(store) == {"10.244.0.1": False, "10.244.0.2": False}


def test_nothing_new_is_no_event(store: Store) -> None:
    store.create("services", service())
    reconcile(store, "default")
    before = store.revision
    reconcile(store, "default")
    assert store.revision == before


def test_what_has_no_service_any_more_goes(store: Store) -> None:
    store.create("services", service())
    store.create("endpoints", {"metadata": {"name": "by-hand", "namespace": "default"}})
    reconcile(store, "default")
    store.delete("services", "default", "web")
    reconcile(store, "default")
    assert store.list("endpointslices") == []
    assert [obj["metadata"]["name"] for obj in store.list("endpoints")] == ["by-hand"]
