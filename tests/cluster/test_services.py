"""The Services that the harness makes: one pod behind each, and every way on a port of its own."""

from __future__ import annotations

from typing import Any

import pytest

from probe.cluster.objects import POD_LABEL, Owner, agent_pod, pod_label
from probe.cluster.services import other_ports, service_name, service_of
from probe.model.agent_options import AgentOptions
from probe.model.cell import Protocol, Via
from probe.model.fleet import Pod, Port

OWNER = Owner("r1", "shop")


def pod(*ports: Port, name: str = "web") -> Pod:
    return Pod("shop", name, name, {}, ports)


def ports_of(service: dict[str, Any]) -> set[tuple[str, int, int | str, str]]:
    return {(it["name"], it["port"], it["targetPort"], it["protocol"]) for it in service["spec"]["ports"]}


def test_cluster_ip_has_each_port_under_its_own_number_and_another() -> None:
    both = frozenset({Via.SAME_PORT, Via.OTHER_PORT})
    service = service_of(pod(Port(80), Port(80, Protocol.UDP), Port(53, Protocol.UDP)), "ip", both, "cp-shop", OWNER)
    assert service["spec"]["type"] == "ClusterIP"
    assert service["spec"]["ipFamilyPolicy"] == "PreferDualStack"
    assert service["metadata"]["namespace"] == "cp-shop"
    assert service["metadata"]["labels"] == OWNER.labels
    assert ports_of(service) == {
        ("same-port-80-tcp", 80, 80, "TCP"),
        ("other-port-80-tcp", 10080, 80, "TCP"),
        ("same-port-80-udp", 80, 80, "UDP"),
        ("other-port-80-udp", 10080, 80, "UDP"),
        ("same-port-53-udp", 53, 53, "UDP"),
        ("other-port-53-udp", 10053, 53, "UDP"),
    }


@pytest.mark.parametrize(("via", "name"), [(Via.SAME_PORT, "same-port-80-tcp"), (Via.OTHER_PORT, "other-port-80-tcp")])
def test_what_was_not_asked_for_is_not_served(via: Via, name: str) -> None:
    service = service_of(pod(Port(80)), "ip", frozenset({via}), "ns", OWNER)
    assert {it["name"] for it in service["spec"]["ports"]} == {name}


@pytest.mark.parametrize(("kind", "via", "policy"), [("nodes", Via.CLUSTER, "Cluster"), ("local", Via.LOCAL, "Local")])
def test_node_ports_have_a_service_for_each_policy_and_their_numbers_from_the_api(
    kind: str, via: Via, policy: str
) -> None:
    spec = service_of(pod(Port(80)), kind, frozenset({via}), "ns", OWNER)["spec"]
    assert (spec["type"], spec["externalTrafficPolicy"]) == ("NodePort", policy)
    assert spec["ports"] == [{"name": "same-port-80-tcp", "port": 80, "targetPort": 80, "protocol": "TCP"}]


def test_other_ports_are_nobody_elses() -> None:
    crowd = [Port(number) for number in (80, 443, 10080, 10081, 20080, 55535, 55536, 65535, 1)]
    others = other_ports(crowd)
    assert others == other_ports(list(reversed(crowd)))
    numbers = {port.number for port in crowd}
    assert set(others) == numbers
    assert not numbers & set(others.values())
    assert len(set(others.values())) == len(numbers)
    assert all(1 <= other <= 65535 for other in others.values())
    assert others[80] == 10082  # 10080 and 10081 are the pod's


def test_another_port_leads_to_the_name_of_a_port_that_has_one() -> None:
    web = pod(Port(81, name="http"), Port(82))
    assert ports_of(service_of(web, "ip", frozenset({Via.SAME_PORT, Via.OTHER_PORT}), "cp-shop", OWNER)) == {
        ("same-port-81-tcp", 81, 81, "TCP"),
        ("other-port-81-tcp", 10081, "http", "TCP"),
        ("same-port-82-tcp", 82, 82, "TCP"),
        ("other-port-82-tcp", 10082, 82, "TCP"),
    }


def test_names_are_names_of_services_and_never_alike() -> None:
    pods = ["web", "ip-web", "nodes-web", "local-web", "9", "a" * 63, "a" * 62 + "b"]
    names = [service_name(kind, name) for kind in ("ip", "nodes", "local") for name in pods]
    assert len(set(names)) == len(names)
    assert all(len(name) <= 63 and name[0].isalpha() and name[-1].isalnum() for name in names)


def test_a_pod_is_selected_by_its_label_however_long_its_name_is() -> None:
    long, longer = pod(Port(80), name="a" * 60), pod(Port(80), name="a" * 60 + "b")
    for each in (long, longer, pod(Port(80))):
        service = service_of(each, "ip", frozenset({Via.SAME_PORT}), "ns", OWNER)
        labels = agent_pod(each, "ns", None, AgentOptions(), OWNER)["metadata"]["labels"]
        assert service["spec"]["selector"].items() <= labels.items()
        assert len(labels[POD_LABEL]) <= 63
    assert pod_label(long) != pod_label(longer)
