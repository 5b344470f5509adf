"""What a reader should know of how a run was chosen, cut short, and held against known failures: in sentences."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from probe.model.events import Event, KnownFailuresSeen, Selected, StoppedEarly
from probe.model.record import KnownFailureRecord, SelectionRecord
from probe.report.text import plural
from probe.report.views import listed

_NAMED = 8
"""Scenarios that a sentence names."""


def event_notes(event: Event) -> Iterator[str]:
    """What an event of the run itself is worth saying."""
    match event:
        case Selected(selection):
            yield from _selection(selection)
        case StoppedEarly(not_run):
            names = listed(list(not_run), _NAMED)
            yield f"stopped because of failures, with {plural(len(not_run), 'scenario')} not run: {names}"
        case KnownFailuresSeen(failures):
            yield from _known(failures)
        case _:
            pass


def _selection(selection: SelectionRecord) -> Iterator[str]:
    """``12 of 80 scenarios, by --tag feature=sctp, shard 1/2, shuffled with seed 7``; what was left out, by reason."""
    parts = [f"by {' '.join(selection.asked)}"] if selection.asked else []
    parts += [f"shard {selection.shard}"] if selection.shard else []
    parts += [f"shuffled with seed {selection.shuffle}"] if selection.shuffle is not None else []
    if parts:
        yield ", ".join([f"{selection.taken} of {plural(selection.scenarios, 'scenario')}", *parts])
    reasons: dict[str, list[str]] = {}
    for name, reason in selection.left_out.items():
        reasons.setdefault(reason, []).append(name)
    for reason, names in reasons.items():
        yield f"left out: {reason}: {', '.join(names)}"


def _known(failures: Sequence[KnownFailureRecord]) -> Iterator[str]:
    for each in failures:
        if each.is_outdated:
            yield f"the known failure {each.entry} PASSES now ({plural(each.passed, 'cell')}): remove it ({each.place})"
        elif each.is_unused:
            yield f"the known failure {each.entry} has no cell in the steps that it is about ({each.place})"


def known_words(failure: KnownFailureRecord) -> str:
    """What became of an entry: ``3 fail, 2 pass``."""
    parts = ((failure.failed, "fail"), (failure.passed, "pass"), (failure.inconclusive, "inconclusive"))
    return ", ".join(f"{number} {word}" for number, word in parts if number) or "not judged in this run"
