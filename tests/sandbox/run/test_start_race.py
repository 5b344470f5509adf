"""New pods in their first moments: what gets through before they are isolated, and how long allowed ones wait."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import pytest

from probe.model.cell import Verdict
from probe.model.events import Event, StepStarted
from probe.model.record import RunRecord, StartRaceRecord
from probe.sandbox.faults import timing as faults
from probe.sandbox.launch import Sandbox
from tests.sandbox.kube import Kube, is_ready
from tests.sandbox.run.conftest import Cluster, RunIt
from tests.sandbox.run.test_established import upgrade

pytestmark = [pytest.mark.sandbox, pytest.mark.asyncio(loop_scope="session")]

SHIPPED = Path(__file__).parents[3] / "scenarios" / "over-time" / "first-moments.yaml"


class NewPodsOpen(faults.NewPodsOpen):
    """A new pod is not isolated for as long as this is there, however long a busy machine takes to start it."""

    name = "new-pods-open"
    seconds = 3600.0


OPEN = 2.0
"""Seconds, at least, from when all new pods are there until they are isolated."""

OUTSIDE = "    external: {vault: {addresses: [203.0.113.7], ports: [443/TCP]}}"


def smaller(tmp_path: Path, text: str) -> Path:
    """Four pods, and in the first step an endpoint outside that they try."""
    path = tmp_path / "race.yaml"
    text = text.replace("  expect: allow # of", f"{OUTSIDE}\n  expect: allow # of", 1)
    text = text.replace("to: shop/server", "to: [shop/server, external/vault]", 1)
    path.write_text(text.replace("        namespace: shop\n", "        namespace: shop\n        pods: 4\n"))
    return path


def races(record: RunRecord, step: str) -> list[StartRaceRecord]:
    return next(it.start_race for it in record.scenarios[0].steps if it.name == step)


async def test_pods_are_isolated_before_they_start_and_allowed_ones_wait(
    run_it: RunIt, cluster: Cluster, tmp_path: Path
) -> None:
    began = time.monotonic()
    record = await run_it(smaller(tmp_path, SHIPPED.read_text()))
    took = time.monotonic() - began
    verdicts = {cell.verdict for step in record.scenarios[0].steps for cell in step.cells}
    assert verdicts <= {Verdict.PASS, Verdict.UNDEFINED}, record.problems
    assert record.exit_code == 0
    for step, outside in (
        ("pods that a policy isolates", {("shop/racer@outside", "external/vault")}),
        ("pods with addresses that others have just given up", set()),
    ):
        found = races(record, step)
        assert {(it.source, it.destination) for it in found} - outside == {
            ends
            for place in ("same-node", "cross-node")
            for ends in ((f"shop/racer@{place}", "shop/server"), ("shop/client", f"shop/racer@{place}"))
        }
        assert outside <= {(it.source, it.destination) for it in found}
        assert all(pod.reused is not bool(outside) for it in found for pod in it.pods)
        assert all((it.p50, it.p99, it.longest) == (0.0, 0.0, 0.0) for it in found)
        assert all(pod.attempts > 10 and pod.packets == 0 for it in found for pod in it.pods)
        assert sum(len(it.pods) for it in found if it.destination == "shop/server" and it.port == 80) == 4
    labelled = [it for it in races(record, "pods that are isolated once they are labelled") if it.port == 80]
    assert all(pod.packets > 0 for it in labelled for pod in it.pods), "they were free until then"
    friendly = races(record, "pods that policies let through")
    assert all(it.longest is not None and it.longest < took for it in friendly if it.destination != "shop/server")
    assert cluster.leftovers() == []


async def test_what_gets_through_before_is_a_leak_with_its_length(
    run_it: RunIt, cluster: Cluster, sandbox: Sandbox, tmp_path: Path
) -> None:
    first, _, _ = SHIPPED.read_text().partition("\n\n    - name: pods with addresses")
    path = smaller(tmp_path, f"{first}\n        for: 4s\n")
    began = asyncio.get_running_loop().create_future()

    def note(event: Event) -> None:
        if isinstance(event, StepStarted):
            began.set_result(time.time())

    await upgrade(sandbox, fault=f"{__file__}:NewPodsOpen")
    try:
        async with Kube.connect(sandbox.kubeconfig) as kube, asyncio.TaskGroup() as group:
            run = group.create_task(run_it(path, hook=note))
            await began
            racers = f"/api/v1/namespaces/{cluster.namespaces['shop']}/pods?labelSelector=role%3Disolated"
            await kube.wait(racers, lambda them: len(them["items"]) == 4 and all(map(is_ready, them["items"])))
            await asyncio.sleep(OPEN)
            isolated = await upgrade(sandbox, fault="none")
    finally:
        await upgrade(sandbox, fault="none")
    record = run.result()
    found = races(record, "pods that a policy isolates")
    assert record.exit_code == 1
    longest = max(node["ended"] for node in isolated) - began.result()
    for each in found:
        for pod in each.pods:
            assert pod.packets > 5, each
            assert pod.seconds is not None
            assert OPEN / 2 < pod.seconds < longest + each.interval
    leaks = [cell for cell in record.scenarios[0].steps[0].cells if cell.verdict is Verdict.LEAK]
    assert len(leaks) == len(found)
    assert "attempts got through; p50" in leaks[0].reason
