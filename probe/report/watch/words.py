"""What a watch came to, in sentences, and what its cells and spans are called."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from probe.model.cell import Verdict
from probe.model.record import RunRecord, cell_of
from probe.model.watch import Budget, SpanKind, SpanRecord, WatchedCell, WatchRecord
from probe.report.text import duration, plural

SLEPT = 0.25
"""Seconds: agents that did not run for so long at a time are worth a word."""


def name_of(watched: WatchedCell) -> str:
    """``shop/web -> shop/db 5432/TCP``."""
    return str(cell_of(watched))


def instant(seconds: float) -> str:
    """``+12.34 s`` since the watch began."""
    return f"+{seconds:.2f} s"


def span_words(span: SpanRecord) -> str:
    """``leak from +3.16 s to +4.96 s: 2.0 s (1.8 s to 2.2 s), 10 packets, 2 of them without an answer``."""
    length = f"{duration(span.seconds)} (between {duration(span.least)} and {duration(span.most)})"
    if span.kind is SpanKind.LEAK:
        counted = plural(span.count, "packet")
        counted += f", {span.arrived} of them seen by the responder alone" if span.arrived else ""
    else:
        seen = ", ".join(f"{count} {outcome}" for outcome, count in sorted(span.outcomes.items()))
        counted = f"{plural(span.count, 'attempt')} failed ({seen})"
    ongoing = ", and had not ended" if span.ongoing else ""
    return f"{span.kind} from {instant(span.first)} to {instant(span.last)}: {length}, {counted}{ongoing}"


def answer(watch: WatchRecord) -> str:
    """``leak: 2 of 15 cells leaked``."""
    why = f": {'; '.join(watch.reasons)}" if watch.reasons else ""
    early = " (ended early)" if watch.interrupted else ""
    return f"{watch.verdict}{why}{early}"


def load_words(watch: WatchRecord) -> str:
    """``15 cells every 200 ms for 19.1 s, 1425 attempts of which 3 say nothing; instants within 3.2 ms``."""
    attempts, unknown = sum(cell.attempts for cell in watch.cells), sum(cell.unknown for cell in watch.cells)
    nothing = f" of which {unknown} say nothing" if unknown else ""
    cells = f"{plural(len(watch.cells), 'cell')} every {duration(watch.interval)} for {duration(watch.seconds)}"
    gap = max((cell.longest_gap for cell in watch.cells), default=0.0)
    return (
        f"{cells}, {attempts} attempts{nothing}; instants within {duration(watch.error)}, no gap above {duration(gap)}"
    )


def budget_words(budget: Budget) -> str:
    """What is still good."""
    words = [f"{plural(budget.leak, 'leaked packet') if budget.leak else 'no leak'} a cell"]
    words += [f"{plural(budget.leak_total, 'leaked packet')} in all"] if budget.leak_total is not None else []
    words.append(f"outages of {duration(budget.outage) if budget.outage else 'no time'} a cell")
    words += [f"{duration(budget.outage_total)} in all"] if budget.outage_total is not None else []
    words += [f"{plural(budget.cut, 'connection')} cut"] if budget.cut else []
    return f"good up to: {', '.join(words)}"


def affected(watch: WatchRecord) -> list[WatchedCell]:
    """The cells of which something went wrong or too little is known, the first to go wrong first."""
    found = [cell for cell in watch.cells if cell.spans or cell.verdict is not Verdict.PASS]
    return sorted(found, key=lambda cell: cell.spans[0].first if cell.spans else watch.seconds)


def caveats(watch: WatchRecord) -> Iterator[str]:
    """What a reader should know of how far the watch saw."""
    for reason, number in watch.left_out.items():
        yield f"{plural(number, 'cell')} not watched: {reason}"
    for unseen in watch.unseen:
        yield f"not followed: {unseen}"
    for agent in watch.agents:
        slept = [stall.seconds for stall in agent.stalls if stall.seconds >= SLEPT]
        if slept:
            times = plural(len(slept), "time")
            yield f"the agent of {agent.pod} did not run {times}, for {duration(max(slept))} at worst"
    if watch.events_left_out:
        yield f"{watch.events_left_out} more events of the cluster were not kept"


def watches(record: RunRecord) -> list[WatchRecord]:
    """The watches of a run."""
    return [scenario.watch for scenario in record.scenarios if scenario.watch is not None]


def mismatch_words(found: Sequence[WatchRecord]) -> str:
    """``2 cells leaked while watched: dev/job -> prod/web 80/TCP from +3.16 s, for 2.0 s, and 1 more``."""
    reasons = [reason for watch in found for reason in watch.reasons]
    bad = [cell for watch in found for cell in watch.cells if cell.verdict.is_mismatch]
    first = min(bad, key=lambda cell: cell.spans[0].first, default=None)
    if first is None:
        return f"while watched: {'; '.join(reasons)}"
    worst = max(first.spans, key=lambda span: span.seconds)
    more = f", and {len(bad) - 1} more" if len(bad) > 1 else ""
    where = f"{name_of(first)} from {instant(worst.first)} for {duration(worst.seconds)}{more}"
    return f"while watched: {'; '.join(reasons)}: {where}"
