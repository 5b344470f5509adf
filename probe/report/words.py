"""A scenario's fleet and a step's result in words, as every report for people says them."""

from __future__ import annotations

from collections.abc import Mapping

from probe.model.cell import Verdict
from probe.model.fleet import EXTERNAL
from probe.model.record import CellRecord, ScenarioRecord, StepRecord
from probe.report.explain import label
from probe.report.findings import count_words
from probe.report.text import duration, plural, safe
from probe.report.topology import key, node_numbers, topology_words


def scenario_name(scenario: ScenarioRecord) -> str:
    """The scenario, told apart from other runs of it in the same record."""
    return safe(f"{scenario.name}, repeat {scenario.repeat}" if scenario.repeat > 1 else scenario.name)


def fleet_words(scenario: ScenarioRecord) -> str:
    """``3 pods on 2 nodes (@1 node-1, @2 node-2), ready in 118 ms; baseline: 15 of 15 cells connected in 11 ms``."""
    externals = sum(pod.id.startswith(f"{EXTERNAL}/") for pod in scenario.pods)
    nodes = node_numbers(scenario)
    text = plural(len(scenario.pods) - externals, "pod")
    if nodes:
        text += f" on {plural(len(nodes), 'node')}" + (f" ({key(nodes)})" if len(nodes) > 1 else "")
    if externals:
        text += f" and {plural(externals, 'external endpoint')}"
    if scenario.deploy_seconds:
        how = "shared, clean again after" if scenario.shared_fleet else "ready in"
        text += f", {how} {duration(scenario.deploy_seconds)}"
    if baseline := scenario.baseline:
        text += f"; baseline: {baseline.connected} of {plural(baseline.cells, 'cell')} connected"
        text += f" in {duration(baseline.seconds)}"
    return text


def _cells(step: StepRecord) -> str:
    """``15 cells``, and how many of them cross from node to node."""
    words = topology_words(step.cells)
    return plural(len(step.cells), "cell") + (f" ({words})" if words else "")


def step_word(step: StepRecord, counts: Mapping[Verdict, int]) -> tuple[str, str]:
    """The step in one word, and its colour (as of ``Paint``)."""
    if any(verdict.is_mismatch for verdict in counts):
        return "FAIL", "red"
    if Verdict.INCONCLUSIVE in counts or step.problems or not step.completed or not counts:
        return "INCONCLUSIVE", "yellow"
    if Verdict.PASS not in counts:  # nothing could be tried here, or nothing is said by the API: no doubt of the run's
        return (Verdict.UNDEFINED if Verdict.UNDEFINED in counts else Verdict.UNSUPPORTED).value.upper(), "yellow"
    return "PASS", "green"


def step_timing(step: StepRecord, counts: Mapping[Verdict, int]) -> str:
    """The step's cells, how long the cluster took, for how long the result held, and which cell was last."""
    cells = f"{_cells(step)}" if set(counts) == {Verdict.PASS} else f"{count_words(counts)};"
    if not step.completed:
        return f"{cells} not completed after {duration(step.seconds)}"
    if any(verdict.is_mismatch or verdict is Verdict.INCONCLUSIVE for verdict in counts):
        if step.converge_seconds is None:
            return f"{cells} never all as expected within {duration(step.seconds)}"
        return f"{cells} all matched once, {duration(step.converge_seconds)} after the change, but that is no proof"
    matched = [cell for cell in step.cells if cell.matched_after is not None]
    slowest: CellRecord | None = max(matched, key=lambda cell: cell.matched_after or 0.0, default=None)
    if Verdict.PASS not in counts and counts:
        return count_words(counts)
    held = f"held for {duration(step.confirm_seconds)}"
    if step.slowed:
        held += f" ({plural(step.slowed, 'cell')} again, more slowly: agents had too little CPU)"
    if not step.changes or slowest is None or slowest.matched_after is None:
        return f"{cells} as expected, {held}"
    after = duration(slowest.matched_after)
    return f"{cells} as expected {after} after the change, {held}; slowest {label(slowest)}"
