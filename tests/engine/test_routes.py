"""Where each way of a cell leads, and why one leads nowhere."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, cast

import pytest

from probe.cluster.channel import ClockOffset
from probe.cluster.frames import Resolver
from probe.cluster.nodes import Node
from probe.cluster.objects import Owner
from probe.cluster.running import RunningPod
from probe.cluster.services import ServiceDoor, Services
from probe.engine.agent import Agent, Sample
from probe.engine.externals import Endpoint, Outside
from probe.engine.routes import Route, Routes, api_name
from probe.model.cell import Cell, Family, Outcome, Path, Protocol, Via
from probe.model.fleet import CLUSTER_DNS, Pod

V4, V6 = Family.IPV4, Family.IPV6
BOTH = {V4: "10.244.2.5", V6: "fd00:244:2::5"}
NODES = (
    Node("n1", "n1", {V4: "192.0.2.1", V6: "fd00::1"}),
    Node("n2", "n2", {V4: "192.0.2.2", V6: "fd00::2"}),
    Node("n3", "n3", {V4: "192.0.2.3"}),
)
RESOLVER = Resolver(("10.96.0.10", "fd00:96::a"), ("shop.svc.cluster.test", "svc.cluster.test", "cluster.test"))


def agent(name: str, node: str, addresses: dict[Family, str], **fields: Any) -> Agent:
    """An agent without a channel: routes need to know of it, not to talk to it."""
    pod = Pod("shop", name, name, {}, (), host_network=fields.pop("host_network", False))
    running = RunningPod(pod, "cp-shop", name, f"uid-{name}", node, addresses)
    return Agent(running, cast(Any, None), ClockOffset(0.0, 0.0), resolver=RESOLVER, **fields)


def doors(families: dict[Family, str]) -> dict[tuple[str, str], ServiceDoor]:
    ports = {(Via.SAME_PORT, 80, Protocol.TCP): 80, (Via.OTHER_PORT, 80, Protocol.TCP): 10080}
    numbers = {"ip": {}, "nodes": {(80, Protocol.TCP): 30001}, "local": {(80, Protocol.TCP): 30002}}
    return {
        ("shop/server", kind): ServiceDoor("cp-shop", kind, "uid", {}, (), families, ports, node_ports)
        for kind, node_ports in numbers.items()
    }


class World:
    """A client on n1, a server on n2, and what stands between them."""

    def __init__(self) -> None:
        self.agents = {
            "shop/client": agent("client", "n1", {V4: "10.244.1.5", V6: "fd00:244:1::5"}),
            "shop/server": agent("server", "n2", BOTH),
        }
        self.nodes: tuple[Node, ...] = NODES
        self.services = Services(cast(Any, None), Owner("r1", "s"), {}, {}, doors({V4: "10.96.1.1", V6: "fd00:96::1"}))
        self.outside = Outside()

    def to(self, path: Path, via: Via = Via.ONLY, family: Family = V4, **fields: Any) -> Route | Sample:
        """The route of a cell from the client to the server's port 80/TCP, or what ``fields`` say."""
        cell = Cell("shop/client", "shop/server", 80, Protocol.TCP, family, path, via=via)
        return Routes(self.nodes, self.services).resolve(replace(cell, **fields), self.agents, self.outside)

    def refusal(self, outcome: Outcome, path: Path, via: Via = Via.ONLY, **fields: Any) -> str:
        """Why it cannot be tried."""
        sample = self.to(path, via, **fields)
        assert isinstance(sample, Sample)
        assert sample.outcome is outcome
        return str(sample.error)

    def unsupported(self, path: Path, via: Via = Via.ONLY, **fields: Any) -> str:
        return self.refusal(Outcome.UNSUPPORTED, path, via, **fields)


@pytest.fixture
def world() -> World:
    return World()


