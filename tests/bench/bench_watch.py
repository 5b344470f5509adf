"""What a watch costs: 50 pods, each tries a port of all others 5 times a second for a minute, 12,250 a second in all.

Run: ``python -m tests.bench.bench_watch [SECONDS [RATE [PROTOCOL]]]``. Prints what was achieved of what was asked for,
what was lost, and what it took of memory and CPU. Asserts nothing.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections import Counter
from typing import Any

from probe.cluster.connect import connect
from probe.engine.agents import Agents
from probe.engine.options import RunOptions
from probe.engine.run import run_scenarios
from probe.engine.watch.options import WatchOptions
from probe.engine.watch.watch import Watch
from probe.model.events import Event, ProblemSeen, WatchDone
from probe.model.record import StepRecord
from probe.model.scenario import Watching
from probe.model.watch import WatchRecord
from probe.sandbox.launch import Sandbox
from probe.sandbox.options import SandboxOptions
from tests.bench.processes import cpu_below, memory_below, peak_memory
from tests.bench.support import load, scenario

NAMESPACES, PODS = 5, 10


async def main(seconds: float, rate: float, *, protocol: str) -> None:
    """Watch, and print the figures."""
    document: dict[str, Any] = scenario(NAMESPACES, PODS, [f"80/{protocol}"], to_self=False)
    document["spec"]["steps"] = document["spec"]["steps"][:2]
    found: list[WatchRecord] = []
    costs: list[str] = []

    def see(event: Event) -> None:
        match event:
            case WatchDone(record):
                found.append(record)
            case ProblemSeen(message):
                print(f"problem: {message}")

    async with Sandbox.start(SandboxOptions()) as sandbox, connect(str(sandbox.kubeconfig)) as api:

        async def hold(step: StepRecord, agents: Agents, emit: object) -> None:
            options = WatchOptions(seconds=seconds, how=Watching(rate=rate, max_load=1e9))
            before, own = cpu_below(sandbox.pid), time.process_time()
            await Watch(options, api, see, {}).hold(step, agents)
            of_agents = max(memory_below(sandbox.pid).values(), key=len)
            costs.append(f"  CPU {cpu_below(sandbox.pid) - before:.1f} s in pods and sandbox,")
            costs.append(f"  {time.process_time() - own:.1f} s in the orchestrator, peak {peak_memory():.0f} MiB")
            costs.append(f"  agents at most {max(of_agents):.1f} MiB (PSS)")

        await run_scenarios(api, load(document), RunOptions(hold=hold), see)
    tell(found[0], seconds, rate)
    print("\n".join(costs))


def tell(watch: WatchRecord, seconds: float, rate: float) -> None:
    """What was achieved."""
    asked = len(watch.cells) * rate
    said = sum(cell.attempts - cell.unknown for cell in watch.cells)
    stalls = [stall.seconds for agent in watch.agents for stall in agent.stalls]
    gap = max(cell.longest_gap for cell in watch.cells)
    lost = sum(agent.lost_entries for agent in watch.agents)
    print(f"{len(watch.cells)} cells, asked for {asked:.0f} attempts a second for {seconds:g} s")
    print(f"  told of {said}: {said / watch.seconds:.0f} a second, {said / (asked * watch.seconds):.1%}")
    print(f"  longest gap {gap:.2f} s, clock error {watch.error * 1000:.1f} ms")
    print(f"  {len(stalls)} stalls, longest {max(stalls, default=0.0):.2f} s, {sum(stalls):.0f} s in all agents")
    print(f"  lost entries {lost}, agents lost {sum(bool(agent.lost) for agent in watch.agents)}")
    print(f"  verdicts {dict(Counter(str(cell.verdict) for cell in watch.cells))}")
    print(f"  spans {dict(Counter(str(span.kind) for cell in watch.cells for span in cell.spans))}")


if __name__ == "__main__":
    numbers = [float(word) for word in sys.argv[1:3]] + [60.0, 5.0][len(sys.argv[1:3]) :]
    asyncio.run(main(*numbers[:2], protocol=sys.argv[3] if len(sys.argv) > 3 else "TCP"))
