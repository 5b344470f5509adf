"""What counts as proof: every rule of the verdicts, one line each."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from probe.engine.judge import Evidence, judge, matches
from probe.model.cell import Expectation, Outcome, Verdict

PROVEN: dict[str, Any] = {"control": True, "arrived": False}
DENIALS = (Outcome.TIMED_OUT, Outcome.REFUSED, Outcome.RESET, Outcome.UNREACHABLE)
BAD_EVIDENCE: tuple[dict[str, Any], ...] = (
    {"control": False},
    {"responder_trouble": "its agent is lost"},
    {"prober_trouble": "it was starved"},
    {"unclosed": "it stayed silent"},
)


@pytest.mark.parametrize("outcome", DENIALS)
def test_a_denial_with_every_proof_passes(outcome: Outcome) -> None:
    assert judge(Expectation.DENY, Evidence(outcome, **PROVEN)).verdict is Verdict.PASS


@pytest.mark.parametrize(("outcome", "lack"), list(itertools.product(DENIALS, BAD_EVIDENCE)))
def test_a_denial_that_lacks_one_proof_is_inconclusive_and_says_why(outcome: Outcome, lack: dict[str, Any]) -> None:
    judgement = judge(Expectation.DENY, Evidence(outcome, **(PROVEN | lack)))
    assert judgement.verdict is Verdict.INCONCLUSIVE
    assert judgement.reason


@pytest.mark.parametrize("expectation", [Expectation.DENY, Expectation.DROP, Expectation.REJECT])
def test_a_connection_where_a_denial_was_expected_is_a_leak_whatever_else_is_known(expectation: Expectation) -> None:
    for lack in ({}, *BAD_EVIDENCE):
        evidence = Evidence(Outcome.CONNECTED, **(PROVEN | lack))
        assert judge(expectation, evidence).verdict is Verdict.LEAK


def test_a_request_that_arrived_is_a_leak_even_if_the_reply_was_lost() -> None:
    judgement = judge(Expectation.DENY, Evidence(Outcome.TIMED_OUT, control=True, arrived=True))
    assert judgement.verdict is Verdict.LEAK
    assert "reply was lost" in judgement.reason


@pytest.mark.parametrize("outcome", [Outcome.RESET, Outcome.TIMED_OUT])
def test_a_handshake_that_was_completed_is_a_leak_even_if_no_reply_came(outcome: Outcome) -> None:
    judgement = judge(Expectation.DENY, Evidence(outcome, "EOF after connect", established=True, **PROVEN))
    assert judgement.verdict is Verdict.LEAK


@pytest.mark.parametrize(
    ("expectation", "outcome", "verdict"),
    [
        (Expectation.DROP, Outcome.TIMED_OUT, Verdict.PASS),
        (Expectation.DROP, Outcome.REFUSED, Verdict.WRONG_DENIAL),
        (Expectation.REJECT, Outcome.REFUSED, Verdict.PASS),
        (Expectation.REJECT, Outcome.UNREACHABLE, Verdict.PASS),
        (Expectation.REJECT, Outcome.TIMED_OUT, Verdict.WRONG_DENIAL),
    ],
)
def test_drop_and_reject_ask_for_one_kind_of_denial(
    expectation: Expectation, outcome: Outcome, verdict: Verdict
) -> None:
    assert judge(expectation, Evidence(outcome, **PROVEN)).verdict is verdict


@pytest.mark.parametrize("outcome", DENIALS)
def test_an_allow_that_fails_is_blocked_only_if_the_pair_ever_connected(outcome: Outcome) -> None:
    assert judge(Expectation.ALLOW, Evidence(outcome, control=True)).verdict is Verdict.BLOCKED
    assert judge(Expectation.ALLOW, Evidence(outcome, control=False)).verdict is Verdict.INCONCLUSIVE


@pytest.mark.parametrize("lack", BAD_EVIDENCE[1:3])
def test_an_allow_that_fails_while_an_end_is_unwell_is_inconclusive(lack: dict[str, Any]) -> None:
    assert judge(Expectation.ALLOW, Evidence(Outcome.TIMED_OUT, control=True, **lack)).verdict is Verdict.INCONCLUSIVE


def test_a_blocked_cell_says_whether_the_request_arrived() -> None:
    lost_reply = judge(Expectation.ALLOW, Evidence(Outcome.TIMED_OUT, control=True, arrived=True))
    lost_request = judge(Expectation.ALLOW, Evidence(Outcome.TIMED_OUT, control=True, arrived=False))
    assert "the request arrived, the reply did not" in lost_reply.reason
    assert "the request never arrived" in lost_request.reason


@pytest.mark.parametrize("expectation", [each for each in Expectation if each is not Expectation.EITHER])
def test_an_answer_of_somebody_else_is_misrouted(expectation: Expectation) -> None:
    assert judge(expectation, Evidence(Outcome.WRONG_RESPONDER, **PROVEN)).verdict is Verdict.MISROUTED


@pytest.mark.parametrize("expectation", list(Expectation))
@pytest.mark.parametrize("outcome", [Outcome.AGENT_ERROR, Outcome.UNRESOLVED, None])
def test_a_probe_that_was_not_made_proves_nothing(expectation: Expectation, outcome: Outcome | None) -> None:
    assert judge(expectation, Evidence(outcome, **PROVEN)).verdict is Verdict.INCONCLUSIVE


@pytest.mark.parametrize("expectation", list(Expectation))
def test_what_cannot_be_tried_here_is_unsupported(expectation: Expectation) -> None:
    assert judge(expectation, Evidence(Outcome.UNSUPPORTED)).verdict is Verdict.UNSUPPORTED


@pytest.mark.parametrize("expectation", list(Expectation))
def test_what_could_be_tried_before_is_not_unsupported_later(expectation: Expectation) -> None:
    """Unsupported cells fail no run: whatever became of the means to try it must not be hidden among them."""
    assert judge(expectation, Evidence(Outcome.UNSUPPORTED, **PROVEN)).verdict is Verdict.INCONCLUSIVE


def test_either_is_undefined_and_records_what_was_seen() -> None:
    for outcome in (Outcome.CONNECTED, *DENIALS, Outcome.WRONG_RESPONDER):
        assert judge(Expectation.EITHER, Evidence(outcome)).verdict is Verdict.UNDEFINED


def test_only_a_connection_or_a_fully_proven_denial_can_ever_pass() -> None:
    """Over the whole space of evidence: no other way leads to a pass."""
    troubles = ("", "unwell")
    for expectation, outcome, established, control, responder, prober, arrived, unclosed in itertools.product(
        Expectation,
        (*Outcome, None),
        (True, False),
        (True, False),
        troubles,
        troubles,
        (True, False, None),
        troubles,
    ):
        evidence = Evidence(outcome, None, established, control, responder, prober, arrived, unclosed)
        if judge(expectation, evidence).verdict is not Verdict.PASS:
            continue
        assert outcome is not None
        assert matches(expectation, outcome, established)
        if expectation.denies:
            assert not established
            assert control
            assert not responder
            assert not prober
            assert not arrived
            assert not unclosed
        else:
            assert (expectation, outcome) == (Expectation.ALLOW, Outcome.CONNECTED)


@pytest.mark.parametrize("expectation", [Expectation.DENY, Expectation.DROP, Expectation.REJECT])
def test_any_answer_of_a_nameserver_is_a_leak_where_a_denial_was_expected(expectation: Expectation) -> None:
    assert not matches(expectation, Outcome.UNRESOLVED, True)
    for lack in ({}, *BAD_EVIDENCE):
        judgement = judge(expectation, Evidence(Outcome.UNRESOLVED, "SERVFAIL", established=True, **(PROVEN | lack)))
        assert judgement.verdict is Verdict.LEAK
        assert "the nameserver answered (SERVFAIL)" in judgement.reason


def test_a_bad_answer_of_a_nameserver_is_inconclusive_where_allow_was_expected() -> None:
    judgement = judge(Expectation.ALLOW, Evidence(Outcome.UNRESOLVED, "NXDOMAIN", established=True, **PROVEN))
    assert judgement.verdict is Verdict.INCONCLUSIVE
    assert "NXDOMAIN" in judgement.reason


@pytest.mark.parametrize("expectation", list(Expectation))
def test_a_question_that_never_left_is_inconclusive(expectation: Expectation) -> None:
    assert judge(expectation, Evidence(Outcome.UNRESOLVED, "not an address")).verdict is Verdict.INCONCLUSIVE
