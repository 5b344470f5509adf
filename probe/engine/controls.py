"""The positive control: which pairs have connected in this run, between the very same pods."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from probe.engine.agent import Sample
from probe.engine.agents import Agents
from probe.engine.routes import NOT_OURS
from probe.model.cell import Cell, Outcome, Protocol
from probe.model.record import BaselineRecord

_FIRST_PAUSE, _LONGEST_PAUSE = 0.02, 0.25
_HOPELESS = (Outcome.UNSUPPORTED, Outcome.AGENT_ERROR)
_FAILED_SHOWN = 50

Pair: TypeAlias = tuple[Cell, str | None, str | None]
"""A cell and the identities of the pods (or the endpoint) that are its two ends at some time."""

Door: TypeAlias = tuple[str | None, Protocol, str]
"""A service's ``address:port`` and protocol, as seen from a node."""


@dataclass(slots=True)
class Controls:
    """Remembers connections by cell and by the identity of both ends: a recreated pod starts anew."""

    agents: Agents
    _connected: dict[Pair, float] = field(default_factory=dict)
    _late: dict[Pair, float] = field(default_factory=dict)  # who failed in the baseline, and when they first connected
    _led: set[tuple[Door, str | None]] = field(default_factory=set)
    _missed_before: frozenset[Pair] = frozenset()  # who failed in the baseline of an earlier scenario on the same pods
    _fresh: float = -math.inf  # since when connections speak for denials

    def carried(self, since: float | None) -> Controls:
        """The controls of the next scenario on the same pods.

        For a denial only connections after ``since`` speak, from when on no policy was in force (monotonic clock; None:
        from now on). That a pair could connect at all, where it is expected to, is known from earlier ones, too.
        """
        fresh = time.monotonic() if since is None else since
        missed = self._missed_before | self._late.keys()
        return Controls(self.agents, dict(self._connected), _led=set(self._led), _missed_before=missed, _fresh=fresh)

    def has(self, cell: Cell, *, for_denial: bool) -> bool:
        """Whether the pair has its control already. For ends that are no pods of ours nobody vouches for long."""
        at = self._connected.get(self.pair(cell))
        return at is not None and cell.path not in NOT_OURS and (at > self._fresh or not for_denial)

    def has_any(self, cells: Iterable[Cell]) -> bool:
        """Whether one of these pairs could connect."""
        return any(self.has(cell, for_denial=True) for cell in cells)

    def fell_silent(self, cells: Iterable[Cell]) -> list[Cell]:
        """Those that missed the baseline, and none of an earlier scenario on the same pods."""
        pairs = {cell: self.pair(cell) for cell in cells}
        return [cell for cell, pair in pairs.items() if pair in self._late and pair not in self._missed_before]

    def see(self, samples: Mapping[Cell, Sample]) -> None:
        """Take in a round's attempts, which have just come back."""
        seen = time.monotonic()
        for cell, sample in samples.items():
            if _got_through(sample):
                pair = self.pair(cell)
                self._connected[pair] = seen
                if pair in self._late:
                    self._late[pair] = min(seen, self._late[pair])
                if cell.via:
                    self._led.add((self._door(cell, sample), self._behind(cell)))

    def missed(self, cell: Cell) -> None:
        """The cell was tried before there was any policy, and did not connect: something else was in its way."""
        self._late[self.pair(cell)] = math.inf

    def vouched(self, pair: Pair, moment: float, *, for_denial: bool = True) -> bool:
        """Whether this very pair, which may be gone by now, connected when that speaks for ``moment`` (monotonic).

        A pair that never had a chance before does so at any time. One that had its chance and missed it must have
        connected before: what was in its way then may have been there still. For a denial it must have been since the
        scenario before was over.
        """
        at = self._connected.get(pair)
        known = at is not None and (at > self._fresh or not for_denial)
        return known and self._late.get(pair, -math.inf) < moment

    def connected_after(self, pair: Pair, moment: float) -> bool:
        """Whether this very pair connected in a round that ended after ``moment`` (of the monotonic clock)."""
        return self._connected.get(pair, -1.0) > moment

    def led(self, cell: Cell, sample: Sample) -> bool:
        """Whether the service that was dialled has led anybody on the source's node to the agent that is behind it now.

        Nodes learn of a service each in its own time, and until then it looks as if a policy denied it. They also learn
        that a container has gone, and, maybe later than we do, that another one is there.
        """
        return (self._door(cell, sample), self._behind(cell)) in self._led

    def _behind(self, cell: Cell) -> str | None:
        """The agent's process that serves a pod's ports now."""
        destination = self.agents.by_pod.get(cell.destination)
        return destination.channel.hello.instance if destination else None

    def _door(self, cell: Cell, sample: Sample) -> Door:
        source = self.agents.by_pod.get(cell.source)
        return sample.dialled, cell.protocol, source.running.node if source else ""

    def pair(self, cell: Cell) -> Pair:
        """Who the two ends of a cell are now."""
        return cell, *self.agents.identities(cell)


