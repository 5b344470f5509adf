"""Where a scenario's time goes: a stopwatch whose laps have names."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

from probe.model.record import TimeRecord


@dataclass(slots=True)
class Stopwatch:
    """Every second since it was started belongs to one phase of a ``TimeRecord``."""

    spent: dict[str, float] = field(default_factory=dict)
    _since: float = field(default_factory=time.monotonic)

    def lap(self, phase: str) -> None:
        """The time since the last lap was spent on this phase."""
        now = time.monotonic()
        self.spent[phase] = self.spent.get(phase, 0.0) + now - self._since
        self._since = now

    def record(self) -> TimeRecord:
        """All laps until now; what has no lap yet is overhead."""
        self.lap("overhead")
        return TimeRecord(**{phase: round(seconds, 4) for phase, seconds in self.spent.items()})
