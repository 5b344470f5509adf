"""What 100 pods cost: time until all are ready, a full mesh on two ports, and the memory of everybody.

Prints figures and asserts nothing about time. Run with ``make bench``.
"""

from __future__ import annotations

import asyncio
import resource
from pathlib import Path

from probe.model.events import Event, FleetReady, RoundDone
from probe.sandbox.launch import Sandbox
from probe.sandbox.options import SandboxOptions
from tests.bench.support import measure, scenario

NAMESPACES, PODS = 10, 10
PORTS = ["80/TCP", "81/TCP"]


def memory_of(root: int) -> dict[str, list[float]]:
    """Pss in MiB of the processes below ``root``, by what they are: the sandbox itself, its zygote, its agents."""
    children: dict[int, list[int]] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rsplit(")", 1)[1].split()
        except (OSError, IndexError):
            continue
        children.setdefault(int(fields[1]), []).append(int(stat.parent.name))
    found: dict[str, list[float]] = {}
    waiting = [root]
    while waiting:
        pid = waiting.pop()
        waiting += children.get(pid, [])
        try:
            rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
            name = Path(f"/proc/{pid}/comm").read_text().strip()
        except OSError:
            continue
        pss = next(line.split()[1] for line in rollup.splitlines() if line.startswith("Pss:"))
        found.setdefault(name, []).append(int(pss) / 1024)
    return found


async def main() -> None:
    """Print deployment time, rounds and memory."""
    async with Sandbox.start(SandboxOptions()) as sandbox:
        memory: dict[str, list[float]] = {}

        def see(event: Event) -> None:
            if isinstance(event, FleetReady):
                print(f"{NAMESPACES * PODS} pods ready, agents answering: {event.seconds:.2f} s after the first create")
            if isinstance(event, RoundDone) and event.step == "closed" and event.phase == "confirm":
                memory.update(memory_of(sandbox.pid))

        record = await measure(str(sandbox.kubeconfig), scenario(NAMESPACES, PODS, PORTS), see)
        (result,) = record.scenarios
        baseline = result.baseline
        if baseline is not None and baseline.seconds:
            rate = baseline.cells / baseline.seconds
            connected = f"{baseline.connected} of {baseline.cells} cells"
            print(f"baseline: {connected} in {baseline.seconds:.2f} s, {rate:.0f} a second")
        for step in result.steps:
            bound = (step.converge_seconds or 0.0) + step.confirm_seconds
            print(
                f"step {step.name!r}: {len(step.cells)} cells in {step.seconds:.2f} s "
                f"(converged after {step.converge_seconds} s, confirmed in {step.confirm_seconds:.2f} s; "
                f"ratio {step.seconds / bound:.2f})"
            )
        print("verdicts:", ", ".join(f"{count} {verdict}" for verdict, count in record.counts.items()))
        print("problems:", record.problems + result.problems or "none")
        own = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(f"orchestrator: {own:.0f} MiB resident at its peak")
        for name, sizes in sorted(memory.items()):
            each = sum(sizes) / len(sizes)
            print(f"{name}: {len(sizes)} processes, {each:.1f} MiB each, {sum(sizes):.0f} MiB in all (Pss)")


if __name__ == "__main__":
    asyncio.run(main())
