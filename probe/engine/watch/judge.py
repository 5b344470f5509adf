"""Verdicts of a watch: what was seen, held against a budget. What nobody saw proves nothing.

A leak beyond the budget is one whatever else is unknown. A cell of which nothing is known for longer than the budget
allows is inconclusive: a leak or an outage could have hidden there.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from probe.model.cell import Expectation, Verdict
from probe.model.watch import Budget, Fate, SpanKind, SpanRecord, WatchedCell, WatchedConnection

_WORST_FIRST = (Verdict.LEAK, Verdict.BLOCKED, Verdict.INCONCLUSIVE)


@dataclass(frozen=True, slots=True)
class Ruling:
    """A verdict and the sentences that say why (none for a pass)."""

    verdict: Verdict
    reasons: tuple[str, ...] = ()


def judge_cell(expected: Expectation, spans: Sequence[SpanRecord], gap: float, lost: str, budget: Budget) -> Ruling:
    """The verdict of a cell. ``gap``: the longest time of which nothing is known; ``lost``: why an end was lost."""
    reasons: list[tuple[Verdict, str]] = []
    packets = sum(span.count for span in spans if span.kind is SpanKind.LEAK)
    if packets > budget.leak:
        reasons.append((Verdict.LEAK, f"expected {expected}, but {_packets(packets)} got through"))
    # Who is gone is not reached any more, and that is no policy's doing.
    outages = [span for span in spans if span.kind is SpanKind.OUTAGE and not (lost and span.ongoing)]
    longest = max(outages, key=lambda span: span.seconds, default=None)
    if longest is not None and longest.seconds > budget.outage:
        ending = ", and it had not ended" if longest.ongoing else ""
        reasons.append((Verdict.BLOCKED, f"expected {expected}, but out for {longest.seconds:.2f} s{ending}"))
    if lost:
        reasons.append((Verdict.INCONCLUSIVE, f"an end of it was lost: {lost}"))
    if gap > budget.gap:
        reasons.append((Verdict.INCONCLUSIVE, f"nothing is known of {gap:.1f} s in a row"))
    return _ruling(reasons)


def judge_connections(found: Sequence[WatchedConnection], budget: Budget) -> list[tuple[Verdict, str]]:
    """What is wrong with connections that were held."""
    reasons: list[tuple[Verdict, str]] = []
    gone = sum(each.fate in (Fate.CUT, Fate.ENDED) for each in found)
    if gone > budget.cut:
        reasons.append((Verdict.BLOCKED, f"{gone} of {len(found)} held connections were cut"))
    longest = max((stall.until - stall.since for each in found for stall in each.stalls), default=0.0)
    if longest > budget.outage:
        reasons.append((Verdict.BLOCKED, f"a held connection stalled for {longest:.2f} s"))
    if unknown := sum(each.fate is Fate.UNKNOWN for each in found):
        reasons.append((Verdict.INCONCLUSIVE, f"nothing is known of {unknown} of {len(found)} held connections"))
    return reasons


def judge_watch(
    cells: Sequence[WatchedCell],
    troubles: Iterable[str],
    budget: Budget,
    connections: Sequence[WatchedConnection] = (),
) -> Ruling:
    """The verdict of the whole watch. ``troubles``: what keeps it from proving anything, besides the cells."""
    reasons: list[tuple[Verdict, str]] = []
    for verdict, what in ((Verdict.LEAK, "leaked"), (Verdict.BLOCKED, "out for too long")):
        number = sum(cell.verdict is verdict for cell in cells)
        if number:
            reasons.append((verdict, f"{number} of {len(cells)} cells {what}"))
    packets = sum(span.count for cell in cells for span in cell.spans if span.kind is SpanKind.LEAK)
    if budget.leak_total is not None and packets > budget.leak_total:
        reasons.append((Verdict.LEAK, f"{_packets(packets)} got through in all, more than {budget.leak_total}"))
    out = time_out(cells)
    if budget.outage_total is not None and out > budget.outage_total:
        reasons.append(
            (Verdict.BLOCKED, f"some cell was out for {out:.2f} s in all, more than {budget.outage_total:g} s")
        )
    unknown = sum(cell.verdict is Verdict.INCONCLUSIVE for cell in cells)
    if unknown:
        reasons.append((Verdict.INCONCLUSIVE, f"too little is known of {unknown} of {len(cells)} cells"))
    if not cells:
        reasons.append((Verdict.INCONCLUSIVE, "no cell was watched"))
    reasons += judge_connections(connections, budget)
    reasons += ((Verdict.INCONCLUSIVE, trouble) for trouble in troubles)
    return _ruling(reasons)


def time_out(cells: Iterable[WatchedCell]) -> float:
    """Seconds in which any of the cells was out."""
    outages = (span for cell in cells for span in cell.spans if span.kind is SpanKind.OUTAGE)
    total, until = 0.0, 0.0
    for begin, end in sorted((_middle(span), _middle(span) + span.seconds) for span in outages):
        total += max(0.0, end - max(begin, until))
        until = max(until, end)
    return round(total, 3)


def _middle(span: SpanRecord) -> float:
    """When it began, halfway between the last good attempt and the first bad one, as nearly as the record says."""
    return span.first - (span.seconds - span.least) / 2


def _packets(number: int) -> str:
    return f"{number} packet{'s' if number != 1 else ''}"


def _ruling(reasons: Sequence[tuple[Verdict, str]]) -> Ruling:
    found = {verdict for verdict, _ in reasons}
    verdict = next((each for each in _WORST_FIRST if each in found), Verdict.PASS)
    return Ruling(verdict, tuple(text for _, text in reasons))
