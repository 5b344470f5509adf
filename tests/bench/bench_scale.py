"""What fleets of 25 to 200 pods cost: a full mesh over three ports, as one table, with every verdict checked.

Three steps: open, closed (every namespace by default deny, one allow), open again. Each size has a sandbox and an
orchestrator process of its own, so that the peak of memory is that size's; the orchestrator writes its record and
reports, too. Run with ``make bench``, or ``python -m tests.bench.bench_scale [PODS ...]``. Exits 1 for a wrong verdict
and asserts nothing about time.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path

from probe.cluster.connect import connect
from probe.engine.options import RunOptions
from probe.engine.run import run_scenarios
from probe.model.cell import Outcome, Verdict
from probe.model.events import Event, RoundDone, RunDone, StepDone, StepStarted
from probe.model.record import CellRecord, RunRecord
from probe.report.explain import label
from probe.report.fold import Recorder
from probe.report.outputs import Outputs
from tests.bench.processes import cpu_below, memory_below, peak_memory
from tests.bench.support import load, scenario

SIZES = {25: (5, 5), 50: (5, 10), 100: (10, 10), 200: (10, 20)}
"""Pods: namespaces and pods in each."""
PORTS = ["80/TCP", "81/TCP", "80/UDP"]
SHOWN = 10
CHILD = "--measure"


@dataclass(slots=True)
class Measurement:
    """One size. Times in seconds, memory in MiB, traffic in bytes of exec streams, wrong verdicts in words.

    ``agent_memory`` is Pss in the closed step, for each pod; ``peak_measuring`` is from before the reports.
    """

    pods: int
    cells: int = 0
    ready: float = 0.0
    baseline: float = 0.0
    steps: list[float] = field(default_factory=list)
    reports: float = 0.0
    received: int = 0
    sent: int = 0
    own_cpu: float = 0.0
    cluster_cpu: float = 0.0
    peak: float = 0.0
    peak_measuring: float = 0.0
    agent_memory: float = 0.0
    wrong: list[str] = field(default_factory=list)

    @property
    def judged(self) -> int:
        """Cells of all steps."""
        return self.cells * len(self.steps)


class Watcher:
    """Sees the events of a run, and takes times and memory at the right moments."""

    def __init__(self, found: Measurement, cluster: int) -> None:
        self.recorder = Recorder()
        self._found = found
        self._cluster = cluster
        self._started = 0.0

    def see(self, event: Event) -> None:
        """Take one event in."""
        self.recorder.see(event)
        match event:
            case StepStarted():
                self._started = time.monotonic()
            case StepDone() if len(self._found.steps) < 3:
                self._found.steps.append(time.monotonic() - self._started)
                self._found.cluster_cpu = cpu_below(self._cluster)
            case RoundDone("closed", "confirm"):
                of_agents = memory_below(self._cluster).get("cni-probe-agent", [])
                self._found.agent_memory = sum(of_agents) / self._found.pods
            case _:
                pass


async def measure(pods: int, kubeconfig: str, cluster: int) -> Measurement:
    """Run the scenario with so many pods on a cluster whose PID 1 is ``cluster``; write record and reports."""
    found = Measurement(pods)
    watcher = Watcher(found, cluster)
    own, others = time.process_time(), cpu_below(cluster)
    async with connect(kubeconfig) as api:
        started = time.monotonic()
        await run_scenarios(api, load(scenario(*SIZES[pods], PORTS, to_self=False)), RunOptions(), watcher.see)
        found.received, found.sent = api.exec_traffic.received, api.exec_traffic.sent
    watcher.see(RunDone("2026-01-01T00:00:00Z", round(time.monotonic() - started, 3), False))
    found.own_cpu, found.cluster_cpu = time.process_time() - own, found.cluster_cpu - others
    found.peak_measuring = peak_memory()
    record = watcher.recorder.record()
    began = time.monotonic()
    write_reports(record)
    found.reports, found.peak = time.monotonic() - began, peak_memory()
    take_results(found, record)
    return found


def write_reports(record: RunRecord) -> None:
    """Everything that a user may ask for at once."""
    with tempfile.TemporaryDirectory() as folder, (Path(folder) / "table.txt").open("w") as table:
        Outputs.parse([f"json={folder}/run.json", f"junit={folder}/run.xml", "table"]).write(record, table)


def take_results(found: Measurement, record: RunRecord) -> None:
    """Times from the record, and whatever in it is not as it must be."""
    (result,) = record.scenarios
    found.ready = result.deploy_seconds
    found.baseline = result.baseline.seconds if result.baseline else 0.0
    found.cells = len(result.steps[0].cells)
    due = found.pods * (found.pods - 1) * len(PORTS)
    found.wrong += [*record.problems, *result.problems]
    for step in result.steps:
        if len(step.cells) != due:
            found.wrong.append(f"{step.name}: {len(step.cells)} cells instead of {due}")
        found.wrong += (f"{step.name}: {wrong}" for cell in step.cells if (wrong := mistake(step.name, cell)))


def mistake(step: str, cell: CellRecord) -> str:
    """What is wrong with a verdict, told without the planner and the judge; empty if it is right."""
    allowed = step != "closed" or (cell.source.startswith("n0/") and cell.destination == "n1/p0")
    right = Outcome.CONNECTED if allowed else Outcome.TIMED_OUT
    if (cell.verdict, cell.outcome) == (Verdict.PASS, right):
        return ""
    return f"{label(cell)}: {cell.outcome}, {cell.verdict} {cell.reason}"


# --- the table -----------------------------------------------------------------------------------------------------

HEADINGS = (
    "pods", "cells", "ready s", "base s", "open s", "closed s", "again s", "cells/s", "recv MB", "sent MB", "B/cell",
    "CPU ms/cell", "cluster's", "peak MiB", "+reports", "report s", "agent MiB", "time/cell", "CPU/cell",
)  # fmt: skip


def row(found: Measurement, first: Measurement) -> Iterator[str]:
    """A size's line; the last two columns are costs of a cell relative to the first size's."""
    yield from (f"{found.pods}", f"{found.cells}", f"{found.ready:.1f}", f"{found.baseline:.1f}")
    yield from (f"{seconds:.1f}" for seconds in found.steps)
    yield from (f"{found.judged / sum(found.steps):.0f}", f"{found.received / 1e6:.1f}", f"{found.sent / 1e6:.1f}")
    yield f"{(found.received + found.sent) / found.judged:.0f}"
    yield from (f"{1000 * cpu / found.judged:.3f}" for cpu in (found.own_cpu, found.cluster_cpu))
    yield from (f"{found.peak_measuring:.0f}", f"{found.peak:.0f}", f"{found.reports:.1f}")
    yield f"{found.agent_memory:.1f}"
    yield f"{sum(found.steps) / found.judged / (sum(first.steps) / first.judged):.2f}"
    yield f"{found.own_cpu / found.judged / (first.own_cpu / first.judged):.2f}"


def print_line(texts: Iterator[str]) -> None:
    """One line under the headings."""
    widths = (max(len(heading), 6) for heading in HEADINGS)
    print("  ".join(f"{text:>{width}}" for text, width in zip(texts, widths, strict=True)), flush=True)


def in_process_of_its_own(pods: int, kubeconfig: Path, cluster: int) -> Measurement:
    """Measure in another process. Raises CalledProcessError when that fails."""
    argv = [sys.executable, "-m", "tests.bench.bench_scale", CHILD, str(pods), str(kubeconfig), str(cluster)]
    done = subprocess.run(argv, check=True, stdout=subprocess.PIPE)
    return Measurement(**json.loads(done.stdout))


async def main(sizes: list[int]) -> int:
    """Print the table; 1 if any verdict was wrong."""
    from probe.sandbox.launch import Sandbox
    from probe.sandbox.options import SandboxOptions

    print_line(iter(HEADINGS))
    measured: list[Measurement] = []
    for pods in sizes:
        async with Sandbox.start(SandboxOptions()) as sandbox:
            found = await asyncio.to_thread(in_process_of_its_own, pods, sandbox.kubeconfig, sandbox.pid)
        measured.append(found)
        print_line(row(found, measured[0]))
    wrong = [f"{found.pods} pods: {each}" for found in measured for each in found.wrong]
    print("\n".join(wrong[:SHOWN]) or f"every verdict as it must be: {sum(found.judged for found in measured)} cells")
    if len(wrong) > SHOWN:
        print(f"and {len(wrong) - SHOWN} more that are wrong")
    return 1 if wrong else 0


if __name__ == "__main__":
    if sys.argv[1:2] == [CHILD]:
        print(json.dumps(asdict(asyncio.run(measure(int(sys.argv[2]), sys.argv[3], int(sys.argv[4]))))))
    else:
        sys.exit(asyncio.run(main([int(each) for each in sys.argv[1:]] or list(SIZES))))
