"""Faults on real nodes: what packets show of them, and when."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
import pytest_asyncio

from probe.sandbox.enforce.compile import Options
from probe.sandbox.enforce.controller import Enforcement
from probe.sandbox.faults.registry import load_fault
from probe.sandbox.faults.timing import NewPodsOpen, OpenWhileUpdating
from probe.sandbox.store import Store
from tests.sandbox.enforce import world as harness
from tests.sandbox.enforce.objects import block, labelled, policy, port
from tests.sandbox.enforce.world import World, new_world

pytestmark = [pytest.mark.sandbox, pytest.mark.asyncio(loop_scope="module")]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def world() -> AsyncIterator[World]:
    async with new_world() as made:
        for name, node in (("x/a", "node-1"), ("x/b", "node-1"), ("x/c", "node-2")):
            await made.pod(name, node)
        yield made


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Replies are lost here on purpose: what did not come in half a second does not come."""
    monkeypatch.setattr(harness, "REPLY", 0.5)


@asynccontextmanager
async def broken(world: World, fault: str | Any, *policies: dict[str, Any]) -> AsyncIterator[Store]:
    """Policies in force, as far as the fault lets them."""
    store = Store()
    for name, labels in world.namespaces.items():
        store.create("namespaces", {"metadata": {"name": name, "labels": labels}})
    for pod in world.pods.values():
        store.create("pods", pod)
    made = [store.create("networkpolicies", each) for each in policies]
    stages = load_fault(fault) if isinstance(fault, str) else fault
    enforcement = Enforcement(store, world.network.nodes, Options(), stages)
    task = asyncio.create_task(enforcement.run())
    try:
        if made:
            await enforcement.settled(made[-1]["metadata"]["resourceVersion"])
        yield store
    finally:
        task.cancel()
        await asyncio.wait([task])


DENY_B = policy("x", labelled(pod="b"))
"""Nobody reaches x/b."""


@pytest.mark.parametrize(
    ("fault", "reaches"),
    [
        ("egress-ignored", set()),
        ("ingress-ignored", {"x/a", "x/c"}),
        ("no-rules-allow", {"x/a", "x/c"}),
        ("same-node-unenforced", {"x/a"}),
        ("cross-node-unenforced", {"x/c"}),
    ],
)
async def test_who_reaches_an_isolated_pod(world: World, fault: str, reaches: set[str]) -> None:
    async with broken(world, fault, DENY_B):
        assert await world.sources_of("x/b") == reaches


async def test_udp_alone_leaks(world: World) -> None:
    async with broken(world, "udp-unenforced", DENY_B):
        assert await world.sources_of("x/b", protocol="UDP") == {"x/a", "x/c"}
        assert await world.sources_of("x/b", protocol="TCP") == set()


async def test_ipv6_alone_leaks(world: World) -> None:
    async with broken(world, "ipv6-unenforced", DENY_B):
        for version, outcome in ((4, "dropped"), (6, "connected")):
            address = next(it for it in world.hosts["x/b"].addresses.values() if (":" in it) == (version == 6))
            assert (await world.dial("x/a", address, 80)).outcome == outcome


async def test_an_excepted_address_gets_through(world: World) -> None:
    addresses = world.hosts["x/a"].addresses.values()
    peers = [block("0.0.0.0/0" if "." in it else "::/0", f"{it}/{32 if '.' in it else 128}") for it in addresses]
    allowed = policy("x", labelled(pod="b"), ingress=[{"from": peers}])
    async with broken(world, "egress-ignored", allowed):
        assert await world.sources_of("x/b") == {"x/c"}
    async with broken(world, "except-ignored", allowed):
        assert await world.sources_of("x/b") == {"x/a", "x/c"}


async def test_the_last_port_of_a_range_is_missing(world: World) -> None:
    ranged = policy("x", labelled(pod="b"), ingress=[{"ports": [port(80, "TCP", end=81)]}])
    async with broken(world, "endport-exclusive", ranged):
        assert await world.sources_of("x/b", 80) == {"x/a", "x/c"}
        assert await world.sources_of("x/b", 81) == set()


async def test_replies_are_lost_where_only_requests_are_allowed(world: World) -> None:
    async with broken(world, "replies-dropped", policy("x", labelled(pod="b"), ingress=[{}])):
        for name in ("x/a", "x/c"):
            assert (await world.probe(name, "x/b", 80, "UDP")).outcome == "no-reply"


async def test_a_deleted_policy_stays(world: World) -> None:
    async with broken(world, "policy-deletes-ignored", DENY_B) as store:
        store.delete("networkpolicies", "x", "policy")
        await asyncio.sleep(0)
        assert await world.sources_of("x/b") == set()


async def reaches_b(world: World) -> bool:
    """Whether a datagram of x/a reaches x/b just now."""
    address = next(it for it in world.hosts["x/b"].addresses.values() if "." in it)
    return (await world.dial("x/a", address, 80, "UDP")).outcome == "connected"


async def until_reached(world: World, reached: bool) -> None:
    """The test's own timeout ends it."""
    while await reaches_b(world) is not reached:
        pass


async def test_while_rules_change_everything_is_open(world: World) -> None:
    class Briefly(OpenWhileUpdating):
        seconds = 0.5

    async with broken(world, Briefly()) as store:
        store.create("networkpolicies", DENY_B)
        await until_reached(world, False)
        store.create("networkpolicies", policy("x", labelled(pod="c"), name="another"))
        await until_reached(world, True)
        await until_reached(world, False)


async def test_a_new_pod_is_open_for_its_first_moments(world: World) -> None:
    class Long(NewPodsOpen):
        seconds = 0.5

    async with broken(world, Long(), DENY_B):  # all pods are new to enforcement that begins
        began = time.monotonic()
        reached = await reaches_b(world)
        in_time = time.monotonic() - began < Long.seconds
        assert reached or not in_time
        await until_reached(world, False)
