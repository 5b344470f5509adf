"""What happened to one cell in one step: attempts, first match, flapping. Mutable while the step runs."""

from __future__ import annotations

from dataclasses import dataclass, field

from probe.engine.agent import Sample
from probe.engine.judge import matches
from probe.model.cell import Outcome
from probe.model.plan import PlannedCell
from probe.model.record import Attempt

_SETTLED = (Outcome.UNSUPPORTED, Outcome.AGENT_ERROR)
"""Outcomes that trying again within the step does not change."""


@dataclass(slots=True)
class Track:
    """A cell's way through a step. ``origin`` is the unix time that its attempts are counted from, in seconds.

    ``history`` keeps the first attempt, every change of outcome, and every confirmation; ``attempts`` counts all.
    """

    planned: PlannedCell
    origin: float
    attempts: int = 0
    matched_after: float | None = None
    flaps: int = 0
    matching: bool = False
    last: Sample | None = None
    confirmed: Sample | None = None
    history: list[Attempt] = field(default_factory=list)

    @property
    def pending(self) -> bool:
        """Whether another attempt could still bring a match."""
        return not self.matching and (self.last is None or self.last.outcome not in _SETTLED)

    @property
    def unsupported(self) -> bool:
        """Whether the cell cannot be tried here at all."""
        return self.last is not None and self.last.outcome is Outcome.UNSUPPORTED

    def see(self, sample: Sample, phase: str) -> Attempt | None:
        """Take in one attempt; returns it if it is news, that is, if it goes into the history."""
        matched = matches(self.planned.expectation, sample.outcome, sample.established)
        if self.matching and not matched:
            self.flaps += 1
        if matched and self.matched_after is None:
            self.matched_after = max(0.0, _instant(sample) - self.origin)
        changed = self.last is None or self.last.outcome is not sample.outcome
        attempt = None
        if changed or phase == "confirm":
            at = round(sample.at - self.origin, 4) if sample.at else 0.0
            attempt = Attempt(phase, at, sample.outcome, round(sample.seconds, 6), sample.error)
            self.history.append(attempt)
        self.attempts += 1
        self.matching = matched
        self.last = sample
        self.confirmed = sample if phase == "confirm" else None
        return attempt


def _instant(sample: Sample) -> float:
    """When the network showed what was seen: a connection at its end, a denial when the packet was sent."""
    return sample.at + sample.seconds if sample.outcome is Outcome.CONNECTED else sample.at
