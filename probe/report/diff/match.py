"""The cells of a run by what they are, whatever the run was called: repeated runs of a scenario together."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from probe.model.cell import Cell, Outcome, Verdict
from probe.model.record import CellRecord, RunRecord, cell_of


class Key(NamedTuple):
    """What makes two cells of two runs the same one."""

    scenario: str
    step: str
    cell: Cell


_GRAVITY = (Verdict.PASS, Verdict.UNDEFINED, Verdict.UNSUPPORTED, Verdict.INCONCLUSIVE)
"""Verdicts that are no mismatches, from the best to the one that says least."""


def gravity(verdict: Verdict) -> int:
    """How bad a verdict is: of a repeated cell, the worst counts."""
    return len(_GRAVITY) if fails(verdict) else _GRAVITY.index(verdict)


def fails(verdict: Verdict) -> bool:
    """Whether the cluster did something else than expected, known or not: to a comparison that is the same."""
    return verdict.is_mismatch or verdict is Verdict.KNOWN


@dataclass(slots=True)
class Seen:
    """What one run saw of a cell: once, or as often as its scenario was repeated. ``worst`` is the worst of them."""

    worst: CellRecord
    outcomes: set[Outcome | None] = field(default_factory=set)
    times: int = 0
    failed: int = 0

    def add(self, record: CellRecord) -> None:
        """Take one more in."""
        self.times += 1
        self.failed += fails(record.verdict)
        self.outcomes.add(record.outcome)
        if gravity(record.verdict) > gravity(self.worst.verdict):
            self.worst = record

    @property
    def verdict(self) -> Verdict:
        """The worst verdict."""
        return self.worst.verdict


def cells_by_key(record: RunRecord) -> dict[Key, Seen]:
    """All cells of a run, in its order."""
    found: dict[Key, Seen] = {}
    for key, cell in _cells(record):
        seen = found.get(key)
        if seen is None:
            seen = found[key] = Seen(cell)
        seen.add(cell)
    return found


def _cells(record: RunRecord) -> Iterator[tuple[Key, CellRecord]]:
    for scenario in record.scenarios:
        for step in scenario.steps:
            for cell in step.cells:
                yield Key(scenario.name, step.name, cell_of(cell)), cell
