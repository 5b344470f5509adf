"""A cell's way through a step: nothing that was seen is smoothed over, in whatever order it comes home."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from probe.engine.agent import Sample
from probe.engine.track import Track
from probe.model.cell import Cell, Expectation, Outcome, Protocol
from probe.model.plan import PlannedCell

CELL = Cell("shop/a", "shop/b", 80, Protocol.TCP)
ORIGIN = 1000.0
TIMEOUT = 0.4


def track(expectation: Expectation, *samples: Sample) -> Track:
    """A track that has seen these attempts, in the order in which they came home."""
    found = Track(PlannedCell(CELL, expectation), ORIGIN)
    for sample in samples:
        found.see(sample, "converge", TIMEOUT)
    return found


def silent(at: float, **more: float) -> Sample:
    return Sample(Outcome.TIMED_OUT, at=ORIGIN + at, seconds=TIMEOUT, **more)  # type: ignore[arg-type]


def through(at: float, seconds: float = 0.001, **more: float) -> Sample:
    return Sample(Outcome.CONNECTED, at=ORIGIN + at, seconds=seconds, established=True, **more)  # type: ignore[arg-type]


def bracket(found: Track) -> Any:
    return found.missed_at, found.matched_after


def test_a_denial_counts_from_when_its_packet_was_sent_and_a_connection_from_when_it_stood() -> None:
    assert track(Expectation.DENY, silent(0.1)).matched_after == pytest.approx(0.1)
    assert track(Expectation.ALLOW, through(0.1, seconds=0.4)).matched_after == pytest.approx(0.5)


def test_a_new_denial_took_effect_between_the_last_attempt_that_got_through_and_the_first_that_did_not() -> None:
    found = track(Expectation.DENY, through(0.01), through(0.06), silent(0.11))
    assert bracket(found) == pytest.approx((0.06, 0.11))
    assert list(found.intervals) == pytest.approx([0.05, 0.05])


def test_a_new_permission_took_effect_between_the_last_failed_attempt_and_the_first_connection() -> None:
    found = track(Expectation.ALLOW, silent(0.01), silent(0.06), through(0.11, seconds=0.002))
    assert bracket(found) == pytest.approx((0.06, 0.112))


def test_a_rejected_attempt_tells_the_same_as_a_silent_one() -> None:
    refused = Sample(Outcome.REFUSED, "ECONNREFUSED", at=ORIGIN + 0.06, seconds=0.0004)
    assert bracket(track(Expectation.ALLOW, refused, through(0.11))) == pytest.approx((0.06, 0.111))
    assert bracket(track(Expectation.REJECT, through(0.01), refused)) == pytest.approx((0.01, 0.06))
    assert bracket(track(Expectation.DENY, through(0.01), refused)) == pytest.approx((0.01, 0.06))


def test_the_first_attempt_that_matches_has_no_attempt_before_it() -> None:
    assert bracket(track(Expectation.DENY, silent(0.01))) == (None, pytest.approx(0.01))


@pytest.mark.parametrize("order", [*itertools.permutations(range(4))])
def test_attempts_are_told_by_when_they_were_sent_not_by_when_they_came_home(order: tuple[int, ...]) -> None:
    sent = [silent(0.0), silent(0.05), through(0.1), through(0.15)]
    found = track(Expectation.ALLOW, *(sent[place] for place in order))
    assert bracket(found) == pytest.approx((0.05, 0.101))
    assert (found.flaps, found.matching, found.pending) == (0, True, False)
    assert found.last is sent[-1]
    assert [attempt.at for attempt in found.history] == [0.0, 0.05, 0.1]


@pytest.mark.parametrize("order", [*itertools.permutations(range(3))])
def test_a_match_that_is_lost_again_is_a_flap_in_whatever_order_it_comes_home(order: tuple[int, ...]) -> None:
    sent = [through(0.0), silent(0.05), through(0.1)]
    found = track(Expectation.ALLOW, *(sent[place] for place in order))
    assert (found.flaps, found.pending) == (1, False)
    assert bracket(found) == (None, pytest.approx(0.001))


def test_a_match_that_is_lost_again_leaves_the_cell_pending() -> None:
    found = track(Expectation.DENY, silent(0.0), through(0.5))
    assert (found.flaps, found.pending) == (1, True)
    assert found.wrong_at == pytest.approx(0.5)
    found.see(silent(0.6), "converge", TIMEOUT)
    assert (found.flaps, found.pending) == (1, False)
    assert found.wrong_at == pytest.approx(0.5)
    assert [each.outcome for each in found.history] == [Outcome.TIMED_OUT, Outcome.CONNECTED, Outcome.TIMED_OUT]


def test_a_confirmation_stands_though_an_earlier_attempt_comes_home_after_it() -> None:
    found = track(Expectation.ALLOW, through(0.1))
    found.see(through(0.2), "confirm", 1.5)
    found.see(silent(0.0), "converge", TIMEOUT)
    assert found.confirmed is found.last
    assert (found.matching, found.flaps) == (True, 0)
    assert bracket(found) == pytest.approx((0.0, 0.101))


def test_requests_over_udp_are_repeated_and_each_repetition_tells() -> None:
    """The attempt at 0 came through by its third packet; the one at 0.05 knows that its last one did not."""
    found = track(Expectation.ALLOW, through(0.0, seconds=0.268, resent=0.267), silent(-0.05, resent=0.267))
    assert bracket(found) == pytest.approx((0.217, 0.268))


def test_history_keeps_turns_and_confirmations_while_attempts_counts_all() -> None:
    found = track(Expectation.DENY, *(through(at / 10) for at in range(5)), *(silent(at / 10) for at in range(5, 8)))
    found.see(silent(1.0), "confirm", 1.5)
    assert found.attempts == 9
    kept = [(attempt.phase, attempt.at) for attempt in found.history]
    assert kept == [("converge", 0.0), ("converge", 0.4), ("converge", 0.5), ("confirm", 1.0)]


def test_news_are_the_first_attempt_each_other_outcome_and_confirmations() -> None:
    found = track(Expectation.DENY)
    assert found.see(through(0.0), "converge", TIMEOUT) is not None
    assert found.see(through(0.1), "converge", TIMEOUT) is None
    assert found.see(silent(0.2), "converge", TIMEOUT) is not None
    assert found.see(silent(0.3), "confirm", TIMEOUT) is not None


def test_a_confirmation_is_void_once_the_cell_is_tried_again() -> None:
    found = track(Expectation.DENY)
    found.see(through(0.0), "confirm", TIMEOUT)
    found.see(silent(0.1), "converge", TIMEOUT)
    assert found.confirmed is None


@pytest.mark.parametrize("outcome", [Outcome.AGENT_ERROR, Outcome.UNSUPPORTED])
def test_what_trying_again_cannot_change_is_not_pending_and_tells_nothing_of_the_cluster(outcome: Outcome) -> None:
    found = track(Expectation.DENY, through(0.0), silent(0.1), Sample(outcome))
    assert not found.pending
    assert not found.matching
    assert found.flaps == 0
    assert bracket(found) == pytest.approx((0.0, 0.1))


def test_where_silence_is_expected_the_silent_attempt_may_be_it_and_elsewhere_it_is_interrupted() -> None:
    for expectation, again in [
        (Expectation.DENY, False), (Expectation.DROP, False), (Expectation.ALLOW, True), (Expectation.REJECT, True),
    ]:  # fmt: skip
        found = track(expectation)
        assert found.due
        found.under_way = 1
        assert found.due is again, expectation


def test_times_of_attempts_whose_prober_had_no_cpu_measure_nothing() -> None:
    assert track(Expectation.DENY, through(0.0), silent(0.1)).doubt == ""
    assert "starved" in track(Expectation.DENY, through(0.0), silent(0.1, lag=0.3)).doubt
    assert "starved" in track(Expectation.DENY, through(0.0, lag=0.3), silent(0.1)).doubt
    assert track(Expectation.DENY, through(0.0, lag=0.3), through(0.1), silent(0.2)).doubt == "", "it bounds nothing"


def test_who_was_late_may_be_known_only_later() -> None:
    found = track(Expectation.ALLOW, silent(0.0), through(0.05))
    assert found.doubt == ""
    found.learn(silent(0.0, responder_lag=0.3), TIMEOUT)
    assert "prober and responder were starved" in found.doubt


def test_what_was_left_open_and_is_so_when_it_is_tried_has_no_time_to_tell() -> None:
    found = Track(PlannedCell(CELL, Expectation.ALLOW), ORIGIN, held=True)
    found.see(through(0.5), "confirm", TIMEOUT)
    assert (found.unmoved, found.lost, found.matched_after) == (True, False, None)
    assert [each.phase for each in found.history] == ["confirm"]


def test_what_was_left_open_and_is_not_when_it_is_tried_has_lost_it() -> None:
    found = Track(PlannedCell(CELL, Expectation.ALLOW), ORIGIN, held=True)
    found.see(silent(0.5), "confirm", TIMEOUT)
    assert (found.unmoved, found.lost) == (False, True)
    found.see(through(1.5), "converge", TIMEOUT)
    assert (found.unmoved, found.lost, bracket(found)) == (False, False, pytest.approx((0.5, 1.501)))
