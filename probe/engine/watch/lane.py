"""What was seen of one cell, in the order of its attempts."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from probe.cluster.series import SKIPPED, Run
from probe.model.cell import Cell, Expectation, Outcome


@dataclass(frozen=True, slots=True)
class Watched:
    """A cell that is watched, with its place: cell number ``index`` of its source's agent, at ``phase`` seconds."""

    cell: Cell
    expectation: Expectation
    index: int
    phase: float


@dataclass(frozen=True, slots=True)
class Stretch:
    """Attempts ``first``, ``first`` + 1... that came to the same. ``good``: None where they say nothing.

    ``late``: by how many seconds one of them may have begun after it was due; ``arrived``: the requests reached the
    responder although the prober saw no answer.
    """

    first: int
    count: int
    outcome: str
    good: bool | None
    late: float
    arrived: bool = False

    @property
    def last(self) -> int:
        """The number of the last attempt."""
        return self.first + self.count - 1

    def part(self, first: int, count: int) -> Stretch:
        """Some of its attempts."""
        return replace(self, first=first, count=count)


def speaks_for(expectation: Expectation, run: Run) -> bool | None:
    """Whether attempts show what is expected; None when they show nothing.

    Who denies may do it as it likes: while agents of a network plugin restart, a drop for a reject is not what counts.
    """
    if run.outcome == SKIPPED:
        return None
    outcome = Outcome(run.outcome)
    if expectation.denies:
        if outcome is Outcome.CONNECTED or run.established:
            return False
        return True if outcome.is_denial else None
    if outcome is Outcome.CONNECTED:
        return True
    return False if outcome.is_denial or outcome is Outcome.WRONG_RESPONDER else None


@dataclass(slots=True)
class Lane:
    """A cell over time. ``bad``: something has gone wrong at least once. ``arrived``: numbers of requests that reached
    the responder of a denied cell."""

    watched: Watched
    attempts: int = 0
    bad: bool = False
    arrived: set[int] = field(default_factory=set)
    _stretches: list[Stretch] = field(default_factory=list)

    def take(self, run: Run) -> None:
        """Take in the next attempts; runs come in order, though some may be missing."""
        good = speaks_for(self.watched.expectation, run)
        self.attempts += run.count
        self.bad = self.bad or good is False
        last = self._stretches[-1] if self._stretches else None
        same = last is not None and (last.last + 1, last.outcome, last.good) == (run.first, run.outcome, good)
        if last is not None and same:
            self._stretches[-1] = replace(last, count=last.count + run.count, late=max(last.late, run.late))
        else:
            self._stretches.append(Stretch(run.first, run.count, run.outcome, good, run.late))

    def arrive(self, number: int) -> None:
        """The responder has had a request that it should never have seen."""
        self.arrived.add(number)
        self.bad = True

    def stretches(self) -> list[Stretch]:
        """All stretches, in order; those of which some requests arrived are taken apart."""
        left = set(self.arrived)
        found: list[Stretch] = []
        for stretch in self._stretches:
            within = sorted(number for number in left if stretch.first <= number <= stretch.last)
            left.difference_update(within)
            found += _split(stretch, within) if within and stretch.good is not False else (stretch,)
        # What arrived counts even where the prober could not tell of it.
        found += (Stretch(number, 1, SKIPPED, False, 0.0, arrived=True) for number in left)
        return sorted(found, key=lambda stretch: stretch.first)


def _split(stretch: Stretch, arrived: list[int]) -> Iterator[Stretch]:
    begin = stretch.first
    for number in arrived:
        if number > begin:
            yield stretch.part(begin, number - begin)
        yield replace(stretch, first=number, count=1, good=False, arrived=True)
        begin = number + 1
    if begin <= stretch.last:
        yield stretch.part(begin, stretch.last + 1 - begin)
