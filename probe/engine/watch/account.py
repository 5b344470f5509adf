"""The account of a watch: every cell's leaks and outages on one clock, and how the agents were meanwhile."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from probe.engine.agents import Agents
from probe.engine.watch.collector import Collector
from probe.engine.watch.crew import Crew
from probe.engine.watch.judge import judge_cell
from probe.engine.watch.lane import Lane
from probe.engine.watch.options import ATTEMPT_SECONDS
from probe.engine.watch.spans import Frame, Sleep, read
from probe.model.watch import Budget, StallRecord, WatchedAgent, WatchedCell


@dataclass(frozen=True, slots=True)
class Account:
    """Reads what a crew has collected. ``began`` and ``end`` of the watch are unix times on our clock."""

    crew: Crew
    agents: Agents
    began: float
    end: float
    budget: Budget

    def watched_agents(self) -> list[WatchedAgent]:
        """How each agent was."""
        return [
            WatchedAgent(
                pod=pod,
                node=self._node(pod) or "",
                error=round(collector.clock.instant(self._series_end(collector))[1], 4) if collector.began else 0.0,
                streams=collector.streams,
                lost_entries=collector.missing,
                lost=collector.lost,
                stalls=[
                    StallRecord(round(each.begin, 3), round(each.end - each.begin, 3))
                    for each in self._sleeps(collector)
                ],
            )
            for pod, collector in self.crew.collectors.items()
        ]

    def cells(self) -> list[WatchedCell]:
        """Every cell, judged."""
        sleeps = {pod: self.sleeps(pod) for pod in self.crew.collectors}
        return [
            self._cell(lane, collector, sleeps)
            for pod, collector in self.crew.collectors.items()
            for lane in self.crew.lanes[pod]
        ]

    def sleeps(self, pod: str) -> tuple[Sleep, ...]:
        """When the agent of a pod did not run."""
        collector = self.crew.collectors.get(pod)
        return tuple(self._sleeps(collector)) if collector is not None else ()

    def troubles(self) -> Iterator[str]:
        """What keeps the watch from proving anything, beside single cells."""
        for pod, collector in self.crew.collectors.items():
            if collector.lost:
                yield f"the agent of {pod} was lost: {collector.lost}"
            if collector.missing:
                yield f"{collector.missing} entries of the agent of {pod} were lost: nobody collected them in time"

    def _cell(self, lane: Lane, collector: Collector, sleeps: dict[str, tuple[Sleep, ...]]) -> WatchedCell:
        cell = lane.watched.cell
        destination = self.crew.collectors.get(cell.destination)
        lost = collector.lost or (destination.lost if destination else "")
        frame = Frame(
            interval=self.crew.pace.interval,
            timeout=ATTEMPT_SECONDS,
            end=self._series_end(collector),
            instant=lambda time: self._instant(collector, time),
            sleeps=sleeps.get(cell.destination, ()),
        )
        seen = read(lane, frame)
        ruling = judge_cell(lane.watched.expectation, seen.spans, seen.longest_gap, lost, self.budget)
        return WatchedCell.of(
            cell,
            lane.watched.expectation,
            ruling.verdict,
            reason="; ".join(ruling.reasons),
            attempts=seen.attempts,
            unknown=seen.unknown,
            longest_gap=seen.longest_gap,
            spans=list(seen.spans),
            source_node=self._node(cell.source),
            destination_node=self._node(cell.destination),
        )

    def _instant(self, collector: Collector, time: float) -> tuple[float, float]:
        """A time of a series as seconds since the watch began, and the error."""
        if collector.began is None:
            return 0.0, 0.0
        instant, error = collector.clock.instant(time)
        return instant - self.began, error

    def _series_end(self, collector: Collector) -> float:
        """The end of the watch on the clock of a series."""
        if collector.began is None:
            return self.end - self.began
        return self.end - collector.clock.instant(0.0)[0]

    def _sleeps(self, collector: Collector) -> Iterator[Sleep]:
        for stall in collector.stalls:
            begin, _ = self._instant(collector, stall.at)
            yield Sleep(begin, begin + stall.seconds)

    def _node(self, pod: str) -> str | None:
        agent = self.agents.by_pod.get(pod)
        return agent.running.node if agent else None
