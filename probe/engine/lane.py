"""One lane: takes scenarios from the queue and runs one after the other, on the same copy as long as it is clean."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field

from probe.engine.closing import Closing
from probe.engine.fleet_copy import FleetCopy, first_pods
from probe.engine.known import KnownFailures
from probe.engine.load import Load
from probe.engine.options import RunOptions
from probe.engine.planned import PlannedFleet
from probe.engine.queue import Job, Queue
from probe.engine.scenario_run import NotClean, ScenarioRun
from probe.engine.stage import Stage
from probe.engine.stopping import Stopping
from probe.engine.stopwatch import Stopwatch
from probe.engine.unserved import missing_kinds, tell_untried, untried_steps
from probe.model.errors import ClusterError, CniProbeError
from probe.model.events import Event, Noticed, ProblemSeen, ScenarioDone, ScenarioStarted, of_scenario


@dataclass(frozen=True, slots=True)
class Yard:
    """What lanes have in common. ``make`` prepares a copy for a job (nothing is deployed yet), ``remove`` deletes one.

    ``served``: the kinds of cluster-scoped policies that the cluster has.
    """

    options: RunOptions
    emit: Callable[[Event], None]
    make: Callable[[Job], FleetCopy]
    remove: Callable[[FleetCopy], Awaitable[None]]
    served: frozenset[str]
    load: Load
    known: KnownFailures
    stopping: Stopping

    def teller(self, planned: PlannedFleet) -> Callable[[Event], None]:
        """An ``emit`` for one run of a scenario."""
        emit = self.stopping.watching(lambda event: self.emit(of_scenario(event, planned.index)))
        return self.known.watching(planned.scenario.name, planned.repeat, emit)


@dataclass(frozen=True, slots=True)
class Turn:
    """A scenario that is a lane's turn. ``tell`` emits its events; ``missing`` kinds are not served by the cluster."""

    job: Job
    tell: Callable[[Event], None]
    missing: frozenset[str]
    stopwatch: Stopwatch = field(default_factory=Stopwatch)

    def begin(self, copy: FleetCopy) -> None:
        """It runs on this copy; if it was to run on another, that is forgotten."""
        planned, scenario = self.job.planned, self.job.planned.scenario
        self.tell(
            ScenarioStarted(
                scenario.name,
                scenario.file,
                scenario.description,
                dict(scenario.labels),
                copy.names_for(scenario),
                len(first_pods(scenario)),
                len(scenario.steps),
                planned.repeat,
                dict(scenario.sources),
            )
        )

    async def run(self, copy: FleetCopy, options: RunOptions, began: float) -> Closing:
        """See ``ScenarioRun.run``."""
        scenario = self.job.planned.scenario
        return await ScenarioRun(Stage(scenario, copy, options, self.tell, self.stopwatch, self.missing)).run(began)

    def end(self, completed: bool) -> None:
        """It is over."""
        self.tell(ScenarioDone(self.job.planned.scenario.name, completed, times=self.stopwatch.record()))


class NoRoom(Exception):
    """A copy could not be deployed, and other lanes may have theirs."""


@dataclass(slots=True)
class Lane:
    """``is_last``: says whether no other lane is left."""

    yard: Yard
    queue: Queue
    is_last: Callable[[], bool] = lambda: True
    _copy: FleetCopy | None = None
    _shape: str | None = field(default=None)

    async def run(self) -> None:
        """Until nothing is left to do. Errors of the cluster are told as the scenarios' problems."""
        try:
            going = True
            while going:
                async with self.yard.load.lane():
                    going = await self._next()
                if self._copy is not None and (self._copy.doubt or not self._is_wanted):
                    await self._retire()
        finally:
            await self._retire()

    @property
    def _is_wanted(self) -> bool:
        """Whether there is anything left for the lane's copy."""
        return self._shape is not None and self.queue.has(self._shape)

    async def _next(self) -> bool:
        """Run the next scenario; False when there is none for this lane."""
        job = None if self.yard.stopping.is_due else self.queue.take(self._shape)
        if job is None:
            return False
        if job.shape != self._shape:  # others have taken what the copy was for
            await self._retire()
            self._shape = job.shape
        try:
            await self._do(job)
        except NoRoom as error:
            self.queue.give_back(job)
            self.yard.emit(Noticed(f"one lane less than planned: {error}"))
            return False
        return True

    async def _do(self, job: Job) -> None:
        planned, scenario = job.planned, job.planned.scenario
        turn = Turn(job, self.yard.teller(planned), missing_kinds(scenario, self.yard.served))
        reasons, completed = untried_steps(scenario, turn.missing), False
        try:
            if all(reasons):
                families = {family for node in planned.nodes for family in node.addresses}
                turn.begin(self._copy or self.yard.make(job))
                tell_untried(scenario, reasons, families, turn.tell)
            else:
                await self._measure(turn)
            completed = True
        except NoRoom:
            raise
        except CniProbeError as error:
            turn.tell(ProblemSeen(str(error)))
            self._doubt(str(error))
        except BaseException:
            turn.end(completed)
            raise
        turn.end(completed)

    async def _measure(self, turn: Turn) -> None:
        """Run the scenario on the lane's copy, or on a new one if that is not as clean as it seemed."""
        began = time.monotonic()
        copy = await self._ready(turn)
        try:
            closing = await turn.run(copy, self.yard.options, began)
        except NotClean as error:
            before = copy.last
            await self._retire()
            copy = await self._ready(turn)
            closing = await turn.run(copy, self.yard.options, began)
            if before is not None and copy.controls.has_any(error.silent):  # so it was not the network as such
                self.yard.emit(of_scenario(ProblemSeen(f"after this scenario {error}"), before.index))
        copy.last, copy.lifted_at = turn.job.planned, closing.lifted_at
        if closing.silent:
            self._doubt(f"{closing.silent[0]} stayed silent when the policies were lifted")

    async def _ready(self, turn: Turn) -> FleetCopy:
        """The lane's copy, restored for the scenario, or a new one. Raises NoRoom, ClusterError."""
        if self._copy is not None:
            turn.begin(self._copy)
            try:
                await self._copy.restore(turn.job.planned.scenario)
                return self._copy
            except ClusterError:  # whatever it was, the next one has nothing of it
                await self._retire()
        self._copy = copy = self.yard.make(turn.job)
        turn.begin(copy)
        try:
            await copy.deploy()
        except ClusterError as error:
            if self.is_last():
                raise
            raise NoRoom(str(error)) from error
        return copy

    def _doubt(self, why: str) -> None:
        if self._copy is not None:
            self._copy.doubt = self._copy.doubt or why

    async def _retire(self) -> None:
        copy, self._copy = self._copy, None
        if copy is not None:
            await copy.close()
            with suppress(ClusterError):  # the end of the run removes everything, and says what it could not
                await self.yard.remove(copy)
