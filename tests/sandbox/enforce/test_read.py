"""From API objects to the view."""

from __future__ import annotations

from ipaddress import ip_network

import pytest

from probe.model.cell import Family, Protocol
from probe.model.errors import SandboxError
from probe.sandbox.enforce.read import read_node, read_pod, read_policy, read_services
from probe.sandbox.enforce.selectors import EVERYTHING, Selector
from probe.sandbox.enforce.view import Backend, BlockPeer, ClusterView, NodePort, Pod, PodPeer, PortMatch, Rule
from tests.sandbox.enforce.objects import Obj, block, endpoints, labelled, policy, port, service


def a_pod(**changes: Obj) -> Obj:
    pod: Obj = {
        "kind": "Pod",
        "metadata": {"namespace": "x", "name": "a", "uid": "1", "labels": {"app": "web"}},
        "spec": {"nodeName": "node-1", "containers": []},
        "status": {"phase": "Running", "podIPs": [{"ip": "10.0.0.1"}, {"ip": "FD00::0:1"}]},
    }
    for key, value in changes.items():
        pod[key] = {**pod[key], **value}
    return pod


# pods


def test_a_pod_has_an_address_a_family_spelt_canonically() -> None:
    assert read_pod(a_pod()).addresses == {Family.IPV4: "10.0.0.1", Family.IPV6: "fd00::1"}


def test_a_pod_with_only_a_podip_has_that() -> None:
    assert read_pod(a_pod(status={"podIPs": None, "podIP": "10.0.0.9"})).addresses == {Family.IPV4: "10.0.0.9"}


@pytest.mark.parametrize(
    ("change", "policed"),
    [
        ({}, True),
        ({"status": {"phase": "Pending"}}, True),
        ({"status": {"phase": "Succeeded"}}, False),
        ({"status": {"phase": "Failed"}}, False),
        ({"status": {"podIPs": [], "podIP": ""}}, False),
        ({"spec": {"hostNetwork": True}}, False),
        ({"metadata": {"deletionTimestamp": "2026-01-01T00:00:00Z"}}, True),
    ],
    ids=str,
)
def test_only_a_pod_that_owns_its_address_is_policed(change: dict[str, Obj], policed: bool) -> None:
    assert read_pod(a_pod(**change)).is_policed is policed


def test_named_ports_of_every_container_count_sidecars_too() -> None:
    def container(*ports: Obj) -> Obj:
        return {"ports": list(ports)}

    spec = {
        "containers": [
            container({"name": "http", "containerPort": 80}, {"containerPort": 81}),
            container({"name": "http", "containerPort": 8080, "protocol": "UDP"}),
        ],
        "initContainers": [container({"name": "assoc", "containerPort": 7, "protocol": "SCTP"})],
    }
    assert read_pod(a_pod(spec=spec)).ports == {
        ("http", Protocol.TCP): 80,
        ("http", Protocol.UDP): 8080,
        ("assoc", Protocol.SCTP): 7,
    }


def test_of_two_pods_with_one_address_the_one_that_lives_on_has_it() -> None:
    address = {Family.IPV4: "10.0.0.1"}
    old = Pod("1", "x", "old", {}, "node-1", address, terminating=True, created="2026-01-02T00:00:00Z")
    new = Pod("2", "x", "new", {}, "node-1", address, created="2026-01-01T00:00:00Z")
    for pods in ((old, new), (new, old)):
        assert [pod.name for pod in ClusterView(pods).policed] == ["new"]


# policies


@pytest.mark.parametrize(
    ("written", "ingress", "egress"),
    [
        (policy(), True, False),
        (policy(ingress=[{}]), True, False),
        (policy(egress=[{}]), True, True),
        (policy(egress=[]), True, False),
        (policy(types=["Egress"]), False, True),
        (policy(types=["Ingress"], egress=[{}]), True, False),
        (policy(types=["Egress"], ingress=[{}]), False, True),
        (policy(types=["Ingress", "Egress"]), True, True),
    ],
    ids=lambda value: str(value["spec"]) if isinstance(value, dict) else str(value),
)
def test_policy_types_decide_which_directions_are_isolated(written: Obj, ingress: bool, egress: bool) -> None:
    read = read_policy(written)
    assert (read.ingress is not None, read.egress is not None) == (ingress, egress)


def test_absent_and_empty_peers_and_ports_mean_all() -> None:
    rules: tuple[Obj, ...] = ({}, {"from": [], "ports": []}, {"from": None, "ports": None})
    for rule in rules:
        assert read_policy(policy(ingress=[rule])).ingress == (Rule(None, None),)


