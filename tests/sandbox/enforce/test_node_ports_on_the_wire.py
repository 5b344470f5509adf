"""Node ports: every node's address serves them, for pods, nodes and hosts outside, and policy holds behind them."""

from __future__ import annotations

import asyncio

import pytest

from probe.model.cell import Family
from tests.sandbox.enforce.objects import block, endpoints, labelled, policy, port, service
from tests.sandbox.enforce.world import Answer, World

pytestmark = [pytest.mark.sandbox, pytest.mark.asyncio(loop_scope="module")]

ADDRESSES = ("10.96.0.10", "fd00:10:96::10")
PORTS = [
    {"name": "web", "port": 8080, "protocol": "TCP", "nodePort": 30080},
    {"name": "dns", "port": 53, "protocol": "UDP", "nodePort": 30053},
]
TARGETS = [{"name": "web", "port": 80}, {"name": "dns", "port": 81, "protocol": "UDP"}]
EVERYBODY = ("x/a", "y/b", "node-1", "node-2", "outer")
"""A pod of node-1, a pod of node-2, both nodes, and a host outside."""


def serve(world: World, *pods: str, ready: bool = True, **spec: str) -> None:
    """A service ``web`` of both families and of type NodePort, with these pods behind it."""
    world.services = [service("web", ADDRESSES, PORTS, type="NodePort", **spec)]
    world.slices = [
        endpoints(
            "web",
            {world.hosts[name].addresses[family]: ready for name in pods},
            TARGETS,
            nodes={world.hosts[name].addresses[family]: world.hosts[name].node for name in pods},
        )
        for family in Family
        if pods
    ]


async def ask(world: World, source: str, node: str, number: int = 30080, protocol: str = "TCP") -> Answer:
    """One attempt at a node's address over each family, which must agree; the source that was seen over IPv4."""
    answers = [await world.dial(source, world.hosts[node].addresses[it], number, protocol) for it in Family]
    assert len({(answer.outcome, answer.responder) for answer in answers}) == 1, answers
    return answers[0]


def address(world: World, host: str) -> str:
    return world.hosts[host].addresses[Family.IPV4]


@pytest.mark.parametrize("node", ["node-1", "node-2"])
@pytest.mark.parametrize("source", EVERYBODY)
async def test_every_node_leads_everybody_to_the_pod_which_sees_that_node(world: World, source: str, node: str) -> None:
    serve(world, "x/b")
    await world.enforce()
    assert await ask(world, source, node) == Answer("connected", "x/b", address(world, node))
    assert await ask(world, source, node, 30053, "UDP") == Answer("connected", "x/b", address(world, node))


async def test_the_pod_sees_the_node_in_either_family(world: World) -> None:
    serve(world, "x/c")
    await world.enforce()
    for family in Family:
        answer = await world.dial("outer", world.hosts["node-1"].addresses[family], 30080)
        assert answer == Answer("connected", "x/c", world.hosts["node-1"].addresses[family])


@pytest.mark.parametrize("source", EVERYBODY)
async def test_a_port_of_no_service_is_refused_as_is_one_without_ready_pods(world: World, source: str) -> None:
    serve(world, "x/b")
    await world.enforce()
    assert (await ask(world, source, "node-1", 30081)).outcome == "refused"
    serve(world, "x/b", ready=False)
    await world.enforce()
    assert (await ask(world, source, "node-1")).outcome == "refused"


async def test_connections_are_spread_over_the_pods_of_all_nodes(world: World) -> None:
    serve(world, "x/a", "x/c")
    await world.enforce()
    answers = await asyncio.gather(*(world.dial("outer", address(world, "node-1"), 30080) for _ in range(40)))
    assert {it.responder for it in answers} == {"x/a", "x/c"}


async def test_a_pod_reaches_itself_through_any_node(world: World) -> None:
    for traffic in ("Cluster", "Local"):
        serve(world, "x/b", externalTrafficPolicy=traffic)
        for policies in ((), (policy("x", labelled(pod="b"), types=["Ingress"]),)):
            await world.enforce(*policies)
            answer = await ask(world, "x/b", "node-1")
            assert answer == Answer("connected", "x/b", address(world, "node-1"))


# externalTrafficPolicy: Local


@pytest.mark.parametrize("source", ["x/a", "y/b", "outer"])
async def test_local_keeps_the_source_on_the_pods_node_and_drops_elsewhere(world: World, source: str) -> None:
    serve(world, "x/b", externalTrafficPolicy="Local")
    await world.enforce()
    for family in Family:
        answer = await world.dial(source, world.hosts["node-1"].addresses[family], 30080)
        assert answer == Answer("connected", "x/b", world.hosts[source].addresses[family])
    assert await ask(world, source, "node-2") == Answer("dropped")
    assert await ask(world, source, "node-2", 30053, "UDP") == Answer("dropped")


@pytest.mark.parametrize("source", ["node-1", "node-2"])
async def test_local_serves_host_network_clients_too(world: World, source: str) -> None:
    serve(world, "x/b", externalTrafficPolicy="Local")
    await world.enforce()
    assert await ask(world, source, "node-1") == Answer("connected", "x/b", address(world, source))


async def test_local_without_any_pod_is_refused(world: World) -> None:
    serve(world, "x/b", ready=False, externalTrafficPolicy="Local")
    await world.enforce()
    assert (await ask(world, "outer", "node-1")).outcome == "refused"


