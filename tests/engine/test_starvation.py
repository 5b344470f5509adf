"""When silence may be an agent's own slowness, and when slowness explains nothing."""

from __future__ import annotations

import pytest

from probe.engine.agent import Sample
from probe.engine.starvation import starved
from probe.model.cell import Expectation, Outcome

TIMEOUT = 1.5
BUSY, IDLE = 0.8, 0.01


@pytest.mark.parametrize("expectation", Expectation)
def test_a_time_out_of_a_prober_that_had_no_cpu_is_not_believed(expectation: Expectation) -> None:
    assert "prober was starved" in starved(Sample(Outcome.TIMED_OUT, lag=BUSY), expectation, TIMEOUT)
    assert starved(Sample(Outcome.TIMED_OUT, lag=IDLE), expectation, TIMEOUT) == ""


def test_an_answer_that_is_missing_may_be_the_responders_slowness_or_that_of_both() -> None:
    slow = Sample(Outcome.TIMED_OUT, lag=0.2, responder_lag=0.25)
    assert "lagged 0.20 s and 0.25 s" in starved(slow, Expectation.ALLOW, TIMEOUT)
    assert starved(slow, Expectation.DENY, TIMEOUT) == "", "receipts tell of what arrived at a slow responder, too"


@pytest.mark.parametrize("expectation", Expectation)
def test_nothing_feigns_a_connection(expectation: Expectation) -> None:
    assert starved(Sample(Outcome.CONNECTED, lag=BUSY, responder_lag=BUSY), expectation, TIMEOUT) == ""


def test_a_leak_is_no_less_a_leak_for_being_slow() -> None:
    """Trying it again more slowly could replace it by a denial."""
    leak = Sample(Outcome.TIMED_OUT, "no reply after connect", lag=BUSY, responder_lag=BUSY, established=True)
    assert starved(leak, Expectation.DENY, TIMEOUT) == ""
    assert starved(leak, Expectation.ALLOW, TIMEOUT) != ""
