"""What new pods try, and what is tried of them."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

from probe.cluster.channel import Target
from probe.engine.agents import Agents
from probe.engine.externals import Endpoint, Outside
from probe.engine.race.lines import Line, lines_of
from probe.model.cell import Cell, Expectation, Family, Path, Protocol
from probe.model.fleet import External, Port
from probe.model.scenario import StartRace

HTTP, SIGNAL = Port(80), Port(3868, Protocol.SCTP)
V4, V6 = Family.IPV4, Family.IPV6
VAULT = External("vault", ("203.0.113.7", "2001:db8::7", "203.0.113.8"), (Port(443),))


def agents(*families: Family, outside: Outside | None = None) -> Agents:
    """Of a server with two ports and a client, as they are called."""
    addresses = {family: f"10.0.0.{place}" for place, family in enumerate(families, 1)}
    by_pod = {
        f"shop/{name}": SimpleNamespace(
            running=SimpleNamespace(pod=SimpleNamespace(ports=ports), uid=f"uid-{name}", addresses=addresses)
        )
        for name, ports in (("server", (HTTP, SIGNAL)), ("client", ()))
    }
    nobody = cast(Any, None)
    return Agents(nobody, nobody, nobody, cast(Any, by_pod), outside or Outside())


def race(**more: Any) -> StartRace:
    return StartRace("racer", "shop", 3, {}, (HTTP,), more.pop("sources", ()), more.pop("to", ()), Expectation.DENY)


def test_every_port_of_a_peer_over_every_family_that_pods_have() -> None:
    found = lines_of(race(to=("shop/server",)), agents(V4, V6), [])
    assert {(line.port, line.family) for line in found} == {
        (port, family) for port in (HTTP, SIGNAL) for family in (V4, V6)
    }
    assert Line("shop/server", SIGNAL, V6, True, None, Target("10.0.0.2", 3868, Protocol.SCTP), "uid-server") in found


def test_the_new_pods_ports_are_tried_over_the_same_families() -> None:
    found = lines_of(race(sources=("shop/client",)), agents(V4, V6), [])
    assert found == [Line("shop/client", HTTP, family, outbound=False) for family in (V4, V6)]
    assert found[0].cell("shop/racer-0") == Cell("shop/client", "shop/racer-0", 80, Protocol.TCP)


def test_endpoints_outside_are_tried_where_an_agent_is_and_pods_have_the_family() -> None:
    key = ("external/vault", "203.0.113.7")
    there = Outside({key: Endpoint("198.51.100.1", "vault-agent")}, {("external/vault", "203.0.113.8"): "nobody there"})
    one, other = lines_of(race(to=("external/vault",)), agents(V4, outside=there), [VAULT])
    assert (one.target, one.responder, one.trouble) == (Target("198.51.100.1", 443, Protocol.TCP), "vault-agent", "")
    assert one.cell("shop/racer-0").path is Path.EXTERNAL
    assert (other.target, other.trouble) == (None, "nobody there")
