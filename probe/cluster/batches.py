"""The orchestrator's side of one batch of dials: what was sent, what came back, and whether that is all of it."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from probe.cluster.frames import DialResult, Frame, Target, malformed, parse_result
from probe.model.errors import AgentLost

AGENT_MAX_IN_FLIGHT = 1024
_CHUNK = 2048  # targets a frame: under 150 kB even with IPv6 addresses
_WINDOW = 3 * _CHUNK  # targets without a result that the agent has to hold
_SLACK = 5.0


Take: TypeAlias = Callable[[int, DialResult, float], None]
"""Takes a result as it comes: the target's index, what came of it, and the agent's lag so far, in seconds."""


@dataclass(frozen=True, slots=True)
class BatchReport:
    """Results in the order of the targets; ``lag`` is how late the agent's loop woke at worst, in seconds."""

    results: tuple[DialResult, ...]
    lag: float


class Batch:
    """A batch under way. ``failure`` is set when it cannot end well; ``changed`` when there is news of any kind."""

    def __init__(
        self,
        id: str,
        targets: Sequence[Target],
        *,
        nonce: str,
        timeout: float,
        in_flight: int,
        rate: float,
        take: Take | None = None,
    ) -> None:
        self.id = id
        self.failure: AgentLost | None = None
        self.changed = asyncio.Event()
        self.changed.set()
        self._targets = targets
        self._tell = take
        self._settings: Frame = {
            "op": "dial",
            "id": id,
            "nonce": nonce,
            "timeout": timeout,
            "in_flight": in_flight,
            "rate": rate,
            "total": len(targets),
        }
        self._sent = 0  # as far as the present stream goes
        self._asked = 0  # over all streams
        self._received = 0
        self._results: list[DialResult | None] = [None] * len(targets)
        self._lag: float | None = None

    @property
    def deadline(self) -> float:
        """Seconds after which an agent that lives must have answered in full."""
        count, settings = len(self._targets), self._settings
        waves = math.ceil(count / max(1, min(settings["in_flight"], AGENT_MAX_IN_FLIGHT)))
        starting = count / settings["rate"] if settings["rate"] else 0.0
        return float(waves * settings["timeout"] + starting + _SLACK)

    @property
    def report(self) -> BatchReport | None:
        """The report, once the completion marker has come. Raises AgentLost when there will be none."""
        if self.failure is not None:
            raise self.failure
        if self._lag is None:
            return None
        results = tuple(result for result in self._results if result is not None)
        if len(results) != len(self._targets):
            raise AgentLost(f"the agent called a batch done with {len(results)} of {len(self._targets)} results")
        return BatchReport(results, self._lag)

    def next_chunk(self) -> Frame | None:
        """The next part of the batch that the agent should have now, if any."""
        if self._sent >= len(self._targets) or self._sent - self._received > _WINDOW - _CHUNK:
            return None
        first = self._sent
        part = self._targets[first : first + _CHUNK]
        self._sent += len(part)
        self._asked = max(self._asked, self._sent)
        return {**self._settings, "first": first, "targets": [target.row for target in part]}

    def rewind(self) -> None:
        """Send again, on a new stream, what may have been lost with the old one; the agent skips what it knows."""
        self._sent = next((index for index, result in enumerate(self._results) if result is None), self._sent)
        self.changed.set()

    def take(self, frame: Frame) -> None:
        """Take a ``results`` or ``done`` frame. Raises AgentLost when it does not fit."""
        if frame["op"] == "results":
            self._take_results(frame.get("results"), _lag(frame, 0.0))
        elif frame["op"] == "done":
            if frame.get("count") != len(self._targets):
                raise AgentLost(f"the agent counts {frame.get('count')} of {len(self._targets)} targets")
            self._lag = _lag(frame)
        else:
            raise AgentLost(f"a {frame['op']} frame for a batch of dials")
        self.changed.set()

    def _take_results(self, rows: Any, lag: float) -> None:
        if not isinstance(rows, list):
            raise malformed("results", TypeError("results is not a list"))
        for row in rows:
            index, result = parse_result(row)
            if not 0 <= index < self._asked or self._results[index] is not None:
                raise AgentLost(f"a result for target {index}, which was not asked for or has one already")
            self._results[index] = result
            self._received += 1
            if self._tell is not None:
                self._tell(index, result, lag)

    def fail(self, failure: AgentLost) -> None:
        """There will be no report."""
        self.failure = failure
        self.changed.set()


def _lag(frame: Frame, default: float | None = None) -> float:
    value = frame.get("lag", default)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise malformed(frame["op"], TypeError("lag is not a number"))
    return float(value)
