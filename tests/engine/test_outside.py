"""What is made outside the cluster is the same for all scenarios of a run: copies are not in each other's way."""

from __future__ import annotations

from probe.engine.outside import outside_ports
from probe.model.cell import Protocol
from probe.model.fleet import External, Fleet, Port
from probe.model.scenario import Scenario


def scenario(*externals: External) -> Scenario:
    return Scenario("s", Fleet((), externals), (), "s.yaml")


def test_an_address_serves_whatever_any_scenario_wants_there() -> None:
    web, dns = Port(80), Port(53, Protocol.UDP, "dns")
    found = outside_ports(
        [
            scenario(External("vault", ("10.0.12.34", "2001:db8::1"), (web,))),
            scenario(External("other", ("2001:DB8:0::1",), (dns, web))),
            scenario(),
        ]
    )
    assert found == {"10.0.12.34": (web,), "2001:db8::1": (Port(53, Protocol.UDP), web)}