def _got_through(sample: Sample) -> bool:
    """Whether packets passed both ways: what a nameserver answers does not matter, only that it does."""
    return sample.outcome is Outcome.CONNECTED or (sample.outcome is Outcome.UNRESOLVED and sample.established)


def pauses() -> Iterable[float]:
    """Seconds between rounds: short at first, so that fast enforcement is measured finely, then bounded."""
    pause = _FIRST_PAUSE
    while True:
        yield pause
        pause = min(pause * 1.5, _LONGEST_PAUSE)


async def connect_again(
    cells: Sequence[Cell], agents: Agents, controls: Controls, attempt: float, timeout: float
) -> dict[Cell, Sample]:
    """Try every cell until it connects once from now on, for at most ``timeout`` seconds. Returns the last samples.

    ``attempt`` is the timeout of one attempt in seconds.
    """
    pending: Sequence[Cell] = cells
    last: dict[Cell, Sample] = {}
    started = time.monotonic()
    for pause in pauses():
        samples = await agents.probe(pending, attempt)
        controls.see(samples)
        last |= samples
        pending = [
            cell for cell in pending if not _got_through(samples[cell]) and samples[cell].outcome not in _HOPELESS
        ]
        if not pending or time.monotonic() - started > timeout:
            break
        await asyncio.sleep(pause)
    return last


async def run_baseline(
    cells: Iterable[Cell],
    denied: Collection[Cell],
    agents: Agents,
    controls: Controls,
    attempt: float,
    timeout: float,
) -> BaselineRecord:
    """Try every cell until it connects once, for at most ``timeout`` seconds; no policy of ours exists.

    ``attempt`` is the timeout of one attempt in seconds. A pair that does not connect gets no control; one that has its
    control already, as those of ``denied`` cells have to be, is not tried again. What cannot be tried misses nothing.
    """
    wanted = list(dict.fromkeys(cells))
    untried = [cell for cell in wanted if not controls.has(cell, for_denial=cell in denied)]
    started = time.monotonic()
    last = await connect_again(untried, agents, controls, attempt, timeout) if untried else {}
    for cell, sample in last.items():
        if not _got_through(sample) and sample.outcome is not Outcome.UNSUPPORTED:
            controls.missed(cell)
    unsupported = sum(sample.outcome is Outcome.UNSUPPORTED for sample in last.values())
    failed = [
        f"{cell}: {last[cell].outcome}" + (f" ({last[cell].error})" if last[cell].error else "")
        for cell in untried
        if last[cell].outcome not in (Outcome.CONNECTED, Outcome.UNSUPPORTED)
    ]
    return BaselineRecord(
        cells=len(wanted) - unsupported,
        connected=len(wanted) - len(untried) + sum(sample.outcome is Outcome.CONNECTED for sample in last.values()),
        seconds=round(time.monotonic() - started, 3),
        failed=failed[:_FAILED_SHOWN]
        + ([f"and {len(failed) - _FAILED_SHOWN} more"] if len(failed) > _FAILED_SHOWN else []),
    )
