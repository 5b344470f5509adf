"""Who vouches for a responder, and when somebody is needed who can."""

from __future__ import annotations

from dataclasses import replace

import pytest

from probe.cluster.frames import ListenerState
from probe.engine.agent import Health
from probe.engine.liveness import Liveness, needs_witness
from probe.model.cell import Cell, Expectation, Family, Path, Protocol, Via
from probe.model.fleet import CLUSTER_DNS, External, Fleet
from probe.model.scenario import Scenario, Selection, Step

OPEN = Step("open", (), Expectation.ALLOW)
PLAIN = Scenario("plain", Fleet(()), (OPEN,), "plain.yaml")
CELL = Cell("shop/web", "shop/api", 80, Protocol.TCP)
OWN = replace(CELL, source="shop/api")
WELL = Health("", (ListenerState(80, Protocol.TCP, Family.IPV4, None),))


@pytest.mark.parametrize(
    ("paths", "needed"), [((), False), (("pod-ip", "cluster-ip"), False), (("dns",), True), (("*",), True)]
)
def test_dns_needs_a_witness(paths: tuple[str, ...], needed: bool) -> None:
    asks = replace(OPEN, selection=Selection(paths=paths))
    assert needs_witness(replace(PLAIN, steps=(OPEN, asks))) is needed


def test_endpoints_outside_need_a_witness() -> None:
    assert needs_witness(replace(PLAIN, fleet=Fleet((), (External("vault", ("192.0.2.1",), ()),))))


def test_a_way_through_a_service_rests_on_the_pod_its_address_and_the_service() -> None:
    cell = replace(CELL, path=Path.CLUSTER_IP, via=Via.OTHER_PORT)
    service = ("shop/api", Via.OTHER_PORT)
    assert Liveness({"shop/api": WELL}, {OWN: ""}, {service: ""}).trouble(cell) == ""
    assert Liveness({"shop/api": WELL}, {OWN: ""}, {service: "it is gone"}).trouble(cell) == "it is gone"
    assert Liveness({"shop/api": WELL}, {OWN: "no answer"}, {service: ""}).trouble(cell) == "no answer"
    assert "lost" in Liveness({"shop/api": Health("lost")}, {OWN: ""}, {service: ""}).trouble(cell)
    # The pod's own address is not to blame for its service.
    assert Liveness({"shop/api": WELL}, {OWN: ""}, {service: "it is gone"}).trouble(CELL) == ""


def test_dns_rests_on_the_witness() -> None:
    cell = Cell("shop/web", CLUSTER_DNS, 53, Protocol.UDP, path=Path.DNS)
    asked = replace(cell, source="cni-probe-witness/witness")
    assert Liveness({}, {asked: ""}, {}).trouble(cell) == ""
    assert Liveness({}, {asked: "the witness saw timed-out"}, {}).trouble(cell) == "the witness saw timed-out"
