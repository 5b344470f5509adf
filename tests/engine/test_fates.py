"""What became of an open connection, and what that proves."""

from __future__ import annotations

from dataclasses import replace

import pytest

from probe.engine.fates import Ending, Witness, fate_words, judge_fate
from probe.model.cell import Expectation, Outcome, Verdict

ALLOW, DENY, EITHER = Expectation.ALLOW, Expectation.DENY, Expectation.EITHER
KEPT = Witness(opened=True, begun=100.0, acknowledged=100.2, ending=None)
CUT = replace(KEPT, ending=Ending(100.5, Outcome.TIMED_OUT), arrived=False)


@pytest.mark.parametrize(
    ("expected", "seen", "verdict"),
    [
        (ALLOW, KEPT, Verdict.PASS),
        (ALLOW, CUT, Verdict.BLOCKED),
        (DENY, KEPT, Verdict.LEAK),
        (DENY, CUT, Verdict.PASS),
        (EITHER, KEPT, Verdict.UNDEFINED),
        (EITHER, CUT, Verdict.UNDEFINED),
    ],
)
def test_what_is_demanded_is_judged_and_the_rest_recorded(
    expected: Expectation, seen: Witness, verdict: Verdict
) -> None:
    assert judge_fate(expected, DENY, seen).verdict is verdict


@pytest.mark.parametrize("expected", [ALLOW, DENY, EITHER])
def test_one_that_was_never_open_proves_nothing(expected: Expectation) -> None:
    for seen in (replace(KEPT, opened=False), replace(CUT, opened=False, trouble="no route")):
        judgement = judge_fate(expected, DENY, seen)
        assert judgement.verdict is Verdict.INCONCLUSIVE
        assert "could not be opened before the change" in judgement.reason


@pytest.mark.parametrize("seen", [KEPT, CUT])
@pytest.mark.parametrize("expected", [ALLOW, DENY])
def test_with_an_end_that_is_not_well_nothing_is_proven(expected: Expectation, seen: Witness) -> None:
    judgement = judge_fate(expected, DENY, replace(seen, trouble="the agent did not run"))
    assert judgement.verdict is Verdict.INCONCLUSIVE
    assert "which proves nothing: the agent did not run" in judgement.reason


@pytest.mark.parametrize("expected", [ALLOW, DENY, EITHER])
def test_what_broke_before_the_change_says_nothing_of_it(expected: Expectation) -> None:
    early = replace(CUT, ending=Ending(99.0, Outcome.RESET, "ECONNRESET"))
    assert judge_fate(expected, DENY, early).verdict is Verdict.INCONCLUSIVE


def test_the_words_tell_when_how_and_which_way() -> None:
    assert fate_words(CUT) == "cut 0.30 s after the change (timed-out, requests arrived no more)"
    reply = replace(CUT, arrived=True, ending=Ending(100.1, Outcome.RESET, "ECONNRESET"))
    assert fate_words(reply) == (
        "cut 0.10 s before the change was acknowledged (reset ECONNRESET, requests still arrived)"
    )
    assert fate_words(replace(KEPT, quiet=0.8)) == "kept, silent for 0.80 s meanwhile"


def test_a_break_of_what_stays_allowed_says_that_it_does() -> None:
    assert "a new connection is allowed as well" in judge_fate(ALLOW, ALLOW, CUT).reason
    assert "it should have been kept" in judge_fate(ALLOW, DENY, CUT).reason
