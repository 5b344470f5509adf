"""The series of a race: those that try, those that only listen to what arrives, and what was read of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from probe.cluster.channel import AgentChannel, Target
from probe.cluster.series import Entry, Reading, SeriesPlan, read_series, start_series, stop_series

_LEASE = 600.0
_TIMEOUT = 0.5


@dataclass(slots=True)
class Ear:
    """A series on an agent, and all that was read of it. ``base``: when it began, on our clock."""

    name: str
    base: float = 0.0
    entries: list[Entry] = field(default_factory=list)
    _last: int = 0

    async def begin(self, channel: AgentChannel, plan: SeriesPlan) -> None:
        """Begin the series. Raises AgentLost."""
        self.base = _base(await start_series(channel, plan))

    async def collect(self, channel: AgentChannel) -> None:
        """End the series, and read all of it. Raises AgentLost."""
        await stop_series(channel, self.name)
        while True:
            news = await read_series(channel, self.name, self._last)
            self.base = _base(news.reading)
            self.entries += news.entries
            if not news.entries:
                return
            self._last = news.first + len(news.entries) - 1


def _base(reading: Reading) -> float:
    return (reading.asked + reading.answered) / 2 - reading.time


@dataclass(frozen=True, slots=True)
class Series:
    """What all series of a race have in common. ``interval``: seconds between two attempts of a cell."""

    nonce: str
    interval: float
    denied: bool

    def plan(
        self, name: str, agent: int, targets: Sequence[Target] = (), responders: Sequence[str | None] = ()
    ) -> SeriesPlan:
        """That of agent number ``agent``, who tries these targets in turn."""
        return SeriesPlan(
            name=name,
            nonce=self.nonce,
            agent=agent,
            interval=self.interval,
            timeout=_TIMEOUT,
            lease=_LEASE,
            targets=targets,
            responders=responders,
            phases=[self.phase(place, len(targets)) for place in range(len(targets))],
            denied=list(range(len(targets))) if self.denied else [],
        )

    def phase(self, place: int, places: int) -> float:
        """Where in the interval one of several cells has its place."""
        return self.interval * place / places
