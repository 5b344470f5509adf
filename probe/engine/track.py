"""What happened to one cell in one step: attempts, first match, flapping. Mutable while the step runs.

Attempts overlap, so they come home in another order than they were sent in. What counts is when they were sent: an
attempt that began before a change and ends after it tells of the time before.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise

from probe.engine.agent import Sample
from probe.engine.judge import matches
from probe.engine.starvation import late, starved
from probe.model.cell import Expectation, Outcome
from probe.model.plan import PlannedCell
from probe.model.record import Attempt

_SETTLED = (Outcome.UNSUPPORTED, Outcome.AGENT_ERROR)
"""Outcomes that trying again within the step does not change."""


@dataclass(slots=True)
class _Seen:
    """An attempt that came home. ``until``: up to when it tells what was so, ``shown``: when the network had shown what
    came of it, both in seconds after the origin. ``missed``: it shows that what is expected was not so yet, and
    ``passed`` that packets went through. ``doubt``: why its ends cannot be believed about its time."""

    attempt: Attempt
    until: float
    shown: float
    matched: bool
    missed: bool
    passed: bool
    doubt: str


@dataclass(slots=True)
class Track:
    """A cell's way through a step. ``origin`` is the unix time that its attempts are counted from, in seconds.

    ``attempts`` counts those that came home, ``under_way`` those that did not yet; ``last`` is the one of the former
    that was sent last, and ``confirmed`` the same if it was a confirmation. ``held``: it is not tried before that.
    """

    planned: PlannedCell
    origin: float
    held: bool = False
    under_way: int = 0
    matching: bool = False
    last: Sample | None = None
    confirmed: Sample | None = None
    _seen: list[_Seen] = field(default_factory=list)
    _missed: int = 0  # of these: most tracks of a large fleet have none, and are told in no time

    @property
    def attempts(self) -> int:
        """How often the cell was tried."""
        return len(self._seen)

    @property
    def pending(self) -> bool:
        """Whether another attempt could still bring a match."""
        return not self.matching and (self.last is None or self.last.outcome not in _SETTLED)

    @property
    def lost(self) -> bool:
        """Whether it matched and does not any more, or does not though nothing was to change it."""
        return self.pending and (self.held or self.flaps > 0)

    @property
    def unmoved(self) -> bool:
        """Whether it was as expected when it was tried at last, as it was before: nothing has a time to be told."""
        return self.held and self.matching and not self._missed

    @property
    def due(self) -> bool:
        """Whether another attempt would tell more than those under way.

        Where silence is expected the one that is still silent may be the match, and one that got through is home at
        once; where an answer is expected, silence has to be interrupted.
        """
        silence = self.planned.expectation in (Expectation.DENY, Expectation.DROP)
        return self.pending and not (silence and self.under_way)

    @property
    def unsupported(self) -> bool:
        """Whether the cell cannot be tried here at all."""
        return self.last is not None and self.last.outcome is Outcome.UNSUPPORTED

    def see(self, sample: Sample, phase: str, timeout: float) -> Attempt | None:
        """Take in one attempt; returns it if it is news: it goes into the history, as far as is known by now.

        ``timeout`` was the attempt's, in seconds.
        """
        seen = self._understood(sample, phase, timeout)
        place = bisect_right(self._seen, seen.attempt.at, key=lambda each: each.attempt.at)
        self._seen.insert(place, seen)
        self._missed += seen.missed
        if place == len(self._seen) - 1:
            self.matching, self.last = seen.matched, sample
            self.confirmed = sample if phase == "confirm" else None
        changed = place == 0 or self._seen[place - 1].attempt.outcome is not sample.outcome
        return seen.attempt if changed or phase == "confirm" else None

    def learn(self, sample: Sample, timeout: float) -> None:
        """Take in how late the ends of an attempt were at worst, which is known only later."""
        if doubt := self._doubt(sample, timeout):
            at = self._since(sample.at)
            for seen in self._seen:
                if seen.attempt.at == at:
                    seen.doubt = doubt

    def _understood(self, sample: Sample, phase: str, timeout: float) -> _Seen:
        expectation = self.planned.expectation
        latest = self._seen[-1].attempt.at if self._seen else 0.0
        at = self._since(sample.at) if sample.at else latest
        matched = matches(expectation, sample.outcome, sample.established)
        passed = sample.established or sample.outcome is Outcome.CONNECTED
        told = passed or sample.outcome not in (*_SETTLED, Outcome.UNRESOLVED)
        attempt = Attempt(phase, at, sample.outcome, round(sample.seconds, 6), sample.error)
        return _Seen(
            attempt,
            until=at if passed or not sample.resent else at + sample.resent,  # which of them passed nobody knows
            shown=at + sample.seconds if sample.outcome is Outcome.CONNECTED else at,
            matched=matched,
            missed=told and not matched,
            passed=passed,
            doubt=self._doubt(sample, timeout),
        )

    def _doubt(self, sample: Sample, timeout: float) -> str:
        return late(sample, timeout) or starved(sample, self.planned.expectation, timeout)

    def _since(self, moment: float) -> float:
        return round(moment - self.origin, 4)

    # --- what it amounts to -------------------------------------------------------------------------------------------

    @property
    def matched_after(self) -> float | None:
        """Seconds from the origin until the network showed what is expected: a connection when it stood, a denial when
        its packet was sent. None if it never did, or it was so all the time."""
        first = None if self.unmoved else self._first_match()
        return None if first is None else max(0.0, first.shown)

    @property
    def missed_at(self) -> float | None:
        """The last moment before ``matched_after`` of which it is known that what is expected was not so yet."""
        misses = self._misses_before_match()
        if not misses:
            return None
        first = self._first_match()
        return misses[-1].until if first is None else max(0.0, min(misses[-1].until, first.shown))

    @property
    def wrong_at(self) -> float | None:
        """When the last packet was sent that showed the opposite of what is expected: it got through where a denial is
        expected, or it did not where none is, by ends that can be believed."""
        if not self._missed:
            return None
        return max((each.until for each in self._seen if self._is_opposite(each)), default=None)

    @property
    def right_after(self) -> float | None:
        """When what is expected was seen for good, after the last attempt that showed the opposite; None: never."""
        wrong = self.wrong_at
        shown = (each.shown for each in self._seen if each.matched and (wrong is None or each.shown > wrong))
        return min(shown, default=None)

    @property
    def flaps(self) -> int:
        """How often a match was lost again."""
        if not self._missed:
            return 0
        told = [each for each in self._seen if each.matched or each.missed]
        return sum(before.matched and after.missed for before, after in pairwise(told))

    @property
    def doubt(self) -> str:
        """Why ``matched_after`` is no measure of the cluster: one of the attempts that it rests on had no CPU."""
        first = self._first_match()
        told = [*self._misses_before_match()[-1:], *([first] if first else [])]
        return next((each.doubt for each in told if each.doubt), "")

    @property
    def intervals(self) -> Iterator[float]:
        """Seconds from each attempt to the next one, until the first match."""
        if not self._missed:
            return iter(())
        first = self._first_match()
        times = [each.attempt.at for each in self._seen if first is None or each.attempt.at <= first.attempt.at]
        return (after - before for before, after in pairwise(times))

    @property
    def history(self) -> list[Attempt]:
        """The first attempt, the last before and the first after each change of outcome, and every confirmation."""
        kept: list[Attempt] = []
        for place, each in enumerate(self._seen):
            beside = self._seen[max(0, place - 1) : place + 2]
            turns = any(other.attempt.outcome is not each.attempt.outcome for other in beside)
            if place == 0 or turns or each.attempt.phase == "confirm":
                kept.append(each.attempt)
        return kept

    def _first_match(self) -> _Seen | None:
        return min((each for each in self._seen if each.matched), key=lambda each: each.shown, default=None)

    def _misses_before_match(self) -> list[_Seen]:
        if not self._missed:
            return []
        first = self._first_match()
        return [each for each in self._seen if each.missed and (first is None or each.attempt.at <= first.attempt.at)]

    def _is_opposite(self, seen: _Seen) -> bool:
        denies = self.planned.expectation.denies
        return seen.missed and seen.passed is denies and (denies or not seen.doubt)
