"""The rules of proof: what was seen of a cell, and what it proves.

A deny must be earned: the same pair connected earlier in the run, the responder was alive, the prober was
healthy, and the request did not arrive. Anything less is inconclusive, which is an error and never a pass.
"""

from __future__ import annotations

from dataclasses import dataclass

from probe.model.cell import Expectation, Outcome, Verdict


@dataclass(frozen=True, slots=True)
class Evidence:
    """What is known of a cell after its confirmation.

    ``outcome`` is the confirming attempt's (None: it was not made) and ``error`` its errno or text. ``established``: at
    least its handshake was completed. ``control``: the same pair connected earlier in the run. ``responder_trouble``
    and ``prober_trouble`` say what is wrong with an end (empty: proven healthy at the time). ``arrived``: the responder
    has a receipt for the request (None: not asked). ``unclosed`` says why the control after the denial, with
    the policies lifted, does not stand for it (empty: it does, or is still to come). ``late`` says what was certainly
    later than the run tolerates (empty: nothing).
    """

    outcome: Outcome | None
    error: str | None = None
    established: bool = False
    control: bool = False
    responder_trouble: str = ""
    prober_trouble: str = ""
    arrived: bool | None = None
    unclosed: str = ""
    late: str = ""


@dataclass(frozen=True, slots=True)
class Judgement:
    """A verdict with its reason in one sentence (empty for a plain pass)."""

    verdict: Verdict
    reason: str = ""


def matches(expectation: Expectation, outcome: Outcome, established: bool) -> bool:
    """Whether one attempt looks as expected. Necessary for a pass, never sufficient for a deny."""
    if expectation.denies and established:
        return False
    match expectation:
        case Expectation.ALLOW:
            return outcome is Outcome.CONNECTED
        case Expectation.DENY:
            return outcome.is_denial
        case Expectation.DROP:
            return outcome is Outcome.TIMED_OUT
        case Expectation.REJECT:
            return outcome.is_rejection
        case Expectation.EITHER:
            return True


def judge(expectation: Expectation, evidence: Evidence) -> Judgement:
    """The verdict that the evidence carries, and no more than that."""
    outcome = evidence.outcome
    if evidence.late and expectation.denies:  # what got through needs no further proof
        return Judgement(Verdict.LEAK, f"expected {expectation}, but {evidence.late}")
    if outcome is None:
        return _inconclusive("it was not confirmed")
    if outcome is Outcome.UNSUPPORTED:
        if evidence.control:
            return _inconclusive(f"it cannot be tried any more, though the pair connected in this run{_said(evidence)}")
        return Judgement(Verdict.UNSUPPORTED, evidence.error or "cannot be tried here")
    if outcome is Outcome.AGENT_ERROR or (outcome is Outcome.UNRESOLVED and not evidence.established):
        return _inconclusive(f"the probe could not be made: {evidence.error or outcome}")
    if outcome is Outcome.WRONG_RESPONDER:
        if expectation is Expectation.EITHER:
            return Judgement(Verdict.UNDEFINED, "somebody else answered")
        return Judgement(Verdict.MISROUTED, f"somebody else answered{_said(evidence)}")
    if expectation is Expectation.EITHER:
        return Judgement(Verdict.UNDEFINED, f"the API leaves it open; seen: {outcome}")
    if expectation is Expectation.ALLOW:
        return _judge_allow(outcome, evidence)
    return _judge_denial(expectation, outcome, evidence)


def _judge_allow(outcome: Outcome, evidence: Evidence) -> Judgement:
    if outcome is Outcome.CONNECTED:
        late = f"expected allow, but {evidence.late}"
        return Judgement(Verdict.BLOCKED, late) if evidence.late else Judgement(Verdict.PASS)
    if outcome is Outcome.UNRESOLVED:
        return _inconclusive(f"expected allow, but the answer is no good{_said(evidence)}: no policy does that")
    trouble = _trouble(evidence)
    if trouble:
        return _inconclusive(f"expected allow, but {outcome}{_said(evidence)}; {trouble}")
    if not evidence.control:
        return _inconclusive(
            f"expected allow, but {outcome}{_said(evidence)}; the pair never connected in this run, "
            "so nothing says that a policy blocks it"
        )
    where = "the request arrived, the reply did not" if evidence.arrived else "the request never arrived"
    arrived = "" if evidence.arrived is None else f"; {where}"
    return Judgement(Verdict.BLOCKED, f"expected allow, but {outcome}{_said(evidence)}{arrived}")


def _judge_denial(expectation: Expectation, outcome: Outcome, evidence: Evidence) -> Judgement:
    if outcome is Outcome.CONNECTED:
        return Judgement(Verdict.LEAK, f"expected {expectation}, but it connected")
    if outcome is Outcome.UNRESOLVED:
        return Judgement(Verdict.LEAK, f"expected {expectation}, but the nameserver answered{_said(evidence)}")
    if evidence.established:
        return Judgement(Verdict.LEAK, f"expected {expectation}, but the handshake was completed{_said(evidence)}")
    if evidence.arrived:
        reason = f"expected {expectation}, but the request reached the responder; only the reply was lost ({outcome})"
        return Judgement(Verdict.LEAK, reason)
    trouble = _trouble(evidence)
    if trouble:
        return _inconclusive(f"{outcome}{_said(evidence)} looks like a denial, but {trouble}")
    if not evidence.control:
        return _inconclusive(
            f"{outcome} proves nothing: the pair never connected before it in this run (no positive control)"
        )
    if evidence.unclosed:
        return _inconclusive(f"{outcome} proves nothing: {evidence.unclosed}")
    if not matches(expectation, outcome, evidence.established):
        wanted = "a silent drop" if expectation is Expectation.DROP else "a reject"
        return Judgement(Verdict.WRONG_DENIAL, f"denied, but not by {wanted}: {outcome}{_said(evidence)}")
    return Judgement(Verdict.PASS)


def _trouble(evidence: Evidence) -> str:
    return evidence.prober_trouble or evidence.responder_trouble


def _said(evidence: Evidence) -> str:
    return f" ({evidence.error})" if evidence.error else ""


def _inconclusive(reason: str) -> Judgement:
    return Judgement(Verdict.INCONCLUSIVE, reason)
