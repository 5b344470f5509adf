"""What whole suites cost: the one that ships, and one with as many cells as the default run of a well-known generator.

For each: time from the first change to the last verdict, cells per second, where the time of the lanes went, and
how often the time that nobody can save, which is each step's convergence and hold, fits into it when scenarios run one
after the other. Run with ``make bench``, or ``python -m tests.bench.bench_conformance [shipped] [matrix] [--lanes N]``.
Exits 1 for a wrong verdict and asserts nothing about time.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path

import yaml

from probe.cluster.connect import connect
from probe.engine.options import RunOptions
from probe.engine.run import run_scenarios
from probe.model.events import Event, RunDone, StepDone, StepStarted
from probe.model.record import RunRecord, TimeRecord
from probe.model.scenario import Scenario
from probe.report.findings import count_words
from probe.report.fold import Recorder
from probe.sandbox.launch import Sandbox
from probe.sandbox.options import SandboxOptions
from probe.scenario.load import load_scenarios
from tests.bench import matrix_suite
from tests.bench.processes import cpu_below

SHIPPED = Path(__file__).parents[2] / "scenarios/conformance"


def shipped() -> list[Scenario]:
    """The suite that ships."""
    return load_scenarios([SHIPPED])


def matrix() -> list[Scenario]:
    """112 scenarios, 122 steps, 486 cells each."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "matrix.yaml"
        file.write_text(yaml.safe_dump_all(matrix_suite.documents()))
        return load_scenarios([file])


SUITES = {"shipped": shipped, "matrix": matrix}


@dataclass
class Watcher:
    """Sees a run's events, and when the first change was made and the last verdict was there (monotonic)."""

    recorder: Recorder = field(default_factory=Recorder)
    first: float | None = None
    last: float = 0.0

    def see(self, event: Event) -> None:
        self.recorder.see(event)
        match event:
            case StepStarted(changes=changes) if changes and self.first is None:
                self.first = time.monotonic()
            case StepDone():
                self.last = time.monotonic()
            case _:
                pass


async def measure(name: str, lanes: int | None) -> int:
    """Run a suite on a sandbox of its own and print what it cost; 1 if a verdict was not a pass."""
    scenarios, watcher, started = SUITES[name](), Watcher(), time.monotonic()
    options = RunOptions(lanes=lanes, allow_cluster_scoped=True, allow_host_network=True)  # a cluster of our own
    async with Sandbox.start(SandboxOptions()) as sandbox, connect(str(sandbox.kubeconfig)) as api:
        own, others = time.process_time(), cpu_below(sandbox.pid)
        await run_scenarios(api, scenarios, options, watcher.see)
        own, others = time.process_time() - own, cpu_below(sandbox.pid) - others
    watcher.see(RunDone("2026-01-01T00:00:00Z", time.monotonic() - started, False))
    record = watcher.recorder.record()
    show(name, record, watcher.last - (watcher.first or started), own, others)
    return int(record.exit_code != 0)


def show(name: str, record: RunRecord, seconds: float, own: float, others: float) -> None:
    """A few lines about a run. ``seconds`` from the first change to the last verdict; CPU seconds of us and of all
    others."""
    steps = [step for scenario in record.scenarios for step in scenario.steps]
    cells = [cell for step in steps for cell in step.cells]
    tried = [cell.attempts for cell in cells if cell.attempts]
    bound = sum((step.converge_seconds or 0.0) + step.confirm_seconds for step in steps)
    size = f"{len(record.scenarios)} scenarios, {len(steps)} steps, {len(cells)} cells"
    print(f"{name}: {size} in {record.lanes} lanes: {count_words(record.counts)}")
    print(f"  {seconds:.1f} s from the first change to the last verdict, {record.seconds:.1f} s in all")
    print(
        f"  {len(cells) / seconds:.0f} cells/s; {sum(tried) / max(1, len(tried)):.2f} attempts a cell, beside controls"
    )
    each = 1000 * (own + others) / len(cells)
    print(f"  CPU: {own:.1f} s orchestrator, {others:.1f} s cluster and agents; {each:.2f} ms a cell")
    print(f"  {seconds / bound:.3f} of the sum of convergence and hold windows ({bound:.1f} s)")
    spent = {each.name: 0.0 for each in fields(TimeRecord)}
    for times in (scenario.times for scenario in record.scenarios if scenario.times):
        for phase in spent:
            spent[phase] += getattr(times, phase)
    total = sum(spent.values()) or 1.0
    print("  lanes' time: " + ", ".join(f"{phase} {part:.1f} s ({part / total:.0%})" for phase, part in spent.items()))
    print(f"  {sum(scenario.shared_fleet for scenario in record.scenarios)} scenarios used pods that were there")
    print(f"  {sum(step.slowed for step in steps)} cells were confirmed again more slowly")
    for said in (*record.problems, *record.notes):
        print(f"  ! {said}")


def main(argv: Sequence[str]) -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("suites", nargs="*", default=list(SUITES), choices=list(SUITES))
    parser.add_argument("--lanes", type=int)
    args = parser.parse_args(argv)
    return max([asyncio.run(measure(name, args.lanes)) for name in args.suites])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
