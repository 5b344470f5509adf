"""Leaks and outages by pairs of nodes, and by node: whether a fault is everywhere, or of one machine."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from probe.model.watch import SpanKind, SpanRecord, WatchedCell, WatchRecord
from probe.report.text import duration

OUTSIDE = "(outside)"


@dataclass(frozen=True, slots=True)
class Row:
    """What was seen of some cells. ``leaked`` packets; ``longest`` in seconds, of a leak and of an outage."""

    name: str
    cells: int
    leaking: int
    leaked: int
    longest_leak: float
    out: int
    longest_outage: float

    @property
    def words(self) -> tuple[str, ...]:
        """Name, cells, leaks and outages."""
        leaks = f"{self.leaking} ({self.leaked} packets, up to {duration(self.longest_leak)})" if self.leaking else "-"
        outages = f"{self.out} (up to {duration(self.longest_outage)})" if self.out else "-"
        return self.name, str(self.cells), leaks, outages


HEAD = ("nodes", "cells", "leaked", "had an outage")


def by_pair(watch: WatchRecord) -> list[Row]:
    """A row for each pair of nodes, source first."""
    groups: dict[str, list[WatchedCell]] = {}
    for cell in watch.cells:
        groups.setdefault(f"{cell.source_node or OUTSIDE} -> {cell.destination_node or OUTSIDE}", []).append(cell)
    return [_row(name, groups[name]) for name in sorted(groups)]


def by_node(watch: WatchRecord) -> list[Row]:
    """A row for each node, with every cell that begins or ends there."""
    groups: dict[str, list[WatchedCell]] = {}
    for cell in watch.cells:
        for node in dict.fromkeys((cell.source_node, cell.destination_node)):
            if node:
                groups.setdefault(node, []).append(cell)
    return [_row(name, groups[name]) for name in sorted(groups)]


def _row(name: str, cells: Sequence[WatchedCell]) -> Row:
    leaks = [_of(cell, SpanKind.LEAK) for cell in cells]
    outages = [_of(cell, SpanKind.OUTAGE) for cell in cells]
    return Row(
        name,
        len(cells),
        sum(map(bool, leaks)),
        sum(span.count for spans in leaks for span in spans),
        max((span.seconds for spans in leaks for span in spans), default=0.0),
        sum(map(bool, outages)),
        max((span.seconds for spans in outages for span in spans), default=0.0),
    )


def _of(cell: WatchedCell, kind: SpanKind) -> list[SpanRecord]:
    return [span for span in cell.spans if span.kind is kind]
