"""Lanes: scenarios side by side, each lane with a copy of a fleet in namespaces of its own.

Lanes do not disturb each other. A NetworkPolicy selects pods of the namespace that it lies in, and that is one lane's.
Its peers may be wider (`namespaceSelector: {}`, `NotIn`, `DoesNotExist`, a block with all pods): then pods of other
lanes are among them, as those of everybody else in the cluster are, but no cell is ever tried between two lanes, so
that makes no difference. Endpoints outside the cluster are the same for all (see `outside`), and node ports are dealt
out by the API server. The subjects of a ClusterNetworkPolicy are narrowed down to the namespaces of one lane, too, and
its name is that lane's. What does reach beyond its namespaces runs alone, when the lanes are done.
"""

from __future__ import annotations

import asyncio
import itertools
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import PurePath
from typing import Final

from probe.cluster.preflight.demand import Fleet
from probe.engine.fleet_copy import FleetCopy, Ground
from probe.engine.known import KnownFailures
from probe.engine.lane import Lane, Yard
from probe.engine.leftovers import Leftovers
from probe.engine.naming import prefix_of
from probe.engine.options import RunOptions
from probe.engine.planned import PlannedFleet
from probe.engine.preflight import homes
from probe.engine.queue import Job, Queue
from probe.engine.stopping import Stopping
from probe.model.events import Event, Noticed, StoppedEarly

MOST_LANES: Final = 12
"""Chosen by ``auto``: by then a run mostly waits for two cores instead of for silence."""
UNKNOWN_ROOM_LANES: Final = 4
"""Where nobody can tell how many pods the nodes still have room for."""


@dataclass(frozen=True, slots=True)
class Lineup:
    """Which scenarios run side by side, in how many lanes, and which one after the other when these are done."""

    together: Queue
    apart: Queue
    lanes: int

    @property
    def left(self) -> list[str]:
        """The names of the scenarios that were not run, in the plan's order."""
        waiting = [job.planned for queue in (self.together, self.apart) for jobs in queue.shapes for job in jobs]
        return [each.scenario.name for each in sorted(waiting, key=lambda each: each.index)]

    @classmethod
    def of(
        cls,
        planned: Sequence[PlannedFleet],
        options: RunOptions,
        fleets: Sequence[Fleet],
        free_slots: Mapping[str, int] | None,
    ) -> Lineup:
        """``fleets`` are the planned ones' pods, ``free_slots`` what is left of each node's (None: unknown).

        Fleets that are kept for somebody to look at are not shared: each stays as its last step left it.
        """
        alone = [each for each in planned if options.exact_namespaces or each.scenario.runs_alone]
        free = [each for each in planned if not (options.exact_namespaces or each.scenario.runs_alone)]
        together, apart = (Queue.of(each, share=not options.keep) for each in (free, alone))
        wanted = MOST_LANES if options.lanes is None else options.lanes
        lanes = max(1, min(wanted, together.useful_lanes))
        if options.lanes is None:
            lanes = min(lanes, room_for(fleets, free_slots))
        if lanes > 1:  # one lane keeps the plan's order, which somebody may have chosen
            together.longest_first()
        return cls(together, apart, lanes)


def room_for(fleets: Sequence[Fleet], free_slots: Mapping[str, int] | None) -> int:
    """How many copies of the largest fleets have room at the same time, at least one.

    Where it is several one is spared, since pods that are about to end have their slots still.
    """
    if free_slots is None:
        return UNKNOWN_ROOM_LANES
    most: Counter[str] = Counter()
    for fleet in fleets:
        most |= Counter(homes(fleet))
    copies = min((free_slots[name] // count for name, count in most.items() if name in free_slots), default=1)
    return max(1, copies - 1)


@dataclass(slots=True)
class Lanes:
    """Runs a lineup. ``runs``: how many scenarios there are in all; ``served``: kinds of cluster-scoped policies."""

    ground: Ground
    lineup: Lineup
    runs: int
    served: frozenset[str]
    leftovers: Leftovers
    emit: Callable[[Event], None]
    known: KnownFailures
    stopping: Stopping
    _numbers: itertools.count[int] = field(default_factory=lambda: itertools.count(1))
    _alive: int = 0

    async def run(self) -> None:
        """Run everything. Cancellation ends all lanes; what they made is left for ``leftovers``."""
        yard = self._yard(alone=False)
        try:
            async with asyncio.TaskGroup() as group:
                for number in range(self.lineup.lanes):
                    self._alive += 1
                    group.create_task(self._run(Lane(yard, self.lineup.together, self._is_last)), name=f"lane {number}")
        except BaseExceptionGroup as errors:
            raise _first(errors) from None
        await Lane(yard, self.lineup.together).run()  # what a lane without room has left behind
        await Lane(self._yard(alone=True), self.lineup.apart).run()
        if left := self.lineup.left:
            self.emit(StoppedEarly(tuple(left)))
        self._tell_load()

    def _tell_load(self) -> None:
        load = self.ground.load
        if load.least < load.lanes:
            self.emit(
                Noticed(
                    f"agents were late by up to {load.worst_lag:.2f} s for want of CPU, so at times only {load.least} "
                    f"of {load.lanes} scenarios ran side by side"
                )
            )

    async def _run(self, lane: Lane) -> None:
        try:
            await lane.run()
        finally:
            self._alive -= 1

    def _is_last(self) -> bool:
        return self._alive <= 1

    def _yard(self, *, alone: bool) -> Yard:
        async def remove(copy: FleetCopy) -> None:
            await self.leftovers.remove_copy(copy.made, copy.prefix, alone=alone)

        ground = self.ground
        return Yard(ground.options, self.emit, self._make, remove, self.served, ground.load, self.known, self.stopping)

    def _make(self, job: Job) -> FleetCopy:
        number, scenario = next(self._numbers), job.planned.scenario
        prefix = prefix_of(number, self.runs, self.ground.options)
        name = scenario.name
        if job.is_shared or (scenario.cluster_scoped and self.runs > 1):  # no two subjects may have a label in common
            name = f"{number}.{PurePath(scenario.fleet_file).stem if scenario.fleet_file else name}"
        copy = FleetCopy(self.ground, job.planned, prefix, name, job.is_shared)
        self.leftovers.made += copy.names_for(scenario).values()
        return copy


def _first(errors: BaseExceptionGroup[BaseException]) -> BaseException:
    """The first error itself: lanes are nobody's business but ours."""
    error = errors.exceptions[0]
    return _first(error) if isinstance(error, BaseExceptionGroup) else error
