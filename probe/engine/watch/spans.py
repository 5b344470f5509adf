"""From what was seen of a cell to its leaks, its outages, and the time of which nothing is known.

An attempt that failed while its responder had no CPU says nothing (the prober's own sleep is taken out of its timeouts
by the agent itself). What says nothing neither ends a leak or an outage nor is one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from probe.engine.watch.lane import Lane, Stretch
from probe.model.cell import Outcome
from probe.model.watch import SpanKind, SpanRecord

STARVED_SHARE = 0.25
"""Of an attempt's timeout: who slept for longer in it may have been too slow to answer (as in ``starvation``)."""

Instant = Callable[[float], tuple[float, float]]
"""From a time of the prober's series to the watch's clock, and the error."""


@dataclass(frozen=True, slots=True)
class Sleep:
    """When an agent did not run, in seconds of the watch's clock."""

    begin: float
    end: float


@dataclass(frozen=True, slots=True)
class Frame:
    """The times that a lane is read with. ``end``: of the watch, on the series' clock. ``sleeps``: of the responder."""

    interval: float
    timeout: float
    end: float
    instant: Instant
    sleeps: Sequence[Sleep] = ()

    def starved(self, due: float) -> bool:
        """Whether the responder slept too long during the attempt that was due then (on the series' clock)."""
        if not self.sleeps:
            return False
        begin, _ = self.instant(due)
        end = begin + self.timeout
        slept = sum(max(0.0, min(end, each.end) - max(begin, each.begin)) for each in self.sleeps)
        return slept > STARVED_SHARE * self.timeout


@dataclass(frozen=True, slots=True)
class Seen:
    """What a lane comes to. ``attempts`` were due, ``unknown`` of them say nothing; ``longest_gap`` in seconds."""

    spans: tuple[SpanRecord, ...]
    attempts: int
    unknown: int
    longest_gap: float


@dataclass(slots=True)
class _Span:
    """A leak or an outage that is being read. ``before``: the last good attempt, if there was one."""

    before: int | None
    first: Stretch
    last: int = 0
    count: int = 0
    late: float = 0.0
    arrived: int = 0
    outcomes: Counter[str] = field(default_factory=Counter)

    def add(self, stretch: Stretch) -> None:
        self.last = stretch.last
        self.count += stretch.count
        self.late = max(self.late, stretch.late)
        self.arrived += stretch.count * stretch.arrived
        self.outcomes[stretch.outcome] += stretch.count


def read(lane: Lane, frame: Frame) -> Seen:
    """Read a lane to its end."""
    phase = lane.watched.phase
    due = max(0, int((frame.end - phase) / frame.interval) + 1) if frame.end >= phase else 0
    spans: list[SpanRecord] = []
    open_span: _Span | None = None
    good: int | None = None
    known, said = -1, 0
    gap = 0
    for stretch in _judged(lane, frame):
        if stretch.good is None:
            continue
        gap = max(gap, stretch.first - known)
        known = stretch.last
        said += stretch.count
        if stretch.good:
            if open_span is not None:
                spans.append(_record(open_span, stretch.first, lane, frame))
                open_span = None
            good = stretch.last
        else:
            open_span = open_span or _Span(good, stretch)
            open_span.add(stretch)
    if open_span is not None:
        spans.append(_record(open_span, None, lane, frame))
    gap = max(gap, due - known)
    return Seen(tuple(spans), max(due, said), max(0, due - said), round(gap * frame.interval, 3))


def _judged(lane: Lane, frame: Frame) -> Iterator[Stretch]:
    """The stretches, of which those attempts say nothing that an outage of the responder explains."""
    denies = lane.watched.expectation.denies
    for stretch in lane.stretches():
        if denies or stretch.good is not False or stretch.outcome != Outcome.TIMED_OUT or not frame.sleeps:
            yield stretch
            continue
        for number in range(stretch.first, stretch.last + 1):
            one = stretch.part(number, 1)
            starved = frame.starved(lane.watched.phase + number * frame.interval)
            yield Stretch(number, 1, stretch.outcome, None, stretch.late) if starved else one


def _record(span: _Span, after: int | None, lane: Lane, frame: Frame) -> SpanRecord:
    """The span, of which the attempt numbered ``after`` was the first good one again (None: it had not ended)."""

    def at(number: int) -> float:
        return lane.watched.phase + number * frame.interval

    first, error = frame.instant(at(span.first.first))
    last, error_at_last = frame.instant(at(span.last))
    begin = frame.instant(at(span.before))[0] if span.before is not None else max(0.0, frame.instant(0.0)[0])
    end = frame.instant(at(after) if after is not None else max(frame.end, at(span.last)))[0]
    least, most = last - first, end - begin
    return SpanRecord(
        kind=SpanKind.LEAK if lane.watched.expectation.denies else SpanKind.OUTAGE,
        first=round(first, 3),
        last=round(last, 3),
        count=span.count,
        seconds=round((least + most) / 2, 3),
        least=round(least, 3),
        most=round(most, 3),
        error=round(max(error, error_at_last) + span.late, 4),
        outcomes=dict(span.outcomes),
        arrived=span.arrived,
        ongoing=after is None,
    )