@pytest.mark.parametrize(
    ("path", "via", "family", "endpoint"),
    [
        (Path.POD_IP, Via.ONLY, V4, "10.244.2.5:80"),
        (Path.POD_IP, Via.ONLY, V6, "[fd00:244:2::5]:80"),
        (Path.NODE_IP, Via.ONLY, V4, "10.244.2.5:80"),
        (Path.CLUSTER_IP, Via.SAME_PORT, V4, "10.96.1.1:80"),
        (Path.CLUSTER_IP, Via.OTHER_PORT, V6, "[fd00:96::1]:10080"),
        (Path.NODE_PORT, Via.CLUSTER, V4, "192.0.2.2:30001"),
        (Path.NODE_PORT, Via.OTHER_NODE, V4, "192.0.2.3:30001"),
        (Path.NODE_PORT, Via.LOCAL, V6, "[fd00::2]:30002"),
    ],
)
def test_each_way_has_its_address_and_the_pod_at_its_end(
    world: World, path: Path, via: Via, family: Family, endpoint: str
) -> None:
    route = world.to(path, via, family)
    assert isinstance(route, Route)
    assert (route.endpoint, route.responder) == (endpoint, "uid-server")


def test_another_node_is_a_third_one_if_it_has_the_family_and_else_the_clients(world: World) -> None:
    route = world.to(Path.NODE_PORT, Via.OTHER_NODE, V6)  # n3 has no IPv6 address
    assert isinstance(route, Route)
    assert route.address == "fd00::1"
    world.nodes = NODES[:2]
    route = world.to(Path.NODE_PORT, Via.OTHER_NODE)
    assert isinstance(route, Route)
    assert route.address == "192.0.2.1"


def test_without_another_node_there_is_no_way_through_one(world: World) -> None:
    world.nodes = (NODES[1],)
    assert world.unsupported(Path.NODE_PORT, Via.OTHER_NODE) == "there is no other node than n2, which is shop/server's"
    assert isinstance(world.to(Path.NODE_PORT, Via.CLUSTER), Route)


def test_a_node_without_an_address_of_the_family_is_said(world: World) -> None:
    world.nodes = (replace(NODES[0], addresses={}), replace(NODES[1], addresses={V4: "192.0.2.2"}))
    assert world.unsupported(Path.NODE_PORT, Via.LOCAL, family=V6) == "n2, the node of shop/server, has no IPv6 address"
    assert world.unsupported(Path.NODE_PORT, Via.OTHER_NODE) == "no other node than n2 has an IPv4 address"


@pytest.mark.parametrize("who", ["shop/client", "shop/server"])
def test_an_end_without_an_address_of_the_family_is_said(world: World, who: str) -> None:
    world.agents[who].running = replace(world.agents[who].running, addresses={V4: "10.244.9.9"})
    for path, via in ((Path.POD_IP, Via.ONLY), (Path.CLUSTER_IP, Via.SAME_PORT), (Path.NODE_PORT, Via.LOCAL)):
        assert world.unsupported(path, via, family=V6) == f"{who} has no IPv6 address"


def test_a_service_that_did_not_get_the_family_is_said(world: World) -> None:
    world.services.doors = doors({V4: "10.96.1.1"})
    for path, via in ((Path.CLUSTER_IP, Via.SAME_PORT), (Path.NODE_PORT, Via.CLUSTER)):
        why = world.unsupported(path, via, family=V6)
        assert why == "the service of shop/server got no IPv6 address (only IPv4)"


@pytest.mark.parametrize(("path", "via"), [(Path.CLUSTER_IP, Via.SAME_PORT), (Path.NODE_PORT, Via.LOCAL)])
def test_a_service_that_was_never_made_is_our_own_mistake_and_no_denial(world: World, path: Path, via: Via) -> None:
    assert world.refusal(Outcome.AGENT_ERROR, path, via, port=81) == "no service leads to shop/server 81/TCP"
    world.services.doors = {}
    assert world.refusal(Outcome.AGENT_ERROR, path, via) == "no service leads to shop/server 80/TCP"


def test_a_pod_that_is_gone_is_no_denial(world: World) -> None:
    del world.agents["shop/server"]
    for path, via in ((Path.POD_IP, Via.ONLY), (Path.CLUSTER_IP, Via.SAME_PORT), (Path.NODE_PORT, Via.LOCAL)):
        assert world.refusal(Outcome.AGENT_ERROR, path, via) == "shop/server is not running"


