"""Enforcement latency as it is measured, against the delay that a fault injects.

Nine pods on two nodes, TCP and UDP; default deny, an allow, its revocation, and the removal of it all, twice. The first
change is not counted: rules for the pods' start may still be on their delayed way then, and hold it up. The error has
two parts: what the sandbox takes without a fault (the first rows), and the interval between attempts. "not before" is
the last attempt of any cell that saw that the change was not there yet. ``python -m tests.bench.bench_latency``.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterator
from statistics import median

from tabulate import tabulate

from probe.model.enforcement import QUANTILES, Times
from probe.model.record import CellRecord, Change, RunRecord, StepRecord
from probe.sandbox.launch import Sandbox
from probe.sandbox.options import SandboxOptions
from tests.bench.support import measure, policy

FAULTS = ((None, 0.0), ("enforcement-delayed-500ms", 0.5), ("enforcement-delayed-3s", 3.0))
ROUNDS = 2
HEADERS = (
    "injected s", "change", "cells", *(name for name, _ in QUANTILES), "error of p50", "error of max", "not before",
    "interval", "longest", "clocks",
)  # fmt: skip


def scenario() -> dict[str, object]:
    """Nine pods, and the changes: one object each, since a fault delays one change after the other."""
    pods = {f"p{number}": {"labels": {"pod": f"p{number}"}, "ports": ["80/TCP", "53/UDP"]} for number in range(9)}
    peer = {"podSelector": {"matchExpressions": [{"key": "pod", "operator": "In", "values": ["p0", "p1", "p2"]}]}}
    deny = policy("deny", "shop", {"podSelector": {}, "policyTypes": ["Ingress"]})
    allow = policy("allow", "shop", {"podSelector": {}, "ingress": [{"from": [peer]}]})
    steps: list[dict[str, object]] = [{"name": "open"}]
    for number in range(ROUNDS):
        steps += [
            {"name": f"deny {number}", "apply": [deny]},
            {"name": f"allow {number}", "apply": [allow]},
            {"name": f"revoke {number}", "delete": ["networkpolicy/shop/allow"]},
            {"name": f"open {number}", "delete": ["networkpolicy/shop/deny"]},
        ]
    return {
        "apiVersion": "cni-probe/v1",
        "kind": "Scenario",
        "metadata": {"name": "latency"},
        "spec": {
            "fleet": {"namespaces": {"shop": {"pods": pods}}},
            "probe": {"self": False},
            "expect": "computed",
            "steps": steps,
        },
    }


def rows(record: RunRecord, injected: float) -> Iterator[list[object]]:
    """A line for each kind of change."""
    counted = record.scenarios[0].steps[2:]
    for change in Change:
        found = [(step, cell) for step in counted for cell in step.cells if change and cell.change is change]
        if found:
            yield _row(change, found, injected)


def _row(change: Change, found: list[tuple[StepRecord, CellRecord]], injected: float) -> list[object]:
    times = Times()
    for _, cell in found:
        times.add(cell)
    numbers = [times.quantile(share) or 0.0 for _, share in QUANTILES]
    samplings = [step.sampling for step, _ in found if step.sampling is not None]
    before = max((cell.missed_at for _, cell in found if cell.missed_at is not None), default=None)
    return [
        f"{injected:g}",
        change.words,
        times.cells,
        *(f"{number:.3f}" for number in numbers),
        f"{numbers[0] - injected:+.3f}",
        f"{numbers[-1] - injected:+.3f}",
        "-" if before is None else f"{before:.3f}",
        f"{median(each.interval or 0.0 for each in samplings):.3f}",
        f"{max((each.longest or 0.0 for each in samplings), default=0.0):.3f}",
        f"{max((each.clock_error for each in samplings), default=0.0):.4f}",
    ]


async def main() -> None:
    """Print the table; seconds."""
    table: list[list[object]] = []
    for fault, injected in FAULTS:
        print(f"with {fault or 'no fault'}...", file=sys.stderr)
        async with Sandbox.start(SandboxOptions(fault=fault)) as sandbox:
            record = await measure(str(sandbox.kubeconfig), scenario())
        assert set(record.counts) == {"pass"}, record.counts
        table += rows(record, injected)
    print(tabulate(table, headers=HEADERS, tablefmt="plain", disable_numparse=True))


if __name__ == "__main__":
    asyncio.run(main())
