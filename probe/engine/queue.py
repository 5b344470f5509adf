"""What is left to run, by the shape of the fleet that it needs, and which lane had better take what next."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable
from dataclasses import dataclass, field

from probe.engine.planned import PlannedFleet


@dataclass(frozen=True, slots=True)
class Job:
    """A scenario to run. Jobs with equal shapes can use the same copy; ``is_shared``: there are others like this."""

    planned: PlannedFleet
    shape: str
    is_shared: bool


@dataclass(slots=True)
class Queue:
    """Jobs in the order of the plan, for lanes that take one after the other.

    A lane stays with its shape as long as there is anything of it, since another copy costs a deployment. Then it goes
    to the shape of which the most is left for each of the lanes that are there, if that is worth a deployment.
    """

    _waiting: dict[str, deque[Job]] = field(default_factory=dict)
    _lanes: Counter[str] = field(default_factory=Counter)

    @classmethod
    def of(cls, planned: Iterable[PlannedFleet], *, share: bool) -> Queue:
        """A queue of all these; without ``share`` each is of a shape of its own."""
        shapes = [(each, each.shape if share else str(each.index)) for each in planned]
        alike = Counter(shape for _, shape in shapes)
        queue = cls()
        for each, shape in shapes:
            queue._waiting.setdefault(shape, deque()).append(Job(each, shape, alike[shape] > 1))
        return queue

    def longest_first(self) -> None:
        """For several lanes: what takes longest begins first, lest all wait for it in the end."""
        for shape, jobs in self._waiting.items():
            self._waiting[shape] = deque(sorted(jobs, key=lambda job: job.planned.seconds, reverse=True))

    @property
    def useful_lanes(self) -> int:
        """How many lanes can be of use at once."""
        return sum(next(n for n in range(1, len(jobs) + 1) if not _is_worth(len(jobs) - n, n)) for jobs in self.shapes)

    @property
    def shapes(self) -> list[list[Job]]:
        """What waits, by shape."""
        return [list(jobs) for jobs in self._waiting.values() if jobs]

    def take(self, shape: str | None) -> Job | None:
        """The next job of a lane that has a copy of this shape (None: it has none); None: nothing is left for it."""
        if shape is not None and not self._waiting[shape]:
            self.leave(shape)
            shape = None
        if shape is None:
            shape = self._best()
            if shape is None:
                return None
            self._lanes[shape] += 1
        return self._waiting[shape].popleft()

    def give_back(self, job: Job) -> None:
        """A job that its lane could not begin; the lane has left the shape."""
        self._waiting[job.shape].appendleft(job)
        self.leave(job.shape)

    def leave(self, shape: str) -> None:
        """A lane has no copy of this shape any more, and wants none."""
        self._lanes[shape] -= 1

    def has(self, shape: str) -> bool:
        """Whether there is anything left of a shape."""
        return bool(self._waiting[shape])

    def _best(self) -> str | None:
        worth = [shape for shape, jobs in self._waiting.items() if _is_worth(len(jobs), self._lanes[shape])]
        return max(worth, key=self._left_for_one_more, default=None)

    def _left_for_one_more(self, shape: str) -> float:
        """Seconds for each of its lanes if there is one more."""
        return sum(job.planned.seconds for job in self._waiting[shape]) / (self._lanes[shape] + 1)


def _is_worth(waiting: int, lanes: int) -> bool:
    """Whether one more lane pays: a deployment takes about half as long as a scenario, and what it brings gets less
    with every lane that is there."""
    return waiting > 0 and 2 * waiting > lanes * (lanes + 1)