def test_a_port_that_could_not_be_bound_is_named(world: World) -> None:
    taken = {(80, Protocol.TCP, V4): "EADDRINUSE"}
    world.agents["shop/server"] = agent("server", "n2", BOTH, unbound=taken, host_network=True)
    why = world.refusal(Outcome.AGENT_ERROR, Path.NODE_IP)
    assert why.startswith("shop/server cannot listen on 80/TCP IPv4 (EADDRINUSE); it shares the network of n2")
    assert world.refusal(Outcome.AGENT_ERROR, Path.CLUSTER_IP, Via.SAME_PORT) == why
    assert isinstance(world.to(Path.NODE_IP, family=V6), Route)


def test_sctp_that_the_responders_kernel_lacks_is_unsupported(world: World) -> None:
    world.agents["shop/server"] = agent("server", "n2", BOTH, unbound={(80, Protocol.SCTP, V4): "EPROTONOSUPPORT"})
    why = world.unsupported(Path.POD_IP, protocol=Protocol.SCTP)
    assert why == "no SCTP sockets in the kernel of n2 (EPROTONOSUPPORT)"


def test_endpoints_outside(world: World) -> None:
    key = "external/vault", "198.51.100.1"
    fields: dict[str, Any] = {"destination": key[0], "address": key[1]}
    assert "no such endpoint outside" in world.unsupported(Path.EXTERNAL, **fields)
    world.outside = Outside(reasons={key: "nobody runs one"})
    assert world.unsupported(Path.EXTERNAL, **fields) == "nobody runs one"
    world.outside = Outside({key: Endpoint("192.0.2.10", "vault-1")})
    assert world.to(Path.EXTERNAL, **fields) == Route("192.0.2.10", 80, "vault-1")


def test_an_endpoint_outside_at_which_nobody_answers_is_no_denial(world: World) -> None:
    key = "external/vault", "198.51.100.1"
    world.outside = Outside({key: Endpoint("192.0.2.10", None)})
    why = world.refusal(Outcome.AGENT_ERROR, Path.EXTERNAL, destination=key[0], address=key[1])
    assert why == "no agent answers at 192.0.2.10, where external/vault should be"


@pytest.mark.parametrize(("family", "address"), [(V4, "10.96.0.10"), (V6, "fd00:96::a")])
def test_dns_asks_the_probers_own_nameserver_whoever_answers(world: World, family: Family, address: str) -> None:
    route = world.to(Path.DNS, family=family, destination=CLUSTER_DNS, port=53)
    assert route == Route(address, 53, None, "kubernetes.default.svc.cluster.test")


def test_without_a_nameserver_of_the_family_dns_cannot_be_asked(world: World) -> None:
    world.agents["shop/client"].resolver = Resolver(("10.96.0.10",))
    why = world.unsupported(Path.DNS, family=V6, destination=CLUSTER_DNS, port=53)
    assert why == "shop/client has no IPv6 nameserver (only 10.96.0.10)"
    world.agents["shop/client"].resolver = Resolver()
    assert "none at all" in world.unsupported(Path.DNS, destination=CLUSTER_DNS, port=53)


@pytest.mark.parametrize(
    ("search", "name"),
    [
        (("a.svc.cluster.local", "svc.cluster.local", "cluster.local"), "kubernetes.default.svc.cluster.local"),
        (("svc.corp.example.", "corp.example"), "kubernetes.default.svc.corp.example"),
        (("corp.example",), "kubernetes.default.svc.cluster.local"),
        ((), "kubernetes.default.svc.cluster.local"),
    ],
)
def test_the_clusters_domain_is_the_one_that_pods_search(search: tuple[str, ...], name: str) -> None:
    assert api_name(search) == name


def test_a_pod_that_has_not_got_the_address_that_the_scenario_is_about_is_not_tried() -> None:
    for end in ("shop/client", "shop/server"):
        world = World()
        agent = world.agents[end]
        world.agents[end] = replace(agent, running=replace(agent.running, strayed="it got another one"))
        assert world.refusal(Outcome.UNSUPPORTED, Path.POD_IP) == "it got another one"
