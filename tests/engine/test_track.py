"""A cell's way through a step: nothing that was seen is smoothed over."""

from __future__ import annotations

from probe.engine.agent import Sample
from probe.engine.track import Track
from probe.model.cell import Cell, Expectation, Outcome, Protocol
from probe.model.plan import PlannedCell

CELL = Cell("shop/a", "shop/b", 80, Protocol.TCP)
ORIGIN = 1000.0


def track(expectation: Expectation) -> Track:
    return Track(PlannedCell(CELL, expectation), ORIGIN)


def test_a_denial_counts_from_when_its_packet_was_sent_and_a_connection_from_when_it_stood() -> None:
    denied, allowed = track(Expectation.DENY), track(Expectation.ALLOW)
    denied.see(Sample(Outcome.TIMED_OUT, at=ORIGIN + 0.1, seconds=0.4), "converge")
    allowed.see(Sample(Outcome.CONNECTED, at=ORIGIN + 0.1, seconds=0.4), "converge")
    assert abs(denied.matched_after - 0.1) < 1e-6  # type: ignore[operator]
    assert abs(allowed.matched_after - 0.5) < 1e-6  # type: ignore[operator]


def test_a_match_that_is_lost_again_is_a_flap_and_the_cell_is_pending_again() -> None:
    cell = track(Expectation.DENY)
    for outcome in (Outcome.TIMED_OUT, Outcome.CONNECTED, Outcome.TIMED_OUT):
        cell.see(Sample(outcome, at=ORIGIN), "converge")
    assert cell.flaps == 1
    assert not cell.pending
    assert [attempt.outcome for attempt in cell.history] == [Outcome.TIMED_OUT, Outcome.CONNECTED, Outcome.TIMED_OUT]


def test_history_keeps_changes_and_confirmations_while_attempts_counts_all() -> None:
    cell = track(Expectation.DENY)
    for _ in range(5):
        cell.see(Sample(Outcome.CONNECTED, at=ORIGIN), "converge")
    cell.see(Sample(Outcome.CONNECTED, at=ORIGIN), "confirm")
    assert cell.attempts == 6
    assert [attempt.phase for attempt in cell.history] == ["converge", "confirm"]


def test_a_confirmation_is_void_once_the_cell_is_tried_again() -> None:
    cell = track(Expectation.DENY)
    cell.see(Sample(Outcome.CONNECTED, at=ORIGIN), "confirm")
    cell.see(Sample(Outcome.TIMED_OUT, at=ORIGIN), "converge")
    assert cell.confirmed is None


def test_what_trying_again_cannot_change_is_not_pending() -> None:
    for outcome in (Outcome.AGENT_ERROR, Outcome.UNSUPPORTED):
        cell = track(Expectation.DENY)
        cell.see(Sample(outcome), "converge")
        assert not cell.pending
        assert not cell.matching
