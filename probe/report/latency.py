"""How long enforcement took, as all reports tell it: which cells a step turned, by step and over a run, and in words.

The numbers come from ``probe.model.enforcement``. Records from before the engine said what a step turns a cell into are
told by their expectations alone: these know no revocation.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from probe.model.cell import Cell, Expectation
from probe.model.enforcement import PLACES, Tally, Times
from probe.model.record import (
    CellRecord,
    Change,
    EnforcementRecord,
    RunRecord,
    ScenarioRecord,
    StepRecord,
    Topology,
    cell_of,
)
from probe.report.text import duration, plural

_VERBS = {
    "apply": "applied",
    "delete": "deleted",
    "label": "labelled",
    "create": "created",
}
_NOUNS = {"networkpolicy": "policy"}


@dataclass(slots=True)
class Latency:
    """A kind of change over a run (``policy applied: new deny``): its cells, together and by where their ends are."""

    kind: str
    times: Times = field(default_factory=Times)
    places: dict[Topology, Times] = field(default_factory=dict)

    def longest(self, place: Topology) -> float | None:
        """The longest time of the cells whose ends are there, in seconds."""
        return self.places[place].quantile(1.0) if place in self.places else None


def latencies(record: RunRecord) -> list[Latency]:
    """The kinds of change that the run's scenarios made, in the order in which they came."""
    found: dict[str, Latency] = {}
    for scenario in record.scenarios:
        for step, turned in turns(scenario):
            what = _what(step)
            for cell, change in turned:
                latency = found.setdefault(kind := f"{what}: {change.words}", Latency(kind))
                latency.times.add(cell)
                latency.places.setdefault(cell.topology, Times()).add(cell)
    return [latency for latency in found.values() if latency.times.cells]


def turns(scenario: ScenarioRecord) -> Iterator[tuple[StepRecord, Iterator[tuple[CellRecord, Change]]]]:
    """Each step with the cells that its changes turned. They have to be read before the next step's."""
    before: dict[Cell, Expectation] = {}
    for step in scenario.steps:
        yield step, _turned(step, before)


def enforcement(scenario: ScenarioRecord) -> Iterator[tuple[StepRecord, list[EnforcementRecord]]]:
    """Each step with its times by kind of change and by where the ends are, as the record has them or might have."""
    for step, turned in turns(scenario):
        tally = Tally()
        for cell, change in turned:
            tally.add(cell, change)
        yield step, step.enforcement or tally.records()


def _turned(step: StepRecord, before: dict[Cell, Expectation]) -> Iterator[tuple[CellRecord, Change]]:
    """Of a step; ``before`` is brought up to date. A cell that is tried for the first time was open: so the baseline
    found it."""
    for cell in step.cells:
        change = cell.change
        if change is None and cell.expected is not Expectation.EITHER and cell.via.is_way:
            was = before.get(key := cell_of(cell), Expectation.ALLOW)
            before[key] = cell.expected
            if step.changes and was.denies is not cell.expected.denies:
                change = Change.NEW_DENY if cell.expected.denies else Change.NEW_ALLOW
        if change:
            yield cell, change


def _what(step: StepRecord) -> str:
    """``policy applied``; ``policy deleted and pod labelled``."""
    return " and ".join(dict.fromkeys(_words(step.changes))) or "change"


def _words(changes: Iterable[str]) -> Iterator[str]:
    for change in changes:
        verb, _, rest = change.partition(" ")
        kind = rest.partition("/")[0]
        yield f"{_NOUNS.get(kind, kind)} {_VERBS.get(verb, verb)}"


# --- in words ---------------------------------------------------------------------------------------------------------


def enforcement_lines(step: StepRecord, found: Sequence[EnforcementRecord]) -> Iterator[str]:
    """A line for each kind of change: ``new deny: 12 cells, p50 0.5 ms, p90 ..., max ...; same-node max ...``; then how
    exact that is. Nothing where nothing was changed."""
    for each in found:
        if each.topology is Topology.UNKNOWN:
            places = [
                f"{place.topology} max {duration(place.max)}"
                for place in found
                if place.change is each.change and place.topology in PLACES[1:] and place.max is not None
            ]
            yield "; ".join([f"{each.change.words}: {plural(each.cells, 'cell')}{_quantiles(each)}", *places])
    if found and (exact := sampling_words(step)):
        yield exact


def _quantiles(each: EnforcementRecord) -> str:
    told = [(name, duration(seconds)) for name, seconds in quantiles(each) if seconds is not None]
    if len({seconds for _, seconds in told}) == 1:
        told = [(f"{told[0][0]} to {told[-1][0]}", told[0][1])]
    text = "".join(f", {name} {seconds}" for name, seconds in told)
    text += f", {each.never} never" if each.never else ""
    return text + (f", {each.untimed} without a time (agents starved of CPU, or inconclusive)" if each.untimed else "")


def quantiles(each: EnforcementRecord) -> tuple[tuple[str, float | None], ...]:
    """Names and seconds."""
    return ("p50", each.p50), ("p90", each.p90), ("p99", each.p99), ("max", each.max)


def sampling_words(step: StepRecord) -> str:
    """How exact a step's times are; empty where the record does not say."""
    sampling = step.sampling
    if sampling is None:
        return ""
    if sampling.interval is None or sampling.longest is None:
        text = "each seen by the first attempt"
    else:
        text = f"sampled every {duration(sampling.interval)} (at most {duration(sampling.longest)})"
    return f"{text}; clock error {duration(sampling.clock_error)}, agents late by at most {duration(sampling.lag)}"
