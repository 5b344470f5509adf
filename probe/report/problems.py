"""What went wrong beside the cells, gathered from every level of a record and said once each.

Reports show these next to the verdicts: a run whose harness failed must not look green anywhere.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from probe.model.cell import Verdict
from probe.model.record import RunRecord, ScenarioRecord


@dataclass(frozen=True, slots=True)
class Trouble:
    """A problem with its place; ``scenario`` and ``step`` are None above their level."""

    scenario: str | None
    step: str | None
    message: str

    def __str__(self) -> str:
        return ": ".join(part for part in (self.scenario, self.step, self.message) if part)


def scenario_troubles(scenario: ScenarioRecord) -> list[Trouble]:
    """The problems of a scenario and its steps in order, and whatever of it was not completed."""
    troubles: list[Trouble] = []
    for step in scenario.steps:
        troubles += [Trouble(scenario.name, step.name, message) for message in step.problems]
        if not step.completed:
            troubles.append(Trouble(scenario.name, step.name, "the step was not completed"))
    said = {trouble.message for trouble in troubles}
    own = [Trouble(scenario.name, None, message) for message in scenario.problems if message not in said]
    if scenario.watch is not None and scenario.watch.verdict is Verdict.INCONCLUSIVE:
        own += [Trouble(scenario.name, "watched", reason) for reason in scenario.watch.reasons]
    if not scenario.completed:
        own.append(Trouble(scenario.name, None, "the scenario was not completed"))
    return own + troubles


def run_troubles(record: RunRecord) -> list[Trouble]:
    """The problems of the run itself, without those that a scenario already has."""
    said = {message for scenario in record.scenarios for message in scenario.problems}
    return [Trouble(None, None, message) for message in record.problems if message not in said]


def troubles(record: RunRecord) -> Iterator[Trouble]:
    """Every problem of a run, the run's own first."""
    yield from run_troubles(record)
    for scenario in record.scenarios:
        yield from scenario_troubles(scenario)
