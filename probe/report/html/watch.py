"""A watch as the page shows it: lanes over time, with what happened to the cluster and what the command did below them.

Ready-made numbers and words for the template, so that this part of the page needs no script.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from probe.model.cell import Verdict
from probe.model.record import RunRecord
from probe.model.watch import SpanKind, SpanRecord, WatchedCell, WatchRecord
from probe.report.text import duration, one_line, safe
from probe.report.watch.log import log
from probe.report.watch.summary import HEAD, by_node, by_pair
from probe.report.watch.timeline import Axis
from probe.report.watch.words import (
    SLEPT,
    affected,
    answer,
    budget_words,
    caveats,
    instant,
    load_words,
    name_of,
    span_words,
)
from probe.report.words import scenario_name

WIDTH = 720
"""Pixels of a lane."""
_LEAST = 4.0
"""Pixels of a mark, however short what it stands for was."""
_BETWEEN_TICKS = 70
MAX_LANES = 60
MAX_LOG = 400
_LETTERS = {SpanKind.LEAK: "L", SpanKind.OUTAGE: "x"}
_TONES = {Verdict.PASS: "good", Verdict.INCONCLUSIVE: "doubt"}


@dataclass(frozen=True, slots=True)
class Mark:
    """A stretch of a lane. ``letter`` where there is room for it; ``title`` says it in words."""

    x: float
    width: float
    kind: str
    letter: str
    title: str


@dataclass(frozen=True, slots=True)
class Lane:
    """A line over time; ``words`` say all of it."""

    name: str
    marks: list[Mark]
    words: str


@dataclass(frozen=True, slots=True)
class CellView:
    """A cell of which something went wrong, or too little is known."""

    name: str
    verdict: str
    tone: str
    reason: str
    spans: list[str]


@dataclass(frozen=True, slots=True)
class WatchView:
    """One watch. ``more`` cells have no lane and no lines here."""

    title: str
    verdict: str
    tone: str
    answer: str
    facts: list[str]
    caveats: list[str]
    ticks: list[tuple[float, str]]
    lanes: list[Lane]
    cells: list[CellView]
    more: int
    head: tuple[str, ...]
    nodes: list[tuple[str, ...]]
    log: list[str]
    log_left: int
    width: int = WIDTH


def watch_views(record: RunRecord) -> list[WatchView]:
    """The watches of a run."""
    return [
        _view(safe(f"{scenario_name(each)}: {each.watch.step}"), each.watch)
        for each in record.scenarios
        if each.watch is not None
    ]


def _view(title: str, watch: WatchRecord) -> WatchView:
    found = affected(watch)
    axis = Axis(max(watch.seconds, 0.001), WIDTH)
    entries, left = log(watch, MAX_LOG)
    nodes = [row.words for row in by_pair(watch)] + [row.words for row in by_node(watch)]
    return WatchView(
        title=title,
        verdict=watch.verdict.value,
        tone=_TONES.get(watch.verdict, "bad"),
        answer=one_line(answer(watch)),
        facts=[load_words(watch), budget_words(watch.budget)],
        caveats=[one_line(caveat) for caveat in caveats(watch)],
        ticks=[(axis.column(at), name) for at, name in axis.ticks(_BETWEEN_TICKS)],
        lanes=list(_lanes(watch, found[:MAX_LANES])),
        cells=[_cell(cell) for cell in found[:MAX_LANES]],
        more=max(0, len(found) - MAX_LANES),
        head=HEAD,
        nodes=[tuple(map(safe, row)) for row in nodes],
        log=[one_line(entry) for entry in entries],
        log_left=left,
    )


def _cell(cell: WatchedCell) -> CellView:
    reason = cell.reason or "within the budget"
    tone = _TONES.get(cell.verdict, "bad")
    return CellView(
        safe(name_of(cell)), cell.verdict.value, tone, one_line(reason), [safe(span_words(span)) for span in cell.spans]
    )


def _lanes(watch: WatchRecord, cells: Iterable[WatchedCell]) -> Iterator[Lane]:
    """Of the cells, of agents that did not run, of the command and of the cluster."""
    for cell in cells:
        marks = [_span(watch, span) for span in cell.spans]
        yield _lane(name_of(cell), marks, "too little is known" if not marks else "")
    for agent in watch.agents:
        stalls = [stall for stall in agent.stalls if stall.seconds >= SLEPT]
        if stalls:
            marks = [
                _mark(
                    watch,
                    stall.at,
                    stall.at + stall.seconds,
                    "asleep",
                    "z",
                    f"did not run for {duration(stall.seconds)}",
                )
                for stall in stalls
            ]
            yield _lane(f"agent {agent.pod}", marks)
    if watch.command is not None:
        ended = watch.seconds if watch.command.ended is None else watch.command.ended
        said = f"{watch.command.command}, from {instant(watch.command.started)} to {instant(ended)}"
        yield _lane("command", [_mark(watch, watch.command.started, ended, "command", "", said)])
    if watch.events:
        marks = [
            _mark(
                watch, each.at, each.at, "event", "", f"{instant(each.at)} {each.kind.lower()}/{each.name}: {each.what}"
            )
            for each in watch.events
        ]
        yield _lane("cluster", marks, f"{len(marks)} changes, listed below")


def _lane(name: str, marks: list[Mark], words: str = "") -> Lane:
    return Lane(safe(name), marks, words or "; ".join(mark.title for mark in marks))


def _span(watch: WatchRecord, span: SpanRecord) -> Mark:
    begin = span.first - (span.seconds - span.least) / 2
    return _mark(watch, begin, begin + span.seconds, span.kind.value, _LETTERS[span.kind], span_words(span))


def _mark(watch: WatchRecord, begin: float, end: float, kind: str, letter: str, title: str) -> Mark:
    scale = WIDTH / max(watch.seconds, 0.001)
    left, right = (min(max(at, 0.0), watch.seconds) * scale for at in (begin, end))
    width = max(right - left, _LEAST)
    x = min(left, WIDTH - width)
    return Mark(round(x, 1), round(width, 1), kind, letter if width >= 12 else "", one_line(title))
