"""Protocols and ports of ClusterNetworkPolicy."""

from __future__ import annotations

import pytest

from tests.policy.semantics.cluster.web import DB, OTHER, PODS, WEB
from tests.policy.support import ALLOW, DENY, Object, answer, cluster, cluster_policy, rule, to


def number(value: int) -> Object:
    return {"destinationPort": {"number": value}}


def between(start: int, end: int) -> Object:
    return {"destinationPort": {"range": {"start": start, "end": end}}}


@pytest.mark.parametrize(
    ("protocols", "denied"),
    [
        ([{"tcp": number(80)}], {"80/TCP"}),
        ([{"udp": number(80)}, {"sctp": number(81)}], {"80/UDP", "81/SCTP"}),
        ([{"tcp": between(80, 81)}], {"80/TCP", "81/TCP"}),
        ([{"tcp": between(1, 65535)}], {"79/TCP", "80/TCP", "81/TCP", "82/TCP", "53/TCP"}),
        ([{"destinationNamedPort": "http"}], {"80/TCP"}),
        ([{"destinationNamedPort": "dns"}], {"53/UDP"}),
        ([{"destinationNamedPort": "unserved"}], set()),
    ],
)
def test_protocols_narrow_a_rule_down(protocols: list[Object], denied: set[str]) -> None:
    """Numbers, inclusive ranges, and names that the destination gives a port of whatever protocol."""
    snapshot = cluster(*PODS, cluster_policy(ingress=[rule("Deny", protocols=protocols)]))
    asked = ("79/TCP", "80/TCP", "81/TCP", "82/TCP", "80/UDP", "53/UDP", "53/TCP", "81/SCTP")
    assert {on for on in asked if answer(snapshot, OTHER, WEB, on) is DENY} == denied


def test_without_protocols_a_rule_is_for_all_of_them() -> None:
    snapshot = cluster(*PODS, cluster_policy(ingress=[rule("Deny")]))
    assert {answer(snapshot, OTHER, WEB, on) for on in ("1/TCP", "65535/UDP", "9/SCTP")} == {DENY}


def test_a_named_port_is_resolved_on_the_destination() -> None:
    deny = cluster_policy(egress=[to("Deny", protocols=[{"destinationNamedPort": "http"}])])
    snapshot = cluster(*PODS, deny)
    assert [answer(snapshot, OTHER, WEB, on) for on in ("80/TCP", "8080/TCP")] == [DENY, ALLOW]
    assert [answer(snapshot, OTHER, DB, on) for on in ("80/TCP", "8080/TCP")] == [ALLOW, DENY]
