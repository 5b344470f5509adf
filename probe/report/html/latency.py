"""How long enforcement took, by kind of change: the time to the first match of each cell whose expectation changed.

A cell that was expected to stay as it was says nothing about enforcement. New denials and new permissions are told
apart: the former is the time during which traffic leaked.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from probe.model.cell import Expectation
from probe.model.record import CellRecord, RunRecord, StepRecord, cell_of
from probe.report.diff.latency import Kind

_VERBS = {
    "apply": "applied",
    "delete": "deleted",
    "label": "labelled",
    "create": "created",
}
_NOUNS = {"networkpolicy": "policy"}
BINS_PER_DECADE = 4
_SHORTEST, _LONGEST = 1e-3, 1e2
"""Seconds: the ends of the axis, which is logarithmic. What lies beyond them is counted in the last bin."""


@dataclass(slots=True)
class Latency:
    """A kind of change. ``seconds`` of the cells that matched, sorted; ``never`` counts those that did not."""

    kind: str
    seconds: list[float] = field(default_factory=list)
    never: int = 0

    def quantile(self, share: float) -> float:
        """The smallest time that at least this share of the cells did not exceed (nearest rank)."""
        return self.seconds[max(0, math.ceil(share * len(self.seconds)) - 1)]

    def bins(self) -> list[int]:
        """Numbers of cells by time, from ``_SHORTEST`` to ``_LONGEST``."""
        counts = [0] * (BINS_PER_DECADE * round(math.log10(_LONGEST / _SHORTEST)))
        for each in self.seconds:
            place = math.floor(math.log10(max(each, _SHORTEST) / _SHORTEST) * BINS_PER_DECADE)
            counts[min(place, len(counts) - 1)] += 1
        return counts


def latencies(record: RunRecord) -> list[Latency]:
    """The kinds of change that the run's scenarios made, in the order in which they came."""
    found: dict[str, Latency] = {}
    for scenario in record.scenarios:
        before: dict[object, Expectation] = {}
        for step in scenario.steps:
            what = _what(step)
            for cell, change in _changed(step, before):
                kind = f"{what}: {change}"
                series = found.setdefault(kind, Latency(kind))
                if cell.matched_after is None:
                    series.never += 1
                else:
                    series.seconds.append(max(0.0, cell.matched_after))
    for series in found.values():
        series.seconds.sort()
    return list(found.values())


def _changed(step: StepRecord, before: dict[object, Expectation]) -> Iterator[tuple[CellRecord, Kind]]:
    """The cells whose expectation is another than the scenario's last; ``before`` is brought up to date.

    A cell that is tried for the first time was open before: so the baseline found it.
    """
    for cell in step.cells:
        if cell.expected is Expectation.EITHER:
            continue
        key = cell_of(cell)
        was = before.get(key, Expectation.ALLOW)
        before[key] = cell.expected
        if step.changes and was.denies is not cell.expected.denies:
            yield cell, Kind.DENY if cell.expected.denies else Kind.ALLOW


def _what(step: StepRecord) -> str:
    """``policy applied``; ``policy deleted and pod labelled``."""
    return " and ".join(dict.fromkeys(_words(step.changes))) or "change"


def _words(changes: Iterable[str]) -> Iterator[str]:
    for change in changes:
        verb, _, rest = change.partition(" ")
        kind = rest.partition("/")[0]
        yield f"{_NOUNS.get(kind, kind)} {_VERBS.get(verb, verb)}"
