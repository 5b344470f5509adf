"""Too late is only what is certainly too late."""

from __future__ import annotations

import pytest

from probe.engine.agent import Sample
from probe.engine.judge import Evidence, judge
from probe.engine.limits import Lateness, Limits
from probe.engine.track import Track
from probe.model.cell import Cell, Expectation, Outcome, Protocol, Verdict
from probe.model.plan import PlannedCell

CELL = Cell("shop/a", "shop/b", 80, Protocol.TCP)
DENY, ALLOW = Expectation.DENY, Expectation.ALLOW


def track(expectation: Expectation, *outcomes: tuple[float, bool]) -> Track:
    """A track that saw attempts sent at these times, each with whether it got through."""
    found = Track(PlannedCell(CELL, expectation), 1000.0)
    for at, through in outcomes:
        outcome = Outcome.CONNECTED if through else Outcome.TIMED_OUT
        found.see(Sample(outcome, at=1000 + at, seconds=0.001, established=through), "converge", 0.4)
    return found


def look(limits: Limits, found: Track, *, stays_denied: bool = False) -> tuple[bool, bool]:
    """Whether it is certainly late, and whether it may be."""
    lateness = limits.look(found, stays_denied=stays_denied)
    return bool(lateness.late), lateness.perhaps


def test_without_limits_whatever_converges_is_in_time() -> None:
    found = track(DENY, (9.0, True), (9.5, False))
    assert Limits(None, None, 0.001).look(found, stays_denied=True) == Lateness()


@pytest.mark.parametrize(
    ("missed", "matched", "expected"),
    [
        (0.9, 0.95, (False, False)),
        (0.95, 1.05, (False, True)),
        (1.005, 1.05, (False, True)),  # within the error of the clocks
        (1.02, 1.05, (True, False)),
    ],
)
@pytest.mark.parametrize("expectation", [DENY, ALLOW])
def test_a_bracket_that_has_the_limit_within_it_is_said_and_passes(
    expectation: Expectation, missed: float, matched: float, expected: tuple[bool, bool]
) -> None:
    denies = expectation.denies
    found = track(expectation, (0.0, denies), (missed, denies), (matched, not denies))
    assert look(Limits(1.0, None, 0.01), found) == expected


def test_grace_is_for_denials_alone() -> None:
    limits = Limits(None, 0.5, 0.001)
    assert look(limits, track(DENY, (0.6, True), (0.7, False))) == (True, False)
    assert look(limits, track(DENY, (0.4, True), (0.45, False))) == (False, False)
    assert look(limits, track(ALLOW, (0.6, False), (0.7, True))) == (False, False)


def test_a_leak_between_two_denials_counts_though_the_first_was_in_time() -> None:
    flapping = track(DENY, (0.1, False), (0.9, True), (1.0, False))
    assert look(Limits(None, 0.5, 0.001), flapping) == (True, False)
    assert look(Limits(0.5, None, 0.001), flapping) == (True, False)


def test_what_was_denied_all_the_time_has_no_grace() -> None:
    leak = track(DENY, (0.01, True), (0.06, False))
    assert look(Limits(None, 10.0, 0.001), leak) == (False, False)
    assert look(Limits(None, 10.0, 0.001), leak, stays_denied=True) == (True, False)
    assert look(Limits(5.0, None, 0.001), leak, stays_denied=True) == (False, False), "only --strict asks for that"


def test_a_failed_attempt_of_an_agent_without_cpu_proves_no_lateness_but_a_leak_is_a_leak() -> None:
    starved = Sample(Outcome.TIMED_OUT, at=1002.0, seconds=0.4, lag=0.3)
    found = track(ALLOW, (2.5, True))
    found.see(starved, "converge", 0.4)
    assert look(Limits(1.0, None, 0.001), found) == (False, False)
    leaking = track(DENY, (2.5, False))
    leaking.see(Sample(Outcome.CONNECTED, at=1002.0, established=True, lag=0.3), "converge", 0.4)
    assert look(Limits(1.0, None, 0.001), leaking) == (True, False)


def test_what_came_too_late_is_a_leak_or_blocked_with_a_reason_of_its_own() -> None:
    late = Limits(1.0, None, 0.0).look(track(DENY, (1.5, True), (1.6, False)), stays_denied=False).late
    assert late == "it still got through 1.500 s after the change was acknowledged (the limit is 1 s)"
    denied = judge(DENY, Evidence(Outcome.TIMED_OUT, control=True, arrived=False, late=late))
    assert (denied.verdict, denied.reason) == (Verdict.LEAK, f"expected deny, but {late}")
    assert judge(DENY, Evidence(None, late=late)).verdict is Verdict.LEAK, "it needs no proof but itself"
    assert judge(ALLOW, Evidence(Outcome.CONNECTED, late=late)).verdict is Verdict.BLOCKED
    assert judge(ALLOW, Evidence(Outcome.AGENT_ERROR, late=late)).verdict is Verdict.INCONCLUSIVE
