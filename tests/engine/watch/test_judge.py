"""Verdicts of a watch within a budget."""

from __future__ import annotations

import pytest

from probe.engine.watch.judge import judge_cell, judge_watch, time_out
from probe.model.cell import Expectation, Family, Path, Protocol, Verdict, Via
from probe.model.watch import Budget, Fate, SpanKind, SpanRecord, Stall, WatchedCell, WatchedConnection

ALLOW, DENY = Expectation.ALLOW, Expectation.DENY


def span(kind: SpanKind, first: float, seconds: float, count: int = 5, *, ongoing: bool = False) -> SpanRecord:
    last = first + seconds - 0.2
    return SpanRecord(kind, first, last, count, seconds, seconds - 0.2, seconds + 0.2, 0.001, ongoing=ongoing)


def leak(count: int) -> SpanRecord:
    return span(SpanKind.LEAK, 1.0, 0.4, count)


def outage(first: float, seconds: float, *, ongoing: bool = False) -> SpanRecord:
    return span(SpanKind.OUTAGE, first, seconds, ongoing=ongoing)


def cell(verdict: Verdict, *spans: SpanRecord) -> WatchedCell:
    return WatchedCell(
        "a/b", "a/c", 80, Protocol.TCP, Family.IPV4, Path.POD_IP, None, Via.ONLY, ALLOW, verdict, spans=list(spans)
    )  # fmt: skip


@pytest.mark.parametrize(
    ("packets", "allowed", "verdict"), [(1, 0, Verdict.LEAK), (3, 3, Verdict.PASS), (4, 3, Verdict.LEAK)]
)
def test_packets_are_counted_against_the_budget(packets: int, allowed: int, verdict: Verdict) -> None:
    assert judge_cell(DENY, [leak(packets)], 0.2, "", Budget(leak=allowed)).verdict is verdict


def test_packets_of_all_leaks_of_a_cell_count_together() -> None:
    assert judge_cell(DENY, [leak(2), leak(2)], 0.2, "", Budget(leak=3)).verdict is Verdict.LEAK


@pytest.mark.parametrize(("seconds", "verdict"), [(0.9, Verdict.PASS), (1.2, Verdict.BLOCKED)])
def test_the_longest_outage_counts(seconds: float, verdict: Verdict) -> None:
    spans = [outage(1, 0.4), outage(3, seconds), outage(6, 0.6)]
    assert judge_cell(ALLOW, spans, 0.2, "", Budget(outage=1.0)).verdict is verdict


def test_without_a_budget_a_single_lost_attempt_is_an_outage() -> None:
    assert judge_cell(ALLOW, [outage(1, 0.2)], 0.2, "", Budget(outage=0)).verdict is Verdict.BLOCKED


def test_too_long_a_gap_proves_nothing() -> None:
    ruling = judge_cell(ALLOW, [], 2.4, "", Budget(gap=2.0))
    assert (ruling.verdict, ruling.reasons) == (Verdict.INCONCLUSIVE, ("nothing is known of 2.4 s in a row",))


def test_a_proven_leak_stays_one_whatever_else_is_unknown() -> None:
    ruling = judge_cell(DENY, [leak(1)], 9.0, "the pod was deleted", Budget())
    assert ruling.verdict is Verdict.LEAK
    assert len(ruling.reasons) == 3


def test_whoever_is_gone_is_not_blocked() -> None:
    ruling = judge_cell(ALLOW, [outage(5, 4, ongoing=True)], 0.2, "the pod was deleted", Budget())
    assert (ruling.verdict, ruling.reasons) == (Verdict.INCONCLUSIVE, ("an end of it was lost: the pod was deleted",))


def test_a_watch_passes_when_all_its_cells_do() -> None:
    assert judge_watch([cell(Verdict.PASS)], (), Budget()).verdict is Verdict.PASS


def test_a_watch_without_cells_proves_nothing() -> None:
    assert judge_watch([], (), Budget()).verdict is Verdict.INCONCLUSIVE


def test_the_worst_verdict_is_the_watchs() -> None:
    cells = [cell(Verdict.PASS), cell(Verdict.INCONCLUSIVE), cell(Verdict.BLOCKED), cell(Verdict.LEAK)]
    ruling = judge_watch(cells, ["the command failed"], Budget())
    assert ruling.verdict is Verdict.LEAK
    assert ruling.reasons == (
        "1 of 4 cells leaked",
        "1 of 4 cells out for too long",
        "too little is known of 1 of 4 cells",
        "the command failed",
    )
    assert judge_watch(cells[:2], (), Budget()).verdict is Verdict.INCONCLUSIVE


def test_totals_have_budgets_of_their_own() -> None:
    cells = [cell(Verdict.PASS, leak(2)), cell(Verdict.PASS, leak(2))]
    assert judge_watch(cells, (), Budget(leak=2)).verdict is Verdict.PASS
    assert judge_watch(cells, (), Budget(leak=2, leak_total=3)).verdict is Verdict.LEAK
    cells = [cell(Verdict.PASS, outage(1, 0.8)), cell(Verdict.PASS, outage(5, 0.8))]
    assert judge_watch(cells, (), Budget(outage_total=1.7)).verdict is Verdict.PASS
    assert judge_watch(cells, (), Budget(outage_total=1.5)).verdict is Verdict.BLOCKED


def held(fate: Fate, *stalls: Stall) -> WatchedConnection:
    return WatchedConnection(
        "a/b", "a/c", 80, Protocol.TCP, Family.IPV4, Path.POD_IP, Via.ONLY, fate, stalls=list(stalls)
    )  # fmt: skip


@pytest.mark.parametrize(
    ("connections", "budget", "verdict"),
    [
        ([held(Fate.KEPT)], Budget(), Verdict.PASS),
        ([held(Fate.CUT)], Budget(), Verdict.BLOCKED),
        ([held(Fate.ENDED)], Budget(), Verdict.BLOCKED),
        ([held(Fate.CUT)], Budget(cut=1), Verdict.PASS),
        ([held(Fate.STALLED, Stall(1.0, 1.9))], Budget(outage=1.0), Verdict.PASS),
        ([held(Fate.STALLED, Stall(1.0, 1.5), Stall(3.0, 4.2))], Budget(outage=1.0), Verdict.BLOCKED),
        ([held(Fate.UNKNOWN)], Budget(cut=9), Verdict.INCONCLUSIVE),
        ([held(Fate.UNKNOWN), held(Fate.CUT)], Budget(), Verdict.BLOCKED),
    ],
)
def test_held_connections_have_a_say(connections: list[WatchedConnection], budget: Budget, verdict: Verdict) -> None:
    assert judge_watch([cell(Verdict.PASS)], (), budget, connections).verdict is verdict


def test_outages_at_the_same_time_count_once_in_the_total() -> None:
    cells = [cell(Verdict.PASS, outage(1, 1.0)), cell(Verdict.PASS, outage(1.5, 1.0)), cell(Verdict.PASS, leak(9))]
    assert time_out(cells) == pytest.approx(1.5)
