"""Reads the series of one agent, for as long as it takes: through streams that break and an API server that is away.

The agent keeps what it saw until it is told that we have it, so nothing is lost by coming late, up to what its ring
holds. Only what is known for certain ends the reading early: the pod or its container has gone.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from probe.cluster.channel import AgentChannel
from probe.cluster.duplex import Duplex
from probe.cluster.series import Entry, Reading, SeriesPlan, Stall, read_series, start_series, stop_series
from probe.engine.watch.clock import SeriesClock
from probe.model.errors import AgentLost, ClusterError

POLL_SECONDS = 1.0
_OPEN_SECONDS = 20.0
_AWAY_SECONDS = 6 * 3600.0
"""A stream may stay away for so long: it is the watch that ends the waiting, not its collector."""
_PAUSE = 1.0


class Way(Protocol):
    """The way to the agent of one pod."""

    async def connect(self) -> Duplex:
        """A new stream. Raises AgentLost when it is known that there is nobody; ClusterError when it may pass."""

    def fate(self) -> str:
        """What is known to have become of the pod; empty while nothing is."""


@dataclass(slots=True)
class Collector:
    """The reading of one agent. ``take`` gets its entries, in order and each once.

    ``lost`` says why it could not be read to its end; ``missing`` counts entries that its ring had lost; ``streams``
    those that were made. ``ended``: the series is over, and all of it was read.
    """

    plan: SeriesPlan
    way: Way
    take: Callable[[Entry], None]
    clock: SeriesClock = field(default_factory=SeriesClock)
    stalls: list[Stall] = field(default_factory=list)
    streams: int = 0
    missing: int = 0
    lost: str = ""
    away: bool = False
    ended: bool = False
    began: Reading | None = None
    _since: int = 0
    _instance: str = ""
    _channel: AgentChannel | None = None
    _stopping: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def channel(self) -> AgentChannel | None:
        """The channel to the agent, if there is one at present."""
        return self._channel

    async def open(self) -> None:
        """Open a stream. Raises AgentLost."""
        await self._open()

    async def begin(self) -> None:
        """Begin the series. Raises AgentLost."""
        self.began = await start_series(self._channel or await self._open(), self.plan)
        self.clock.see(self.began)

    def stop(self) -> None:
        """Have the series end; ``run`` returns when all of it was read."""
        self._stopping.set()

    async def run(self) -> None:
        """Read until the series has ended or the agent is lost for good."""
        stopped = False
        try:
            while not self.ended and not self.lost:
                try:
                    channel = self._channel or await self._open()
                    if self._stopping.is_set() and not stopped:
                        await stop_series(channel, self.plan.name)
                        stopped = True
                    await self._read(channel)
                    self.away = False
                except ClusterError as error:
                    await self._after(error)
                if not self.ended and not self.lost:
                    await self._pause(_PAUSE / 10 if stopped else POLL_SECONDS, stopped)
        finally:
            await self._close()

    async def _pause(self, seconds: float, stopped: bool) -> None:
        """Wait, but not beyond the first moment at which the series is to end."""
        if stopped:
            await asyncio.sleep(seconds)
            return
        try:
            await asyncio.wait_for(self._stopping.wait(), seconds)
        except TimeoutError:
            return

    async def _read(self, channel: AgentChannel) -> None:
        """Read all there is."""
        while True:
            news = await read_series(channel, self.plan.name, self._since)
            self.clock.see(news.reading)
            self.missing += news.first - self._since - 1 if news.entries else 0
            for entry in news.entries:
                if isinstance(entry, Stall):
                    self.stalls.append(entry)
                else:
                    self.take(entry)
            if news.entries:
                self._since = news.first + len(news.entries) - 1
            if self._since >= news.last:
                self.ended = news.ended
                return

    async def _after(self, error: ClusterError) -> None:
        """Another stream may do better, but not if nobody is at its end any more."""
        self.away = True
        await self._close()
        if not self.lost:
            forgotten = f"no series {self.plan.name}" in str(error)
            self.lost = self.way.fate() or ("the agent was restarted" if forgotten else "")

    async def _open(self) -> AgentChannel:
        async def connect() -> Duplex:
            self.away = True
            stream = await self.way.connect()
            self.streams += 1
            self.away = False
            return stream

        channel = await AgentChannel.open(connect, timeout=_OPEN_SECONDS, patience=_AWAY_SECONDS)
        if self._instance and channel.hello.instance != self._instance:
            await channel.aclose()
            self.lost = "the agent was restarted"
            raise AgentLost(self.lost)
        self._instance = channel.hello.instance
        self._channel = channel
        return channel

    async def _close(self) -> None:
        channel, self._channel = self._channel, None
        if channel is not None:
            await channel.aclose()
