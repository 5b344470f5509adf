"""Against how it is usually done: one exec for every probe, 15 at a time, and a fixed sleep after each change.

The naive mode lives here alone. It deploys the same pods, makes the same changes and tries the same cells on the same
embedded cluster, once each: no positive control, no confirmation, nobody asks the responder. A probe is a shell's own
TCP connect, which is less work for the pod than anything else that could be run there. Both modes try TCP alone, over
pods' addresses, between all pods. Prints times and their ratio; asserts nothing. Run with ``make bench``.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from probe.cluster.api import Api
from probe.cluster.cleanup import owned_namespaces, remove
from probe.cluster.connect import connect
from probe.cluster.deployment import Deployment
from probe.cluster.exec import run_in_pod
from probe.cluster.nodes import usable_nodes
from probe.cluster.objects import CONTAINER, Owner
from probe.cluster.outfit import prepare_outfit
from probe.cluster.placement import Placer
from probe.cluster.pods import PodWatch
from probe.engine.computed import computed_plan
from probe.engine.options import RunOptions
from probe.engine.run import run_scenarios
from probe.model.actions import Apply
from probe.model.cell import Computed, Family, Protocol
from probe.model.events import RunDone
from probe.model.plan import PlannedCell
from probe.model.scenario import Scenario, Selection
from probe.report.fold import Recorder
from probe.report.summary import headline
from probe.sandbox.launch import Sandbox
from probe.sandbox.options import SandboxOptions
from probe.scenario import load_scenarios, make_plan, map_manifest

SUITE = Path(__file__).parents[2] / "scenarios/conformance"
NAMES = ("default-deny-ingress", "ingress-from-pods-by-label", "ingress-on-one-port")
SLEEP = 5.0
"""Seconds after each change."""
AT_ONCE = 15
TIMEOUT = 1
"""Seconds of a probe."""


@dataclass(slots=True)
class Result:
    """What a mode took: ``deploying`` are the seconds until pods ran, ``whole`` includes them and cleaning up."""

    cells: int = 0
    wrong: int = 0
    deploying: float = 0.0
    whole: float = 0.0

    @property
    def measuring(self) -> float:
        """Seconds that were not spent on deployment."""
        return self.whole - self.deploying


def chosen() -> list[Scenario]:
    """A few scenarios of the suite, over the whole mesh of their pods, whatever the policies say of it."""
    mesh = Selection(protocols=(Protocol.TCP,), paths=("pod-ip",))
    whole = {"selection": mesh, "default": Computed.COMPUTED, "rules": ()}
    return [
        replace(scenario, steps=tuple(replace(step, **whole) for step in scenario.steps))  # type: ignore[arg-type]
        for scenario in load_scenarios([SUITE])
        if scenario.name in NAMES
    ]


async def naive(api: Api, scenarios: list[Scenario]) -> Result:
    """The usual way."""
    result, began = Result(), time.monotonic()
    for number, scenario in enumerate(scenarios):
        async with _deployed(api, scenario, f"naive{number}", result) as deployment:
            plan, _ = computed_plan(make_plan(scenario))
            for step in plan.steps:
                for action in step.step.actions:
                    assert isinstance(action, Apply)
                    await deployment.apply(action)
                await asyncio.sleep(SLEEP)
                limit = asyncio.Semaphore(AT_ONCE)
                wrong = await asyncio.gather(*(_is_wrong(api, deployment, cell, limit) for cell in step.cells))
                result.cells += len(wrong)
                result.wrong += sum(wrong)
    result.whole = time.monotonic() - began
    return result


@asynccontextmanager
async def _deployed(api: Api, scenario: Scenario, run: str, result: Result) -> AsyncIterator[Deployment]:
    began, options = time.monotonic(), RunOptions()
    outfit = await prepare_outfit(api, options.agent, options.namespaces)
    owner, placer = Owner(run, scenario.name), Placer(await usable_nodes(api))
    names = {namespace.name: f"cp-{run}-{namespace.name}" for namespace in scenario.fleet.namespaces}
    async with PodWatch.follow(api, owner.selector) as watch:
        deployment = Deployment(api, owner, names, placer, outfit.for_scenario(scenario), watch, map_manifest)
        await deployment.create_namespaces(scenario.fleet.namespaces)
        await deployment.create_pods(scenario.fleet.pods, 120.0)
        result.deploying += time.monotonic() - began
        yield deployment
    await remove(api, await owned_namespaces(api, run), timeout=120.0)


async def _is_wrong(api: Api, deployment: Deployment, planned: PlannedCell, limit: asyncio.Semaphore) -> bool:
    """Whether one probe saw something else than is expected; a broken exec counts as a denial, as it usually does."""
    source, target = deployment.running[planned.cell.source], deployment.running[planned.cell.destination]
    connect = f"exec 3<>/dev/tcp/{target.addresses[Family.IPV4]}/{planned.cell.port}"
    async with limit:
        command = ("timeout", str(TIMEOUT), "bash", "-c", connect)
        ran = await run_in_pod(api, source.namespace, source.name, CONTAINER, command)
    return (ran.code == 0) is planned.expectation.denies


async def ours(api: Api, scenarios: list[Scenario]) -> Result:
    """With controls, convergence and confirmation."""
    recorder, began = Recorder(), time.monotonic()
    await run_scenarios(api, scenarios, RunOptions(), recorder.see)
    whole = time.monotonic() - began
    recorder.see(RunDone("2026-01-01T00:00:00+00:00", 0.0, False))
    record = recorder.record()
    wrong = sum(number for verdict, number in record.counts.items() if verdict.is_mismatch)
    deploying = sum(scenario.deploy_seconds for scenario in record.scenarios)
    print(headline(record))
    return Result(sum(record.counts.values()), wrong, deploying, whole)


async def main() -> None:
    """Print a line for each mode, and the ratio."""
    scenarios = chosen()
    async with Sandbox.start(SandboxOptions()) as sandbox, connect(str(sandbox.kubeconfig)) as api:
        mine = await ours(api, scenarios)
        theirs = await naive(api, scenarios)
    print("mode       cells   wrong   deploy s   measure s   cells/s   whole s")
    for name, each in (("naive", theirs), ("ours", mine)):
        rate, times = each.cells / each.measuring, f"{each.deploying:8.1f}   {each.measuring:9.1f}"
        print(f"{name:8}   {each.cells:5}   {each.wrong:5}   {times}   {rate:7.1f}   {each.whole:7.1f}")
    print(
        f"naive / ours: {theirs.measuring / mine.measuring:.1f} measuring, {theirs.whole / mine.whole:.1f} as a whole"
    )


if __name__ == "__main__":
    asyncio.run(main())
