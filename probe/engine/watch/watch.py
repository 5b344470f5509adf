"""Watches an established step: agents probe on their own while a command runs, and what was seen is judged in the end.

Whatever ends it, also a signal: what was seen until then is collected, judged and told.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from probe.cluster.api import Api
from probe.cluster.clock import now
from probe.engine.agents import Agents
from probe.engine.watch.account import Account
from probe.engine.watch.command import Command
from probe.engine.watch.connections import Connections, choose_held
from probe.engine.watch.crew import Crew, choose
from probe.engine.watch.follower import Follower
from probe.engine.watch.judge import judge_watch
from probe.engine.watch.options import ATTEMPT_SECONDS, WatchOptions
from probe.engine.watch.pace import Load, WatchPace
from probe.model.events import CommandSaid, Event, Noticed, WatchDone, WatchNews, WatchStarted
from probe.model.record import StepRecord
from probe.model.watch import ClusterEvent, CommandRecord, WatchedConnection, WatchRecord

LEAD_SECONDS = 2.0
"""How long is watched before the command begins, so that there is a before."""
_COLLECT_SECONDS = 120.0
_HURRIED_SECONDS = 5.0
_NEWS_SECONDS = 1.0
_MOST_EVENTS = 2000


@dataclass(slots=True)
class Watch:
    """One watch. ``environment`` is the command's."""

    options: WatchOptions
    api: Api
    emit: Callable[[Event], None]
    environment: Mapping[str, str]
    _began: float = 0.0
    _events: list[ClusterEvent] = field(default_factory=list)
    _events_left_out: int = 0

    async def hold(self, step: StepRecord, agents: Agents) -> None:
        """Watch the cells of a step that was just confirmed. Raises UsageError when that is too much for agents."""
        choice = choose(step.cells, agents)
        held = choose_held(choice.cells, self.options.connections)
        most = max(Counter(cell.source for cell, _, _ in choice.cells).values(), default=0)
        pace = self._pace(len(choice.cells), most, len(held.cells))
        crew = Crew.of(choice, agents, pace)
        connections = Connections.of(held.cells, crew.collectors, pace.heartbeat)
        self._announce(step, len(choice.cells), len(held.cells), pace)
        self._began = now()
        follower = Follower(self.api, self._see)
        command = self._command()
        interrupted = False
        try:
            await crew.start()
            # what the command does may be done once only: not for a watch that proves nothing
            if crew.is_complete and not held.missing:
                await connections.hold()
                await self._hold(command, follower, crew, connections)
        except asyncio.CancelledError:
            interrupted = True
            raise
        finally:
            end = now()
            patience = _HURRIED_SECONDS if interrupted else _COLLECT_SECONDS
            await connections.finish(patience)
            await crew.finish(patience)
            said = command.record() if command is not None and command.has_begun else None
            account = Account(crew, agents, self._began, end, self.options.how.budget)
            kept = [*connections.records(self._began, account.sleeps)]
            record = self._record(step, pace, account, kept, said, held.missing)
            record.left_out = choice.left_out
            record.unseen = follower.unseen
            record.interrupted = interrupted
            self.emit(WatchDone(record))

    def _pace(self, cells: int, most: int, held: int) -> WatchPace:
        how = self.options.how
        return WatchPace.of(Load(cells, most, how.rate), Load(held, 0, 1 / how.heartbeat), how.max_load)

    def _announce(self, step: StepRecord, cells: int, held: int, pace: WatchPace) -> None:
        how = self.options.how
        self.emit(WatchStarted(step.name, cells, pace.interval, pace.load, self.options.until))
        if pace.interval > 1 / how.rate:
            rate = f"{1 / pace.interval:.2g} times a second instead of {how.rate:g}"
            self.emit(
                Noticed(f"each of {cells} cells is tried {rate}, which is {pace.load:.0f} times in all (--max-load)")
            )
        if held:
            beats = f"each with a heartbeat every {pace.heartbeat:.2g} s, which is {held / pace.heartbeat:.0f} a second"
            self.emit(Noticed(f"{held} connections are held, {beats} in all"))

    def _command(self) -> Command | None:
        text = self.options.command
        if text is None:
            return None
        return Command(text, self.environment, self._time, lambda line: self.emit(CommandSaid(line)))

    def _time(self) -> float:
        """Seconds since the watch began."""
        return now() - self._began

    async def _hold(self, command: Command | None, follower: Follower, crew: Crew, held: Connections) -> None:
        beside = [asyncio.create_task(each) for each in (follower.run(), held.follow(), self._tell(crew))]
        try:
            if command is None:
                await asyncio.sleep(self.options.seconds or 0.0)
            else:
                await asyncio.sleep(LEAD_SECONDS)
                await command.run()
                await asyncio.sleep(self.options.how.settle)
        finally:
            for task in beside:
                task.cancel()
            await asyncio.wait(beside)

    async def _tell(self, crew: Crew) -> None:
        """Say now and then how it goes."""
        lanes = crew.all_lanes
        while True:
            await asyncio.sleep(_NEWS_SECONDS)
            bad = [lane.watched.expectation.denies for lane in lanes if lane.bad]
            away = sum(each.away for each in crew.collectors.values())
            attempts = sum(lane.attempts for lane in lanes)
            self.emit(WatchNews(round(self._time(), 1), attempts, sum(bad), len(bad) - sum(bad), away))

    def _see(self, kind: str, name: str, what: str) -> None:
        """Something changed in the cluster."""
        if len(self._events) < _MOST_EVENTS:
            self._events.append(ClusterEvent(round(self._time(), 3), kind, name, what))
        else:
            self._events_left_out += 1

    def _record(
        self,
        step: StepRecord,
        pace: WatchPace,
        account: Account,
        connections: list[WatchedConnection],
        command: CommandRecord | None,
        missing: Sequence[str],
    ) -> WatchRecord:
        cells, watched, troubles = account.cells(), account.watched_agents(), [*account.troubles(), *missing]
        if command is not None and command.exit_code:
            troubles.append(f"the command failed with exit code {command.exit_code}")
        ruling = judge_watch(cells, troubles, self.options.how.budget, connections)
        return WatchRecord(
            step=step.name,
            started=datetime.fromtimestamp(account.began, UTC).isoformat(timespec="milliseconds"),
            seconds=round(account.end - account.began, 3),
            interval=pace.interval,
            heartbeat=pace.heartbeat if connections else None,
            timeout=ATTEMPT_SECONDS,
            load=round(pace.load, 1),
            budget=self.options.how.budget,
            verdict=ruling.verdict,
            reasons=list(ruling.reasons),
            cells=cells,
            connections=connections,
            agents=watched,
            events=self._events,
            events_left_out=self._events_left_out,
            command=command,
            error=max((each.error for each in watched), default=0.0),
        )
