"""An agent's time on our clock. Every reading of it narrows down the difference, and says by how much it may be off."""

from __future__ import annotations

from probe.cluster.series import Reading

_DRIFT = 1e-4
"""Clocks of two computers drift apart by less: crystals keep to tens of parts in a million."""
_WINDOW_SECONDS = 30.0


class SeriesClock:
    """The quickest reading of every half minute is kept. At least one must have been seen before anything is asked."""

    def __init__(self) -> None:
        self._best: dict[int, Reading] = {}

    def see(self, reading: Reading) -> None:
        """Take in a reading."""
        window = int(reading.time / _WINDOW_SECONDS)
        known = self._best.get(window)
        if known is None or _half(reading) < _half(known):
            self._best[window] = reading

    def instant(self, time: float) -> tuple[float, float]:
        """Our time (unix, in seconds) for a time of the series, and by how much it may be off."""
        reading = min(self._best.values(), key=lambda each: _error(each, time))
        return time + (reading.asked + reading.answered) / 2 - reading.time, _error(reading, time)


def _half(reading: Reading) -> float:
    return (reading.answered - reading.asked) / 2


def _error(reading: Reading, time: float) -> float:
    return _half(reading) + _DRIFT * abs(time - reading.time)
