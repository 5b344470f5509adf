"""What became of the connections that were held through a watch, in sentences."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from probe.model.cell import Cell
from probe.model.watch import Fate, WatchedConnection, WatchRecord
from probe.report.text import duration, plural
from probe.report.watch.words import instant


def connections_words(watch: WatchRecord) -> str:
    """``13 connections held: 11 kept, 2 stalled``; empty when none was."""
    if not watch.connections:
        return ""
    counts = Counter(each.fate for each in watch.connections)
    fates = ", ".join(f"{counts[fate]} {fate or 'unknown'}" for fate in Fate if counts[fate])
    return f"{plural(len(watch.connections), 'connection')} held: {fates}"


def not_kept(watch: WatchRecord) -> Iterator[str]:
    """A sentence for each connection that was not simply kept."""
    for each in watch.connections:
        if each.fate is not Fate.KEPT:
            yield f"{each.fate or 'unknown'} {name_of(each)}: {fate_words(each)}"


def name_of(held: WatchedConnection) -> str:
    """``shop/web -> shop/db 5432/TCP``."""
    return str(Cell(held.source, held.destination, held.port, held.protocol, held.family, held.path, via=held.via))


def fate_words(held: WatchedConnection) -> str:
    """``silent from +4.55 s for 3.4 s; 54 heartbeats, 39 answered``."""
    parts = [f"silent from {instant(it.since)} for {duration(it.until - it.since)}" for it in held.stalls]
    if held.ended is not None:
        parts.append(f"over at {instant(held.ended)}: {held.error}")
    elif held.error:
        parts.append(held.error)
    arrived = "" if held.arrived is None else f", number {held.arrived} the last to arrive"
    return "; ".join([*parts, f"{plural(held.sent, 'heartbeat')}, {held.answered} answered{arrived}"])
