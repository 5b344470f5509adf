"""How late enforcement may be before that is a mismatch: ``--max-enforcement`` and ``--strict``.

Only what is certain counts: an attempt that was sent after the limit, whatever the error of the clocks, and still saw
the opposite of what is expected. Whether a change that was first seen after the limit took effect before it, nobody can
tell; that is said, and passes.
"""

from __future__ import annotations

from dataclasses import dataclass

from probe.engine.track import Track
from probe.model.scenario import Timeouts


@dataclass(frozen=True, slots=True)
class Lateness:
    """``late`` says what was certainly too late (empty: nothing). ``perhaps``: it may have been."""

    late: str = ""
    perhaps: bool = False


@dataclass(frozen=True, slots=True)
class Limits:
    """Seconds after the acknowledgement; None: no limit. ``enforcement`` is for all cells, ``grace`` for denials.

    ``clock_error`` bounds the error of the attempts' times.
    """

    enforcement: float | None
    grace: float | None
    clock_error: float

    @classmethod
    def of(cls, timeouts: Timeouts, clock_error: float) -> Limits:
        """Those of a scenario."""
        return cls(timeouts.enforcement, timeouts.grace, clock_error)

    def look(self, track: Track, *, stays_denied: bool) -> Lateness:
        """Whether what was seen of a cell came too late. ``stays_denied``: it was denied all the time."""
        wrong, denies = track.wrong_at, track.planned.expectation.denies
        if wrong is None:
            return Lateness()
        at_most = [limit for limit in (self.enforcement, self.grace if denies else None) if limit is not None]
        if denies and stays_denied and self.grace is not None:
            at_most.append(0.0)
        limit = min(at_most, default=None)
        if limit is None:
            return Lateness()
        if wrong - self.clock_error > limit:
            return Lateness(self._sentence(wrong, limit, denies=denies, stays_denied=stays_denied))
        right = track.right_after
        return Lateness(perhaps=right is None or right > limit)

    def _sentence(self, wrong: float, limit: float, *, denies: bool, stays_denied: bool) -> str:
        seen = "it still got through" if denies else "it still did not get through"
        text = f"{seen} {wrong:.3f} s after the change was acknowledged"
        if limit == 0.0 and stays_denied:
            return f"{text}, though it was denied before and no change opened it"
        name = "grace" if denies and limit == self.grace else "limit"
        return f"{text} (the {name} is {limit:g} s)"
