"""One step's measurement: converge, then hold, then ask the responders.

Right after the change every cell is tried with a short timeout, and the ones that do not match yet again and again
until they do, at an interval that is shorter than the timeout; then all are confirmed with the full timeout. A cell
that matched and then does not has flapped: it converges again, and everything is confirmed again. Time and flaps stay
in the record: a retry never hides a gap.

Cells that a step leaves open while it closes others have nothing to converge to. They are tried when the others have
settled: an attempt before that, while policies may be half in force, could confirm none of them, and is left out.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field, replace
from statistics import median

from probe.engine.agent import Sample
from probe.engine.agents import Agents
from probe.engine.changes import Changes
from probe.engine.controls import Controls
from probe.engine.evidence import Findings, Judged, Scribe
from probe.engine.limits import Limits
from probe.engine.liveness import check_responders
from probe.engine.routes import NOT_OURS
from probe.engine.sampling import Sampling, Volleys, Waiting
from probe.engine.starvation import starved
from probe.engine.track import Track
from probe.model.cell import Cell, Expectation
from probe.model.events import Event, Noticed, RoundDone, SeenAttempt
from probe.model.plan import PlannedStep
from probe.model.record import SamplingRecord
from probe.model.scenario import Timeouts

_SLOWER = 4
_SLOW_RETRIES = 2


@dataclass(slots=True)
class StepMeasurement:
    """Measures the cells of one step. ``origin``: unix time at which the change was acknowledged, in seconds.

    ``lag``: how late the event loop of any prober was at worst while cells converged, and ``clock_error`` by how much
    the times that they tell may be off, in seconds. ``slowed``: so many cells were confirmed again more slowly. ``lap``
    is told of each phase when it is over. ``held``: cells that are confirmed without having been tried before.
    """

    planned: PlannedStep
    origin: float
    agents: Agents
    controls: Controls
    timeouts: Timeouts
    emit: Callable[[Event], None]
    changes: Changes
    held: Collection[Cell] = ()
    tracks: list[Track] = field(init=False)
    confirm_seconds: float = 0.0
    confirmed_at: float = 0.0
    lag: float = 0.0
    clock_error: float = 0.0
    slowed: int = 0
    lap: Callable[[str], None] = lambda phase: None
    findings: Findings | None = None

    def __post_init__(self) -> None:
        self.tracks = [Track(planned, self.origin, held=planned.cell in self.held) for planned in self.planned.cells]

    @property
    def converge_seconds(self) -> float | None:
        """Seconds from the acknowledged change until all cells that can be tried had matched; None if one never did.

        Those that were as expected all the time have no part in it.
        """
        matched = [track.matched_after for track in self.tracks if not (track.unsupported or track.unmoved)]
        if any(after is None for after in matched):
            return None
        return round(max((after for after in matched if after is not None), default=0.0), 4)

    async def run(self) -> None:
        """Converge, confirm, gather findings. Judge with ``records`` afterwards."""
        self.clock_error = self.agents.clock_error({planned.cell.source for planned in self.planned.cells})
        async with Volleys() as volleys:
            deadline = await self._converge(volleys, [track for track in self.tracks if not track.held])
            self.lap("converge")
            began = time.monotonic()  # a wall clock may be set while we wait
            await self._confirm()
            deadline += time.monotonic() - began
            while (lost := [track for track in self.tracks if track.lost]) and time.monotonic() < deadline:
                await self._converge(volleys, lost, deadline)
                self.lap("converge")
                await self._confirm()
            self.findings = await self._findings()

    def records(self, scribe: Scribe) -> Iterator[Judged]:
        """Judge the cells, in plan order, before the next step; inconclusive if this one was cut short."""
        limits, changes, perhaps = Limits.of(self.timeouts, self.clock_error), self.changes, 0
        for track in self.tracks:
            pair, denied = self.controls.pair(track.planned.cell), track.planned.expectation is not Expectation.ALLOW
            control = self.controls.vouched(pair, self.confirmed_at, for_denial=denied)
            stays_denied = limits.grace is not None and changes.stays_denied(track.planned)
            lateness = limits.look(track, stays_denied=stays_denied)
            perhaps += lateness.perhaps
            yield scribe.judge(track, control, self.findings, changes.of(track.planned), lateness.late)
        if perhaps:
            self.emit(Noticed(f'step "{self.planned.step.name}": {_perhaps(perhaps)}'))

    @property
    def sampling(self) -> SamplingRecord:
        """How exact the times are."""
        intervals = sorted(each for track in self.tracks for each in track.intervals)
        return SamplingRecord(
            interval=round(median(intervals), 4) if intervals else None,
            longest=round(intervals[-1], 4) if intervals else None,
            clock_error=round(self.clock_error, 6),
            lag=round(self.lag, 6),
        )

    async def _converge(self, volleys: Volleys, tracks: Sequence[Track], deadline: float | None = None) -> float:
        """Try until all match or the deadline (monotonic) has passed, which is returned.

        Without one the time to settle begins when every cell has been tried once: how long that takes is our own pace
        in a large fleet, and none of the cluster's doing. The same goes for the first confirmation.
        """
        sampling = Sampling(self.agents.pace, self.timeouts.attempt)
        waiting = Waiting(tracks)
        while waiting.tracks:
            due = [] if volleys.overdue() else [track for track in waiting.tracks.values() if track.due]
            pause = sampling.pause(due)
            if due:
                volleys.launch(self._attempt(due, waiting), sampling.home(due))
            await waiting.change(pause)
            if deadline is None and not waiting.untried:
                deadline = time.monotonic() + self._patience
            if deadline is not None and time.monotonic() > deadline:
                await volleys.home()
                break
        return time.monotonic() + self._patience if deadline is None else deadline

    @property
    def _patience(self) -> float:
        """Seconds that cells have to match: at least what the run tolerates."""
        return max(self.timeouts.converge, self.timeouts.enforcement or 0.0)

    async def _attempt(self, tracks: Sequence[Track], waiting: Waiting) -> None:
        """Try cells once more, whatever else is under way, and take in what comes of each as soon as it is known."""
        timeout, news = self.timeouts.attempt, list[SeenAttempt]()
        by_cell = {track.planned.cell: track for track in tracks}
        for track in tracks:
            track.under_way += 1
        left = len(by_cell)

        def take(cell: Cell, sample: Sample) -> None:
            nonlocal left
            left -= 1
            track = by_cell[cell]
            track.under_way -= 1
            self._see(track, sample, "converge", timeout, news)
            waiting.see(track)
            if left:  # else this volley ends at once, and is told of before what comes after it begins
                waiting.settle()

        samples = await self.agents.probe(list(by_cell), timeout, take)
        self.controls.see(samples)
        for cell, sample in samples.items():
            by_cell[cell].learn(sample, timeout)
            self.lag = max(self.lag, sample.lag)
        self.emit(RoundDone(self.planned.step.name, "converge", len(tracks), len(waiting.tracks), tuple(news)))
        waiting.settle()

    async def _confirm(self) -> None:
        started = time.monotonic()
        await self.agents.mark(track.planned.cell.destination for track in self.tracks)
        await self._round(self.tracks)
        for retry in range(1, _SLOW_RETRIES + 1):
            doubtful = [track for track in self.tracks if self._is_starved(track)]
            if not doubtful:
                break
            self.slowed = max(self.slowed, len(doubtful))
            await self._round(doubtful, slower=_SLOWER**retry)
        self.confirmed_at = time.monotonic()
        self.confirm_seconds = round(self.confirmed_at - started, 4)
        self.lap("confirm")

    async def _round(self, tracks: Sequence[Track], slower: int = 1) -> None:
        """Confirm cells, and wait for them all."""
        agents, timeout, news = self.agents, self.timeouts.confirm, list[SeenAttempt]()
        if slower > 1:
            pace = agents.pace
            agents = replace(
                agents, pace=replace(pace, rate=pace.rate / slower, in_flight=max(8, pace.in_flight // slower))
            )
        samples = await agents.probe([track.planned.cell for track in tracks], timeout)
        self.controls.see(samples)
        for track in tracks:
            self._see(track, samples[track.planned.cell], "confirm", timeout, news)
        pending = sum(track.pending for track in self.tracks)
        self.emit(RoundDone(self.planned.step.name, "confirm", len(tracks), pending, tuple(news)))

    @staticmethod
    def _see(track: Track, sample: Sample, phase: str, timeout: float, news: list[SeenAttempt]) -> None:
        if (attempt := track.see(sample, phase, timeout)) is not None:
            news.append(SeenAttempt(track.planned.cell, track.planned.expectation, attempt))

    def _is_starved(self, track: Track) -> bool:
        timeout = self.timeouts.confirm
        return track.last is not None and bool(starved(track.last, track.planned.expectation, timeout))

    async def _findings(self) -> Findings:
        """Ask about every cell that saw no answer: was its responder alive, and did the request arrive?"""
        silent = [
            (track.planned.cell, track.confirmed)
            for track in self.tracks
            if track.confirmed is not None and _needs_proof(track.confirmed)
        ]
        liveness = await check_responders(self.agents, [cell for cell, _ in silent], self.timeouts.confirm)
        wanted: dict[str, list[str]] = {}
        for cell, sample in silent:
            if cell.path not in NOT_OURS:
                wanted.setdefault(cell.destination, []).append(sample.nonce)
        arrived = await self.agents.receipts(wanted)
        troubles = {
            cell: liveness.trouble(cell) or self._lost(cell) or self._never_led(cell, sample) for cell, sample in silent
        }
        return Findings(arrived, troubles)

    def _lost(self, cell: Cell) -> str:
        """A responder that was lost while it was asked for receipts, or has forgotten some, proves nothing either."""
        agent = self.agents.by_pod.get(cell.destination)
        if agent is None:
            return ""
        if agent.lost:
            return f"the responder {cell.destination} was lost: {agent.lost}"
        forgot = f"the responder {cell.destination} has had too many requests since to know whether this one arrived"
        return forgot if agent.forgot else ""

    def _never_led(self, cell: Cell, sample: Sample) -> str:
        """A service that nobody has come through yet may be unknown to the node: a later control cannot tell."""
        if not cell.via or self.controls.led(cell, sample):
            return ""
        return (
            f"nobody on the node of {cell.source} had come through the service of {cell.destination} to its present "
            "container yet"
        )


def _perhaps(cells: int) -> str:
    who = "1 cell was" if cells == 1 else f"{cells} cells were"
    return f"{who} first seen as expected after the limit; whether enforced before it, the attempts cannot tell"


def _needs_proof(sample: Sample) -> bool:
    return sample.outcome.is_denial
