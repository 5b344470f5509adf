"""One small cluster per module: three namespaces, pods on both nodes, and hosts outside."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from probe.sandbox.enforce.compile import Options
from tests.sandbox.enforce.world import World, may_make_namespaces, new_world


def _ports(http: int) -> list[dict[str, object]]:
    return [
        {"name": "http", "containerPort": http, "protocol": "TCP"},
        {"name": "dns", "containerPort": 81, "protocol": "UDP"},
    ]


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Tests with packets make their namespaces in this very process: as root, or inside a user namespace."""
    if item.get_closest_marker("sandbox") and not may_make_namespaces():
        pytest.skip("needs root; without: unshare -Urn .venv/bin/python -m pytest tests/sandbox/enforce")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def cluster() -> AsyncIterator[World]:
    """x/a, x/b and y/a on node-1; x/c, y/b and z/bare (no labels) on node-2. The name http is port 80, except on x/c
    and y/b, where it is 81. ``inner`` and ``outer`` are outside the cluster."""
    async with new_world() as world:
        for name, node, http in (
            ("x/a", "node-1", 80),
            ("x/b", "node-1", 80),
            ("x/c", "node-2", 81),
            ("y/a", "node-1", 80),
            ("y/b", "node-2", 81),
        ):
            await world.pod(name, node, ports=_ports(http))
        await world.pod("z/bare", "node-2", labels={})
        world.pods["z/bare"]["metadata"]["labels"] = {}
        await world.outside("inner", "10.0.12.34", "2001:db8:0:1::34")
        await world.outside("outer", "203.0.113.7", "2001:db8:ffff::7")
        await world.enforce()
        everyone = set(world.pods)
        for port, protocol in ((80, "TCP"), (81, "TCP"), (80, "UDP"), (81, "UDP")):
            found = await asyncio.gather(*(world.targets_of(name, port, protocol) for name in everyone))
            for name, reached in zip(everyone, found, strict=True):
                assert reached == (everyone | {"inner", "outer"}) - {name}, f"positive control of {name}"
        yield world


@pytest_asyncio.fixture(loop_scope="module")
async def world(cluster: World) -> AsyncIterator[World]:
    """The cluster; changes that a test makes to objects are taken back."""
    pods = {name: {**pod, "metadata": dict(pod["metadata"])} for name, pod in cluster.pods.items()}
    namespaces = {name: dict(labels) for name, labels in cluster.namespaces.items()}
    yield cluster
    for name in set(cluster.pods) - set(pods):
        await cluster.remove(name)
    cluster.pods, cluster.namespaces = pods, namespaces
    cluster.services, cluster.slices, cluster.options = [], [], Options()
    await cluster.enforce()


@pytest.fixture(scope="session")
def everybody() -> set[str]:
    """All pods of the cluster."""
    return {"x/a", "x/b", "x/c", "y/a", "y/b", "z/bare"}
