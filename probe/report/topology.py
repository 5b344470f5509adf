"""Which cells stay on a node and which cross to another: marks on the names of a matrix, words for a step.

A pod's mark is its node's number in the scenario: ``production/frontend@1``. Equal marks of row and column:
the cell stays on that node. Where all pods share one node there is nothing to mark.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

from probe.model.record import CellRecord, ScenarioRecord, Topology
from probe.report.text import NO_BREAK, safe

_NAMED = 8


def node_numbers(scenario: ScenarioRecord) -> dict[str, int]:
    """Numbers of the nodes that the scenario's pods were on, by name."""
    return {node: number for number, node in enumerate(sorted({pod.node for pod in scenario.pods if pod.node}), 1)}


def marks_of(scenario: ScenarioRecord) -> dict[str, str]:
    """``@1`` by pod id; empty where all are on one node. A pod that was created again has its last node's."""
    numbers = node_numbers(scenario)
    return {pod.id: f"@{numbers[pod.node]}" for pod in scenario.pods if pod.node} if len(numbers) > 1 else {}


def key(numbers: Mapping[str, int]) -> str:
    """What the marks stand for: ``@1 node-a, @2 node-b``."""
    named = [f"@{number}{NO_BREAK}{safe(node)}" for node, number in list(numbers.items())[:_NAMED]]
    more = [f"and {len(numbers) - _NAMED} more"] if len(numbers) > _NAMED else []
    return ", ".join(named + more)


def topology_words(cells: Iterable[CellRecord]) -> str:
    """``5 same-node, 10 cross-node``, as far as there are both; one word if all are alike; empty where nobody knows."""
    counts = Counter(cell.topology for cell in cells)
    inside = {kind: counts[kind] for kind in (Topology.SAME_NODE, Topology.CROSS_NODE) if counts[kind]}
    if len(inside) == 1 and not counts[Topology.OUTSIDE]:
        return f"all {next(iter(inside))}"
    return ", ".join(f"{number} {kind}" for kind, number in inside.items())
