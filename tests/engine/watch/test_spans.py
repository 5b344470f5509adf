"""From the attempts of a cell to its leaks, its outages, and the time of which nothing is known."""

from __future__ import annotations

import pytest

from probe.engine.watch.spans import Seen, Sleep, read
from probe.model.cell import Expectation
from probe.model.watch import SpanKind
from tests.engine.watch.lanes import INTERVAL, frame, lane

ALLOW, DENY = Expectation.ALLOW, Expectation.DENY


def seen(expected: Expectation, word: str, arrived: tuple[int, ...] = (), sleeps: tuple[Sleep, ...] = ()) -> Seen:
    return read(lane(expected, word, arrived), frame(len(word), sleeps))


@pytest.mark.parametrize(("expected", "word"), [(ALLOW, "cccccc"), (DENY, "tttrrt"), (Expectation.REJECT, "rrtt")])
def test_what_is_as_expected_has_no_spans(expected: Expectation, word: str) -> None:
    found = seen(expected, word)
    assert (found.spans, found.unknown, found.attempts) == ((), 0, len(word))
    assert found.longest_gap == pytest.approx(INTERVAL)


def test_an_outage_is_between_the_good_attempts_around_it() -> None:
    (outage,) = seen(ALLOW, "cccttttccc").spans
    assert (outage.kind, outage.count, outage.ongoing) == (SpanKind.OUTAGE, 4, False)
    assert (outage.first, outage.last) == pytest.approx((0.6, 1.2))
    assert (outage.least, outage.seconds, outage.most) == pytest.approx((0.6, 0.8, 1.0))
    assert outage.outcomes == {"timed-out": 4}


def test_a_leak_is_whatever_passed_through_a_denied_cell() -> None:
    (leak,) = seen(DENY, "ttcect").spans
    assert (leak.kind, leak.count, leak.outcomes) == (SpanKind.LEAK, 3, {"connected": 2, "timed-out": 1})


def test_a_request_that_arrived_is_a_leak_although_its_answer_was_lost() -> None:
    (leak,) = seen(DENY, "tttttt", arrived=(2, 3)).spans
    assert (leak.count, leak.arrived) == (2, 2)
    assert (leak.first, leak.last) == pytest.approx((0.4, 0.6))


def test_what_arrived_counts_even_if_the_prober_never_told_of_it() -> None:
    assert [span.count for span in seen(DENY, "tt  tt", arrived=(2,)).spans] == [1]
    assert [span.count for span in seen(DENY, "tt    ", arrived=(3, 4)).spans] == [2]


def test_a_connection_that_also_arrived_counts_once() -> None:
    (leak,) = seen(DENY, "ttcctt", arrived=(2, 3)).spans
    assert (leak.count, leak.arrived) == (2, 0)


def test_spans_are_apart_where_something_good_is_between() -> None:
    assert [span.count for span in seen(ALLOW, "ttcttct").spans] == [2, 2, 1]


def test_what_says_nothing_neither_ends_a_span_nor_is_one() -> None:
    (outage,) = seen(ALLOW, "cct--tac").spans
    assert outage.count == 2
    assert (outage.first, outage.last) == pytest.approx((0.4, 1.0))
    assert seen(ALLOW, "cc--aacc").spans == ()
    assert seen(ALLOW, "cc--aacc").unknown == 4


def test_a_span_that_has_not_ended_says_so() -> None:
    (outage,) = seen(ALLOW, "cctttt").spans
    assert outage.ongoing
    (leak,) = seen(DENY, "cccc").spans
    assert leak.ongoing
    assert leak.most == pytest.approx(3 * INTERVAL)


def test_somebody_else_who_answers_is_an_outage_and_for_a_denied_cell_a_leak() -> None:
    assert seen(ALLOW, "cwc").spans[0].kind is SpanKind.OUTAGE
    assert seen(DENY, "twt").spans[0].kind is SpanKind.LEAK


def test_gaps_are_counted_at_the_beginning_in_the_middle_and_at_the_end() -> None:
    assert seen(ALLOW, "---cccc").longest_gap == pytest.approx(4 * INTERVAL)
    assert seen(ALLOW, "cc    cc").longest_gap == pytest.approx(5 * INTERVAL)
    assert seen(ALLOW, "cccc   ").longest_gap == pytest.approx(4 * INTERVAL)
    assert seen(ALLOW, "    ").longest_gap == pytest.approx(5 * INTERVAL)


def test_lost_attempts_are_unknown() -> None:
    found = seen(ALLOW, "cc   cc")
    assert (found.attempts, found.unknown) == (7, 3)


def test_what_failed_while_the_responder_slept_says_nothing() -> None:
    sleeps = (Sleep(0.5, 1.5),)
    assert seen(ALLOW, "cctttttccc", sleeps=sleeps).spans == ()
    assert seen(ALLOW, "cctttttccc", sleeps=sleeps).unknown == 5
    (outage,) = seen(ALLOW, "ccttttttttttttttcc", sleeps=sleeps).spans
    assert outage.first == pytest.approx(1.4)  # most of its time the responder was awake


def test_a_refusal_or_a_leak_is_no_matter_of_sleep() -> None:
    sleeps = (Sleep(0.0, 9.0),)
    assert seen(ALLOW, "crrc", sleeps=sleeps).spans
    assert seen(DENY, "tcct", sleeps=sleeps).spans


def test_a_span_says_by_how_much_its_instants_may_be_off() -> None:
    (outage,) = read(lane(ALLOW, "ctc"), frame(3, error=0.004)).spans
    assert outage.error == pytest.approx(0.004)
