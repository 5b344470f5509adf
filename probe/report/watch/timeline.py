"""The lanes of a watch over time, drawn with characters: what went wrong when, next to what was done meanwhile."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from probe.model.watch import SpanKind, SpanRecord, WatchRecord
from probe.report.text import Paint, columns, safe, shortened, wrapped
from probe.report.watch.words import SLEPT, affected, name_of

MAX_LANES = 30
LEGEND = ". as expected  L leak  x outage  z the agent did not run  = the command runs  ! the cluster changed"
_MARKS = {SpanKind.LEAK: "L", SpanKind.OUTAGE: "x"}
_COLOURS = {"L": "red", "x": "yellow", "z": "cyan", "=": "bold", "!": "bold"}
_STEPS = (0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400)
_LEAST_COLUMNS = 24
_TICK_COLUMNS = 8


@dataclass(frozen=True, slots=True)
class Axis:
    """``width`` columns for ``seconds``."""

    seconds: float
    width: int

    def column(self, at: float) -> int:
        """The column of an instant."""
        return min(self.width - 1, max(0, int(at / self.seconds * self.width))) if self.seconds else 0

    def fill(self, lane: list[str], begin: float, end: float, mark: str) -> None:
        """Set every column that the time from ``begin`` to ``end`` touches."""
        for column in range(self.column(begin), self.column(end) + 1):
            lane[column] = mark

    def ticks(self, least: int) -> Iterator[tuple[float, str]]:
        """Instants at least so many columns apart, with their names."""
        step = next((each for each in _STEPS if each / self.seconds * self.width >= least), _STEPS[-1])
        at = 0.0
        while at < self.seconds:
            yield at, f"{at:g}s" if self.seconds < 600 else f"{at / 60:g}m"
            at += step

    def lines(self) -> tuple[str, str]:
        """The scale: labels, and ticks."""
        labels, ticks = [" "] * (self.width + 8), ["-"] * self.width
        for at, text in self.ticks(_TICK_COLUMNS):
            column = self.column(at)
            ticks[column] = "|"
            labels[column : column + len(text)] = text
        return "".join(labels[: self.width + 8]).rstrip(), "".join(ticks)


def timeline(watch: WatchRecord, width: int, paint: Paint) -> list[str]:
    """Lines of at most ``width`` columns; nothing when there is nothing to show but success."""
    cells = affected(watch)
    rows = [(safe(name_of(cell)), cell) for cell in cells[:MAX_LANES] if cell.spans]
    sleepers = [agent for agent in watch.agents if any(stall.seconds >= SLEPT for stall in agent.stalls)][:MAX_LANES]
    names = [name for name, _ in rows] + [f"agent {safe(agent.pod)}" for agent in sleepers] + ["command", "cluster"]
    if not rows and not sleepers:
        return []
    room = max(_LEAST_COLUMNS, width - 2 - min(max(map(columns, names)), width // 2))
    head = width - room - 2
    axis = Axis(max(watch.seconds, 0.001), room)
    labels, ticks = axis.lines()
    lines = [f"{'':{head}}  {labels}"[:width].rstrip(), f"{'':{head}}  {ticks}"]
    lines += (_line(name, _spans(axis, cell.spans), head, paint) for name, cell in rows)
    for agent in sleepers:
        stalls = ((stall.at, stall.at + stall.seconds) for stall in agent.stalls if stall.seconds >= SLEPT)
        lines.append(_line(f"agent {safe(agent.pod)}", _marked(axis, stalls, "z"), head, paint))
    if watch.command is not None:
        ended = watch.seconds if watch.command.ended is None else watch.command.ended
        lines.append(_line("command", _marked(axis, [(watch.command.started, ended)], "="), head, paint))
    if watch.events:
        lines.append(_line("cluster", _marked(axis, ((each.at, each.at) for each in watch.events), "!"), head, paint))
    left = len([cell for cell in cells if cell.spans]) - len(rows)
    return [*lines, *([f"and {left} cells more (-o json has all)"] if left > 0 else []), *wrapped(LEGEND, width)]


def _spans(axis: Axis, spans: Sequence[SpanRecord]) -> list[str]:
    lane = ["."] * axis.width
    for span in spans:
        begin = span.first - (span.seconds - span.least) / 2
        axis.fill(lane, begin, begin + span.seconds, _MARKS[span.kind])
    return lane


def _marked(axis: Axis, times: Iterable[tuple[float, float]], mark: str) -> list[str]:
    lane = [" "] * axis.width
    for begin, end in times:
        axis.fill(lane, begin, end, mark)
    return lane


def _line(name: str, lane: Sequence[str], head: int, paint: Paint) -> str:
    return f"{shortened(name, head):{head}}  {''.join(_painted(lane, paint))}".rstrip()


def _painted(lane: Sequence[str], paint: Paint) -> Iterator[str]:
    """The marks in their colours, a run of equal ones at a time."""
    begin = 0
    for index in range(1, len(lane) + 1):
        if index == len(lane) or lane[index] != lane[begin]:
            yield paint("".join(lane[begin:index]), _COLOURS.get(lane[begin], ""))
            begin = index