async def test_local_never_leaves_the_node(world: World) -> None:
    serve(world, "x/a", "x/c", externalTrafficPolicy="Local")
    await world.enforce()
    for node, pod in (("node-1", "x/a"), ("node-2", "x/c")):
        answers = await asyncio.gather(*(world.dial("outer", address(world, node), 30080) for _ in range(10)))
        assert {it.responder for it in answers} == {pod}


# internalTrafficPolicy: Local


async def test_an_internal_policy_of_local_is_about_the_clients_node(world: World) -> None:
    serve(world, "x/b", internalTrafficPolicy="Local")
    await world.enforce()
    for source, outcome in (("x/a", "connected"), ("node-1", "connected"), ("y/b", "dropped")):
        assert (await world.dial(source, ADDRESSES[0], 8080)).outcome == outcome
    assert (await ask(world, "y/b", "node-2")).outcome == "connected"


# policy behind node ports


async def test_ingress_policy_sees_the_client_where_its_source_is_kept(world: World) -> None:
    serve(world, "x/b", externalTrafficPolicy="Local")
    await world.enforce(policy("x", labelled(pod="b"), ingress=[{"from": [{"podSelector": labelled(pod="a")}]}]))
    assert (await ask(world, "x/a", "node-1")).outcome == "connected"
    for source in ("x/c", "y/a", "y/b", "outer", "node-2"):
        assert await ask(world, source, "node-1") == Answer("dropped")
    blocks = [block(f"{it}/{128 if ':' in it else 32}") for it in world.hosts["outer"].addresses.values()]
    await world.enforce(policy("x", labelled(pod="b"), ingress=[{"from": blocks, "ports": [port(80)]}]))
    assert (await ask(world, "outer", "node-1")).outcome == "connected"
    assert await ask(world, "inner", "node-1") == Answer("dropped")
    assert await ask(world, "outer", "node-1", 30053, "UDP") == Answer("dropped")


async def test_ingress_policy_sees_another_node_that_masquerades(world: World) -> None:
    serve(world, "x/b")
    await world.enforce(policy("x", labelled(pod="b"), ingress=[{"from": [{"namespaceSelector": {}}]}]))
    for source in ("x/a", "y/b", "outer", "node-2"):
        assert await ask(world, source, "node-2") == Answer("dropped")
    nodes = [block(f"{it}/{128 if ':' in it else 32}") for it in world.hosts["node-2"].addresses.values()]
    await world.enforce(policy("x", labelled(pod="b"), ingress=[{"from": nodes}]))
    for source in ("x/a", "y/b", "outer", "node-2"):
        assert await ask(world, source, "node-2") == Answer("connected", "x/b", address(world, "node-2"))


async def test_a_pod_is_isolated_behind_the_port_of_its_own_node_too(world: World) -> None:
    """Masquerading must not make everybody a node, which may always talk to its own pods."""
    serve(world, "x/b")
    await world.enforce(policy("x", labelled(pod="b"), types=["Ingress"]))
    for source in ("x/a", "y/b", "outer", "node-2"):
        assert await ask(world, source, "node-1") == Answer("dropped")
    assert (await ask(world, "node-1", "node-1")).outcome == "connected"
    await world.enforce(policy("x", labelled(pod="b"), ingress=[{"from": [{"podSelector": labelled(pod="a")}]}]))
    assert (await ask(world, "x/a", "node-1")).outcome == "connected"


@pytest.mark.parametrize(
    ("target", "traffic"),
    [("x/a", "Cluster"), ("x/c", "Cluster"), ("x/a", "Local")],
    ids=["same node", "cross node", "Local"],
)
async def test_egress_policy_sees_the_pod_behind_the_port_of_ones_own_node(
    world: World, target: str, traffic: str
) -> None:
    serve(world, target, externalTrafficPolicy=traffic)
    rule = {"to": [{"podSelector": labelled(pod=target[-1])}], "ports": [port(80)]}
    await world.enforce(policy("x", labelled(pod="b"), egress=[rule]))
    assert (await ask(world, "x/b", "node-1")).outcome == "connected"
    assert await ask(world, "x/b", "node-1", 30053, "UDP") == Answer("dropped")
    await world.enforce(policy("x", labelled(pod="b"), types=["Egress"]))
    assert await ask(world, "x/b", "node-1") == Answer("dropped")


async def test_egress_policy_sees_the_address_and_port_of_another_node(world: World) -> None:
    serve(world, "x/c")
    rule = {"to": [{"podSelector": labelled(pod="c")}]}
    await world.enforce(policy("x", labelled(pod="b"), egress=[rule]))
    assert await ask(world, "x/b", "node-2") == Answer("dropped")
    nodes = [block(f"{it}/{128 if ':' in it else 32}") for it in world.hosts["node-2"].addresses.values()]
    await world.enforce(policy("x", labelled(pod="b"), egress=[{"to": nodes, "ports": [port(30080)]}]))
    assert await ask(world, "x/b", "node-2") == Answer("connected", "x/c", address(world, "node-2"))


async def test_taking_a_service_away_ends_its_node_ports(world: World) -> None:
    serve(world, "x/b")
    await world.enforce()
    assert (await ask(world, "outer", "node-2")).outcome == "connected"
    world.services, world.slices = [], []
    await world.enforce()
    assert (await ask(world, "outer", "node-2")).outcome == "refused"
