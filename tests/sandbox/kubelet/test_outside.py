"""Who gets which addresses outside the cluster."""

from __future__ import annotations

from typing import Any

import pytest

from probe.model.cell import Family
from probe.sandbox.kubelet.outside import Claim, settle
from probe.sandbox.net.plan import AddressPlan

PLAN = AddressPlan((Family.IPV4,), 1)


def endpoint(name: str, addresses: list[str], *ports: int) -> dict[str, Any]:
    spec = {"addresses": addresses, "ports": [{"port": port, "protocol": "TCP"} for port in ports]}
    return {"metadata": {"namespace": "n", "name": name, "uid": name}, "spec": spec}


def test_equal_specs_are_one_host_in_whatever_order_the_ports_are() -> None:
    outcomes = settle([endpoint("a", ["10.0.0.1"], 80, 443), endpoint("b", ["10.0.0.1"], 443, 80)], PLAN)
    assert isinstance(outcomes["a"], Claim)
    assert outcomes["a"] == outcomes["b"]


def test_other_ports_on_the_same_address_are_a_conflict_that_names_the_holder() -> None:
    outcomes = settle([endpoint("a", ["10.0.0.1"], 80), endpoint("b", ["10.0.0.2", "10.0.0.1"], 443)], PLAN)
    assert isinstance(outcomes["a"], Claim)
    assert outcomes["b"] == "10.0.0.1 belongs to externalendpoint n/a, which serves 80/TCP"


def test_who_lost_holds_nothing() -> None:
    first, loser = endpoint("a", ["10.0.0.1"], 80), endpoint("b", ["10.0.0.2", "10.0.0.1"], 443)
    outcomes = settle([first, loser, endpoint("c", ["10.0.0.2"], 80)], PLAN)
    assert isinstance(outcomes["c"], Claim)


@pytest.mark.parametrize(
    ("addresses", "why"),
    [
        ([], "spec.addresses is empty"),
        (["vault.example"], "does not appear to be an IPv4 or IPv6 address"),
        (["10.0.0.1", "10.244.0.9"], "10.244.0.9 lies in the cluster's own pod range"),
    ],
)
def test_a_claim_that_nobody_can_have_is_refused_with_a_reason(addresses: list[str], why: str) -> None:
    outcome = settle([endpoint("a", addresses, 80)], PLAN)["a"]
    assert isinstance(outcome, str)
    assert why in outcome
