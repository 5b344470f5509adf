"""ClusterIP services, and policy behind them."""

from __future__ import annotations

import asyncio
from collections import Counter

import pytest

from probe.model.cell import Family
from probe.sandbox.enforce.compile import Options
from tests.sandbox.enforce.objects import Obj, block, endpoints, labelled, policy, port, service
from tests.sandbox.enforce.world import Answer, World

pytestmark = [pytest.mark.sandbox, pytest.mark.asyncio(loop_scope="module")]

ADDRESSES = ("10.96.0.10", "fd00:10:96::10")
SAME_NUMBER = [{"name": "web", "port": 80, "protocol": "TCP"}]


def serve(
    world: World, pods: dict[str, bool], ports: list[Obj] = SAME_NUMBER, targets: list[Obj] = SAME_NUMBER
) -> None:
    """A service ``web`` of both families with these pods (name to readiness) behind it."""
    world.services = [service("web", ADDRESSES, ports)]
    world.slices = [
        endpoints("web", {world.hosts[name].addresses[family]: ready for name, ready in pods.items()}, targets)
        for family in Family
        if pods
    ]


async def both(world: World, source: str, number: int = 80, protocol: str = "TCP") -> list[Answer]:
    """One attempt over each family."""
    return [await world.dial(source, address, number, protocol) for address in ADDRESSES]


async def outcomes(world: World, source: str, number: int = 80, protocol: str = "TCP") -> set[str]:
    return {answer.outcome for answer in await both(world, source, number, protocol)}


@pytest.mark.parametrize(("source", "target"), [("x/a", "x/b"), ("x/a", "x/c"), ("y/b", "x/b")])
async def test_a_service_leads_to_its_pod_and_the_pod_sees_the_client(world: World, source: str, target: str) -> None:
    serve(world, {target: True})
    await world.enforce()
    for answer, family in zip(await both(world, source), Family, strict=True):
        assert answer == Answer("connected", target, world.hosts[source].addresses[family])


async def test_connections_are_spread_over_all_ready_pods_and_no_other(world: World) -> None:
    serve(world, {"x/a": True, "x/c": True, "y/b": False})
    await world.enforce()
    answers = await asyncio.gather(*(world.dial("y/a", ADDRESSES[0], 80) for _ in range(60)))
    count = Counter(answer.responder for answer in answers)
    assert set(count) == {"x/a", "x/c"}
    assert min(count.values()) >= 10


async def test_the_target_port_may_differ_and_several_ports_are_kept_apart(world: World) -> None:
    ports = [
        {"name": "web", "port": 8080, "protocol": "TCP"},
        {"name": "alt", "port": 9090, "protocol": "TCP"},
        {"name": "dns", "port": 53, "protocol": "UDP"},
    ]
    targets = [{"name": "web", "port": 80}, {"name": "alt", "port": 81}, {"name": "dns", "port": 81, "protocol": "UDP"}]
    serve(world, {"x/b": True}, ports, targets)
    await world.enforce(policy("x", labelled(pod="b"), ingress=[{"ports": [port(80), port(81, "UDP")]}]))
    assert await outcomes(world, "x/c", 8080) == {"connected"}
    assert await outcomes(world, "x/c", 9090) == {"dropped"}
    assert await outcomes(world, "x/c", 53, "UDP") == {"connected"}


@pytest.mark.parametrize("number", [80, 81], ids=["its port", "a port that it does not have"])
async def test_what_no_ready_pod_serves_is_refused(world: World, number: int) -> None:
    serve(world, {"x/b": False} if number == 80 else {"x/b": True})
    await world.enforce()
    for source in ("x/a", "x/c"):
        assert await outcomes(world, source, number) == {"refused"}
        assert await outcomes(world, source, number, "UDP") == {"refused"}


@pytest.mark.parametrize("source", ["node-1", "node-2"], ids=["same node", "cross node"])
async def test_services_work_from_nodes_too(world: World, source: str) -> None:
    """A host-network pod is its node."""
    serve(world, {"x/b": True})
    await world.enforce()
    assert await outcomes(world, source) == {"connected"}
    assert await outcomes(world, source, 81) == {"refused"}
    assert await outcomes(world, source, 81, "UDP") == {"forbidden"}
    serve(world, {})
    await world.enforce()
    assert await outcomes(world, source) == {"refused"}


@pytest.mark.parametrize("source", ["x/a", "y/b"], ids=["same node", "cross node"])
async def test_ingress_policy_holds_behind_a_service(world: World, source: str) -> None:
    serve(world, {"x/b": True})
    await world.enforce(policy("x", labelled(pod="b"), types=["Ingress"]))
    assert await outcomes(world, source) == {"dropped"}
    rule = {"from": [{"namespaceSelector": {}, "podSelector": labelled(pod=source[-1])}]}
    await world.enforce(policy("x", labelled(pod="b"), ingress=[rule]))
    assert await outcomes(world, source) == {"connected"}


@pytest.mark.parametrize("target", ["x/a", "x/c"], ids=["same node", "cross node"])
async def test_egress_policy_sees_the_pod_and_its_port_behind_the_service(world: World, target: str) -> None:
    serve(world, {target: True}, [{"name": "web", "port": 8080}], [{"name": "web", "port": 80}])

    async def with_egress(rule: Obj) -> set[str]:
        await world.enforce(policy("x", labelled(pod="b"), egress=[rule]))
        return await outcomes(world, "x/b", 8080)

    peer = {"podSelector": labelled(pod=target[-1])}
    assert await with_egress({"to": [peer], "ports": [port(80)]}) == {"connected"}
    assert await with_egress({"to": [peer], "ports": [port(8080)]}) == {"dropped"}
    assert await with_egress({"to": [{"podSelector": labelled(pod="nobody")}]}) == {"dropped"}
    assert await with_egress({"to": [block("10.96.0.0/16"), block("fd00:10:96::/112")]}) == {"dropped"}


async def test_a_pod_reaches_itself_through_its_service_and_sees_its_node(world: World) -> None:
    serve(world, {"x/b": True})
    for policies in ((), (policy("x", {}, types=["Ingress", "Egress"]),)):
        await world.enforce(*policies)
        for answer in await both(world, "x/b"):
            assert (answer.outcome, answer.responder) == ("connected", "x/b")
            assert answer.source not in world.hosts["x/b"].addresses.values()


async def test_only_connections_to_itself_are_masqueraded(world: World) -> None:
    serve(world, {"x/a": True, "x/b": True})
    await world.enforce()
    answers = await asyncio.gather(*(world.dial("x/b", ADDRESSES[0], 80) for _ in range(30)))
    own = world.hosts["x/b"].addresses[Family.IPV4]
    assert {(it.responder, it.source == own) for it in answers} == {("x/a", True), ("x/b", False)}


async def test_services_work_where_policies_are_ignored(world: World) -> None:
    serve(world, {"x/b": True})
    world.options = Options(policies=False)
    await world.enforce(policy("x", {}, types=["Ingress", "Egress"]))
    assert await outcomes(world, "y/b") == {"connected"}


async def test_a_headless_service_has_no_address_to_translate(world: World) -> None:
    world.services = [service("web", ["None"], SAME_NUMBER)]
    assert world.view.services == ()
