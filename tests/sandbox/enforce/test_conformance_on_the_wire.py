"""The conformance scenarios without a run: each step's policies in the kernel, and every cell of its plan as a packet.

The fleets of all scenarios are up at once; a step sees its own pods, with the labels that they have then. SCTP, which
few machines have, services, and pods on the network of nodes are left to real runs. Of a matrix every fourth
step is enough here.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Iterator
from pathlib import Path as FilePath
from typing import Any

import pytest
import pytest_asyncio

from probe.model.actions import CreatePod
from probe.model.cell import Cell, Family, Path, Protocol
from probe.model.fleet import Port
from probe.model.plan import PlannedStep
from probe.model.scenario import Scenario
from probe.model.snapshot import PodState, Snapshot
from probe.scenario import make_plan
from probe.scenario.snapshots import snapshots
from tests.sandbox.enforce.world import World, new_world
from tests.scenario.conformance import FILES, of_file, suite

pytestmark = [pytest.mark.sandbox, pytest.mark.asyncio(loop_scope="module")]

FAMILIES = [Family.IPV4, Family.IPV6]


def all_ports(scenario: Scenario) -> Iterator[tuple[str, tuple[Port, ...]]]:
    """Of the pods of the fleet, and of those that a step creates, by id; those on a node's network are left out."""
    created = (action.pod for step in scenario.steps for action in step.actions if isinstance(action, CreatePod))
    for pod in (*scenario.fleet.pods, *created):
        if not pod.host_network:
            yield pod.id, pod.ports


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def everybody() -> AsyncIterator[World]:
    """A world with every pod and endpoint of every scenario, which serve every port that they do in any of them.

    Not each all of them: libnftables waits with select(), which cannot do with descriptors above 1023.
    """
    pods: dict[str, set[Port]] = {}
    outside: dict[str, set[Port]] = {}
    for scenario in suite():
        for id_, ports in all_ports(scenario):
            pods.setdefault(id_, set()).update(ports)
        for external in scenario.fleet.externals:
            for address in external.addresses:
                outside.setdefault(address, set()).update(external.ports)
    async with new_world() as world:
        for index, name in enumerate(sorted(pods)):
            serve(world, pods[name])
            await world.pod(name, f"node-{index % 2 + 1}")
        for address in sorted(outside):
            serve(world, outside[address])
            await world.outside(address, address)
        yield world


def serve(world: World, ports: Iterable[Port]) -> None:
    """What the next host of the world serves."""
    world.tcp_ports = tuple(sorted({port.number for port in ports if port.protocol is Protocol.TCP}))
    world.udp_ports = tuple(sorted({port.number for port in ports if port.protocol is Protocol.UDP}))


def pod_object(world: World, pod: PodState) -> dict[str, Any]:
    """What the API says of a pod that the world has."""
    host = world.hosts[pod.id]
    ports = [{"containerPort": it.number, "protocol": str(it.protocol), "name": it.name or ""} for it in pod.ports]
    return {
        "kind": "Pod",
        "metadata": {"namespace": pod.namespace, "name": pod.name, "uid": pod.id, "labels": dict(pod.labels)},
        "spec": {"nodeName": host.node, "containers": [{"name": "agent", "ports": ports}]},
        "status": {"phase": "Running", "podIPs": [{"ip": address} for address in host.addresses.values()]},
    }


async def enforce(world: World, snapshot: Snapshot) -> None:
    """Make the world's objects those of a snapshot, and its kernels enforce them."""
    world.namespaces = {name: dict(labels) for name, labels in snapshot.namespaces.items()}
    world.pods = {pod.id: pod_object(world, pod) for pod in snapshot.pods if not pod.host_network}
    await world.enforce(*(dict(policy) for policy in snapshot.policies))


async def observed(world: World, cells: Iterable[Cell]) -> dict[str, str]:
    """What came of each cell."""

    async def attempt(cell: Cell) -> str:
        outside = cell.path is Path.EXTERNAL
        target = cell.address if outside else world.hosts[cell.destination].addresses[cell.family]
        assert target is not None
        answer = await world.dial(cell.source, target, cell.port, str(cell.protocol))
        if answer.outcome == "connected":
            assert answer.responder == (target if outside else cell.destination)
        return answer.outcome

    cells = list(cells)
    outcomes = await asyncio.gather(*map(attempt, cells))
    return {f"{cell} {cell.family}": outcome for cell, outcome in zip(cells, outcomes, strict=True)}


def expected(step: PlannedStep) -> dict[str, str]:
    return {
        f"{item.cell} {item.cell.family}": "dropped" if item.expectation.denies else "connected" for item in tried(step)
    }


def tried(step: PlannedStep) -> list[Any]:
    """What this world has: no SCTP, no services, and no pods on the network of nodes."""
    on_host = {pod.id for pod in step.pods if pod.host_network}
    return [
        item
        for item in step.cells
        if item.cell.protocol is not Protocol.SCTP
        and not item.cell.via
        and not on_host & {item.cell.source, item.cell.destination}
    ]


@pytest.mark.parametrize("path", FILES, ids=[path.stem for path in FILES])
async def test_packets_do_what_is_stated(everybody: World, path: FilePath) -> None:
    scenarios = of_file(path)
    assert scenarios
    for scenario in scenarios:
        steps = list(zip(make_plan(scenario, FAMILIES).steps, snapshots(scenario), strict=True))
        for step, snapshot in steps[:: 4 if "[" in scenario.name else 1]:
            await enforce(everybody, snapshot)
            seen = await observed(everybody, (item.cell for item in tried(step)))
            assert seen == expected(step), (scenario.name, step.step.name)
