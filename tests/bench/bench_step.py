"""What a step costs: 9 pods in 3 namespaces, TCP and UDP on two ports, default deny plus one allow.

Prints the step's time from apply to verdict as a ratio to what it can't be less than: convergence and the confirm
window. Run with ``make bench``; asserts nothing about time.
"""

from __future__ import annotations

import asyncio

from probe.sandbox.launch import Sandbox
from probe.sandbox.options import SandboxOptions
from tests.bench.support import measure, scenario

REPEATS = 5


async def main() -> None:
    """Print one line per repetition and the bound that the step time is compared with."""
    async with Sandbox.start(SandboxOptions()) as sandbox:
        print("9 pods, 324 cells   step s   converge s   confirm s   step / (converge + confirm)   verdicts")
        for _ in range(REPEATS):
            record = await measure(str(sandbox.kubeconfig), scenario(3, 3, ["80/TCP", "81/TCP", "80/UDP", "81/UDP"]))
            step = next(step for step in record.scenarios[0].steps if step.name == "closed")
            bound = (step.converge_seconds or 0.0) + step.confirm_seconds
            verdicts = ", ".join(f"{count} {verdict}" for verdict, count in record.counts.items())
            print(
                f"{len(step.cells):>18}   {step.seconds:6.2f}   {step.converge_seconds or -1:10.3f}   "
                f"{step.confirm_seconds:9.2f}   {step.seconds / bound:27.2f}   {verdicts}"
            )


if __name__ == "__main__":
    asyncio.run(main())
