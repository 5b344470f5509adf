"""What happened to the cluster and what the command said, in one order. Of much, what is near leaks and outages."""

from __future__ import annotations

from probe.model.watch import WatchRecord
from probe.report.watch.words import instant

MAX_LINES = 40
_NEAR_SECONDS = 5.0


def log(watch: WatchRecord, most: int = MAX_LINES) -> tuple[list[str], int]:
    """Lines, and how many more there are that the record has."""
    entries: list[tuple[float, str]] = [
        (each.at, f"{each.kind.lower()}/{each.name}: {each.what}") for each in watch.events
    ]
    command = watch.command
    if command is not None:
        entries.append((command.started, f"$ {command.command}"))
        entries += ((line.at, f"| {line.text}") for line in command.lines)
        if command.ended is not None:
            entries.append((command.ended, f"the command ended with exit code {command.exit_code}"))
        elif watch.interrupted:
            entries.append((watch.seconds, "the command was ended with the watch"))
    entries.sort(key=lambda entry: entry[0])
    chosen = entries if len(entries) <= most else [entry for entry in entries if _is_near(watch, entry[0])]
    if not chosen:
        chosen = entries
    left = len(entries) - len(chosen[:most]) + (command.left_out if command is not None else 0)
    return [f"{instant(at):>10}  {text}" for at, text in chosen[:most]], left


def _is_near(watch: WatchRecord, at: float) -> bool:
    spans = (span for cell in watch.cells for span in cell.spans)
    return any(span.first - _NEAR_SECONDS <= at <= span.last + _NEAR_SECONDS for span in spans)