def test_peers_are_read_as_they_are_meant() -> None:
    peers = [{"podSelector": {}}, {"namespaceSelector": {}}, {"namespaceSelector": {}, "podSelector": labelled(a="b")}]
    (rule,) = read_policy(policy(egress=[{"to": [*peers, block("10.0.0.7/8", "10.1.0.0/16")]}])).egress or ()
    assert rule.peers == (
        PodPeer(None, EVERYTHING),
        PodPeer(EVERYTHING, EVERYTHING),
        PodPeer(EVERYTHING, Selector.read(labelled(a="b"))),
        BlockPeer(ip_network("10.0.0.0/8"), (ip_network("10.1.0.0/16"),)),
    )


def test_ports_default_to_tcp() -> None:
    ports = [port(80), port(), port("http", "UDP"), port(1, "SCTP", 9)]
    (rule,) = read_policy(policy(ingress=[{"ports": ports}])).ingress or ()
    assert rule.ports == (
        PortMatch(Protocol.TCP, 80),
        PortMatch(Protocol.TCP),
        PortMatch(Protocol.UDP, "http"),
        PortMatch(Protocol.SCTP, 1, 9),
    )


@pytest.mark.parametrize(
    "rule",
    [{"from": [{}]}, {"from": [block("10.0.0/8")]}, {"ports": [port(80, "ICMP")]}, {"ports": [port(80, end="x")]}],  # type: ignore[arg-type]
    ids=str,
)
def test_what_cannot_be_read_is_an_error_that_names_the_policy(rule: Obj) -> None:
    with pytest.raises(SandboxError, match="NetworkPolicy/x/odd"):
        read_policy(policy("x", name="odd", ingress=[rule]))


# services


def test_a_service_port_has_the_ready_endpoints_of_its_name_and_family() -> None:
    ports = [{"name": "web", "port": 80}, {"name": "dns", "port": 53, "protocol": "UDP"}]
    targets = [{"name": "web", "port": 8080}, {"name": "dns", "port": 5353, "protocol": "UDP"}]
    slices = [
        endpoints("web", {"10.0.0.1": True, "10.0.0.2": False}, targets),
        endpoints("web", {"fd00::1": True}, targets),
        endpoints("other", {"10.0.0.3": True}, targets),
        endpoints("web", {"10.0.0.4": True}, targets, namespace="y"),
    ]
    (found,) = read_services([service("web", ["10.96.0.1", "fd00:96::1"], ports)], slices)
    assert {(it.address, it.protocol, it.port): it.backends for it in found.ports} == {
        ("10.96.0.1", Protocol.TCP, 80): (Backend("10.0.0.1", 8080),),
        ("10.96.0.1", Protocol.UDP, 53): (Backend("10.0.0.1", 5353),),
        ("fd00:96::1", Protocol.TCP, 80): (Backend("fd00::1", 8080),),
        ("fd00:96::1", Protocol.UDP, 53): (Backend("fd00::1", 5353),),
    }


def test_headless_services_and_those_without_address_are_left_out() -> None:
    headless, pending = service("headless", ["None"], []), service("pending", [""], [])
    external = {"kind": "Service", "metadata": {"namespace": "x", "name": "e"}, "spec": {"type": "ExternalName"}}
    assert read_services([headless, pending, external], []) == ()


def test_node_ports_are_of_every_family_and_know_where_their_pods_are() -> None:
    ports = [{"name": "web", "port": 80, "nodePort": 30080}]
    nodes = {"10.0.0.1": "node-1", "10.0.0.2": "node-2"}
    slices = [endpoints("web", dict.fromkeys(nodes, True), [{"name": "web", "port": 8080}], nodes=nodes)]
    addresses = ["10.96.0.1", "fd00:96::1"]
    (found,) = read_services([service("web", addresses, ports, externalTrafficPolicy="Local")], slices)
    backends = Backend("10.0.0.1", 8080, "node-1"), Backend("10.0.0.2", 8080, "node-2")
    assert found.node_ports == (
        NodePort(Family.IPV4, Protocol.TCP, 30080, backends, local=True),
        NodePort(Family.IPV6, Protocol.TCP, 30080, (), local=True),
    )
    assert [port.local for port in found.ports] == [False, False]


def test_a_node_answers_on_its_internal_addresses_and_publishes_others() -> None:
    kinds = {"172.18.0.2": "InternalIP", "fd00::2": "InternalIP", "node-1": "Hostname", "192.0.2.1": "ExternalIP"}
    listed = [{"type": kind, "address": address} for address, kind in kinds.items()]
    node = read_node({"metadata": {"labels": {"zone": "a"}}, "status": {"addresses": listed}})
    assert node.addresses == {Family.IPV4: "172.18.0.2", Family.IPV6: "fd00::2"}
    assert node.published == {Family.IPV4: {"172.18.0.2", "192.0.2.1"}, Family.IPV6: {"fd00::2"}}
    assert node.labels == {"zone": "a"}
