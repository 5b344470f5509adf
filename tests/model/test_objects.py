"""API objects as parts of a snapshot: what is read of each, what is left out, and nulls that mean nothing."""

from __future__ import annotations

from typing import Any

import pytest

from probe.model.cell import Protocol
from probe.model.fleet import Port
from probe.model.objects import node_state, pod_state, service_state, template_state
from probe.model.snapshot import NodeState, PodState, ServicePort, ServiceState, TrafficPolicy


def pod(**fields: Any) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "web", "namespace": "shop"}, **fields}


def service(**spec: Any) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "web", "namespace": "shop"}, "spec": spec}


def test_a_running_pod() -> None:
    spec = {
        "nodeName": "node-1",
        "hostNetwork": True,
        "containers": [{"ports": [{"containerPort": 80}, {"containerPort": 53, "protocol": "UDP", "name": "dns"}]}, {}],
    }
    status = {"phase": "Running", "podIP": "10.0.0.1", "podIPs": [{"ip": "10.0.0.1"}, {"ip": "fd00::1"}]}
    assert pod_state(pod(spec=spec, status=status)) == PodState(
        "shop",
        "web",
        ports=(Port(80), Port(53, Protocol.UDP, "dns")),
        addresses=("10.0.0.1", "fd00::1"),
        node="node-1",
        host_network=True,
    )


def test_ports_are_those_of_containers_that_go_on_running() -> None:
    def serves(number: int, **more: str) -> dict[str, Any]:
        return {"ports": [{"containerPort": number}], **more}

    spec = {
        "initContainers": [serves(1), serves(2, restartPolicy="Always")],
        "containers": [serves(3)],
        "ephemeralContainers": [serves(4)],
    }
    found = pod_state(pod(spec=spec))
    assert found is not None
    assert {port.number for port in found.ports} == {2, 3}


@pytest.mark.parametrize(
    ("phase", "there"), [("Pending", True), ("Running", True), ("Succeeded", False), ("Failed", False)]
)
def test_a_pod_that_is_over_has_no_network(phase: str, there: bool) -> None:
    assert (pod_state(pod(status={"phase": phase})) is not None) == there


def test_a_pod_of_which_only_one_address_is_told() -> None:
    found = pod_state(pod(status={"podIP": "10.0.0.1"}))
    assert found is not None
    assert found.addresses == ("10.0.0.1",)


def test_nulls_mean_nothing() -> None:
    nothing = pod(
        spec={"nodeName": None, "hostNetwork": None, "initContainers": None, "containers": [{"ports": None}]},
        status={"podIP": None, "podIPs": None, "phase": None},
    )
    nothing["metadata"] |= {"labels": None, "ownerReferences": None}
    assert pod_state(nothing) == PodState("shop", "web")
    assert pod_state(pod(spec=None, status=None)) == PodState("shop", "web")
    found = service_state(
        service(selector=None, ports=[{"port": 80, "targetPort": None, "name": None}], clusterIPs=None)
    )
    assert found == ServiceState("shop", "web", ports=(ServicePort(80, target=80),))


def test_a_job_that_is_done_has_no_pods() -> None:
    job: dict[str, Any] = {"kind": "Job", "metadata": {"name": "once", "namespace": "shop"}, "spec": {"template": {}}}
    assert template_state(job) == PodState("shop", "once", workload="Job/once")
    assert template_state(job | {"status": {"conditions": [{"type": "Failed", "status": "True"}]}}) is None


def test_a_service_leads_to_target_ports() -> None:
    ports = [
        {"port": 80, "targetPort": "http", "nodePort": 30080, "name": "http"},
        {"port": 443},
        {"port": 53, "protocol": "UDP", "targetPort": 5353},
    ]
    found = service_state(
        service(
            type="NodePort", selector={"app": "web"}, ports=ports, clusterIP="10.96.0.1",
            clusterIPs=["10.96.0.1", "fd00::96"], externalTrafficPolicy="Local", internalTrafficPolicy="Local",
        )
    )  # fmt: skip
    assert found == ServiceState(
        "shop",
        "web",
        {"app": "web"},
        (
            ServicePort(80, target="http", node_port=30080, name="http"),
            ServicePort(443, target=443),
            ServicePort(53, Protocol.UDP, 5353),
        ),
        cluster_ips=("10.96.0.1", "fd00::96"),
        node_ports=True,
        external_traffic_policy=TrafficPolicy.LOCAL,
        internal_traffic_policy=TrafficPolicy.LOCAL,
    )


@pytest.mark.parametrize(
    ("spec", "headless", "node_ports"),
    [
        ({}, False, False),
        ({"clusterIP": "None"}, True, False),
        ({"type": "LoadBalancer"}, False, True),
        ({"type": "LoadBalancer", "allocateLoadBalancerNodePorts": False}, False, False),
    ],
)
def test_types_of_services(spec: dict[str, Any], headless: bool, node_ports: bool) -> None:
    found = service_state(service(**spec))
    assert found is not None
    assert (found.headless, found.node_ports, found.cluster_ips) == (headless, node_ports, ())


def test_an_external_name_leads_no_traffic() -> None:
    assert service_state(service(type="ExternalName", externalName="example.com")) is None


def test_a_nodes_addresses_are_its_ip_literals() -> None:
    addresses = [{"type": "InternalIP", "address": "192.0.2.1"}, {"type": "Hostname", "address": "node-1"}]
    node = {"metadata": {"name": "node-1", "labels": {"zone": "a"}}, "status": {"addresses": addresses}}
    assert node_state(node) == NodeState("node-1", {"zone": "a"}, ("192.0.2.1",))
