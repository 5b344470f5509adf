"""NetworkPolicyPort: numbers, ranges, names and protocols."""

from __future__ import annotations

from tests.policy.semantics.friends import FRIEND, OUTSIDE, POD, PODS
from tests.policy.support import ALLOW, DENY, Object, answer, cluster, egress, ingress, network_policy, pod


def allowed_ports(*ports: Object) -> set[str]:
    """What of some ports a policy leaves open."""
    snapshot = cluster(*PODS, ingress(ports=ports))
    asked = ("79/TCP", "80/TCP", "81/TCP", "82/TCP", "65535/TCP", "80/UDP", "81/UDP", "80/SCTP")
    return {on for on in asked if answer(snapshot, FRIEND, POD, on) is ALLOW}


def test_absent_or_empty_ports_are_every_port_and_protocol() -> None:
    rules: tuple[Object, ...] = ({}, {"ports": []}, {"ports": None})
    for rule in rules:
        snapshot = cluster(*PODS, network_policy(ingress=[rule]))
        assert all(answer(snapshot, FRIEND, POD, on) is ALLOW for on in ("1/TCP", "65535/UDP", "7/SCTP"))


def test_protocol_absent_is_tcp() -> None:
    assert allowed_ports({"port": 80}) == allowed_ports({"port": 80, "protocol": None}) == {"80/TCP"}
    assert allowed_ports({"port": 80, "protocol": "UDP"}) == {"80/UDP"}


def test_protocol_without_port_is_all_ports_of_that_protocol() -> None:
    assert allowed_ports({"protocol": "UDP"}) == {"80/UDP", "81/UDP"}
    assert allowed_ports({}) == {"79/TCP", "80/TCP", "81/TCP", "82/TCP", "65535/TCP"}


def test_several_ports_are_or() -> None:
    assert allowed_ports({"port": 80}, {"port": 81, "protocol": "UDP"}) == {"80/TCP", "81/UDP"}


def test_end_port_is_inclusive() -> None:
    assert allowed_ports({"port": 80, "endPort": 81}) == {"80/TCP", "81/TCP"}
    assert allowed_ports({"port": 80, "endPort": 80}) == {"80/TCP"}
    assert allowed_ports({"port": 81, "endPort": 65535}) == {"81/TCP", "82/TCP", "65535/TCP"}
    assert allowed_ports({"port": 80, "endPort": None}) == {"80/TCP"}


def test_a_named_port_is_resolved_on_the_pod_for_ingress() -> None:
    assert allowed_ports({"port": "http"}) == {"80/TCP"}


def test_name_and_protocol_must_both_match() -> None:
    assert allowed_ports({"port": "http", "protocol": "UDP"}) == set()
    assert allowed_ports({"port": "dns", "protocol": "UDP"}) == {"80/UDP"}
    assert allowed_ports({"port": "dns"}) == set()


def test_a_name_that_nobody_serves_matches_nothing() -> None:
    assert allowed_ports({"port": "unserved"}) == set()
    assert allowed_ports({"port": "unserved"}, {"port": 80}) == {"80/TCP"}


def test_the_same_name_may_be_another_number_on_each_pod() -> None:
    pods = (pod("a/one", "80/TCP=http"), pod("a/two", "8080/TCP=http"), pod("a/client"))
    snapshot = cluster(*pods, ingress(ports=[{"port": "http"}]))
    assert [answer(snapshot, "a/client", "a/one", on) for on in ("80/TCP", "8080/TCP")] == [ALLOW, DENY]
    assert [answer(snapshot, "a/client", "a/two", on) for on in ("80/TCP", "8080/TCP")] == [DENY, ALLOW]


def test_a_named_port_is_resolved_on_the_destination_for_egress_too() -> None:
    pods = (pod("a/one", "80/TCP=http"), pod("a/two", "8080/TCP=http"), pod("a/client", "9/TCP=http"))
    snapshot = cluster(*pods, egress(ports=[{"port": "http"}]))
    assert [answer(snapshot, "a/client", "a/one", on) for on in ("80/TCP", "8080/TCP", "9/TCP")] == [ALLOW, DENY, DENY]
    assert [answer(snapshot, "a/client", "a/two", on) for on in ("80/TCP", "8080/TCP", "9/TCP")] == [DENY, ALLOW, DENY]
    assert answer(snapshot, "a/client", OUTSIDE) is DENY  # no name is known there
