"""Which nodes a fleet is on is chosen, said, and part of every cell's evidence."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from probe.cluster.connect import connect
from probe.engine.options import RunOptions
from probe.engine.run import run_scenarios
from probe.model.cell import ExitCode, Verdict
from probe.model.events import Event
from probe.model.record import RunRecord, Topology
from probe.report.fold import Recorder
from probe.sandbox.launch import Sandbox
from probe.sandbox.options import SandboxOptions
from probe.scenario.load import load_scenarios

pytestmark = pytest.mark.sandbox

SCENARIO = """
apiVersion: cni-probe/v1
kind: Scenario
metadata: {name: placed}
spec:
  fleet:
    placement: PLACEMENT
    namespaces: {shop: {pods: {web: {replicas: 3, ports: [80/TCP]}}}}
  probe: {self: false}
  steps: [{name: open, expect: allow}]
"""


@pytest_asyncio.fixture(loop_scope="session")
async def three_nodes(state_directory: Path) -> AsyncIterator[Sandbox]:
    async with Sandbox.start(SandboxOptions(nodes=3)) as running:
        yield running


async def run(sandbox: Sandbox, folder: Path, placement: str, **options: Any) -> RunRecord:
    path = folder / "placed.yaml"
    path.write_text(SCENARIO.replace("PLACEMENT", placement))
    recorder = Recorder()
    events: list[Event] = []

    def emit(event: Event) -> None:
        events.append(event)
        recorder.see(event)

    async with connect(str(sandbox.kubeconfig)) as api:
        await run_scenarios(api, load_scenarios([path]), RunOptions(**options), emit)
    return recorder.record()


def topologies(record: RunRecord) -> set[Topology]:
    return {cell.topology for scenario in record.scenarios for step in scenario.steps for cell in step.cells}


def homes(record: RunRecord) -> list[str | None]:
    return [pod.node for pod in record.scenarios[0].pods]


@pytest.mark.asyncio(loop_scope="session")
async def test_placements(three_nodes: Sandbox, tmp_path: Path) -> None:
    spread = await run(three_nodes, tmp_path, "spread")
    assert homes(spread) == ["node-1", "node-2", "node-3"]
    assert topologies(spread) == {Topology.CROSS_NODE}
    assert spread.scenarios[0].untested == ["traffic between pods of one node, since no two share one"]
    assert spread.notes == []

    same = await run(three_nodes, tmp_path, "same")
    assert homes(same) == ["node-1"] * 3
    assert topologies(same) == {Topology.SAME_NODE}
    assert same.scenarios[0].untested == ["traffic between nodes, since all pods are on node-1 (placement: same)"]
    assert same.notes == [
        "nothing is tested of 2 of 3 usable nodes, where no pod is: node-2, node-3; --nodes takes as many as you say, "
        "in pairs"
    ]

    different = await run(three_nodes, tmp_path, "different")
    assert sorted(map(str, homes(different))) == ["node-1", "node-2", "node-3"]

    two = {"pair": {"kubernetes.io/os": "linux"}, "one": {"kubernetes.io/hostname": "node-2"}}
    grouped = await run(three_nodes, tmp_path, "{group: one}", node_groups=two)
    assert homes(grouped) == ["node-2"] * 3


@pytest.mark.asyncio(loop_scope="session")
async def test_a_sample_of_nodes_has_a_fleet_for_each_pair_and_says_how_to_have_it_again(
    three_nodes: Sandbox, tmp_path: Path
) -> None:
    record = await run(three_nodes, tmp_path, "spread", sample_nodes=2, seed=3)
    (scenario,) = record.scenarios
    pair = sorted({str(node) for node in homes(record)})
    assert len(pair) == 2
    assert scenario.name == f"placed@{'+'.join(pair)}"
    assert topologies(record) == {Topology.SAME_NODE, Topology.CROSS_NODE}
    assert record.notes == [f"2 of 3 usable nodes, by --seed 3: {', '.join(pair)}"]
    assert [node.name for node in record.cluster.node_facts if node.used] == pair

    every = await run(three_nodes, tmp_path, "spread", sample_nodes=3, seed=3)
    assert len({scenario.name for scenario in every.scenarios}) == 3
    assert set(every.counts) == {Verdict.PASS}


@pytest.mark.asyncio(loop_scope="session")
async def test_a_fleet_that_needs_more_nodes_than_there_are_says_so(three_nodes: Sandbox, tmp_path: Path) -> None:
    record = await run(three_nodes, tmp_path, "different", sample_nodes=2, seed=1)
    assert record.exit_code != ExitCode.PASSED
    assert "has no node of its own: the placement is different" in str(record), record
