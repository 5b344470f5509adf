"""The arithmetic of a pod's first moments, and what it proves."""

from __future__ import annotations

from dataclasses import replace

import pytest

from probe.cluster.series import SKIPPED, Arrival, Entry, Run, Stall
from probe.engine.race.moments import arrivals, judge_race, judge_reuse, moments, spread_words
from probe.model.cell import Expectation, Verdict
from probe.model.record import StartedPodRecord

ALLOW, DENY = Expectation.ALLOW, Expectation.DENY


def run(first: int, count: int, outcome: str, cell: int = 0, established: bool | None = None) -> Run:
    through = outcome == "connected" if established is None else established
    return Run(cell, first, count, outcome, None, through, 0.0)


def pod(seconds: float | None, packets: int = 0, attempts: int = 100) -> StartedPodRecord:
    return StartedPodRecord("racer-0", "node-1", "10.0.0.1", seconds, packets, attempts)


def test_the_window_lasts_until_the_last_that_got_through_and_one_interval_more() -> None:
    entries: list[Entry] = [
        run(0, 5, "connected"),
        run(5, 95, "timed-out"),
        run(0, 100, "connected", cell=1),
        Stall(0.0, 1.0),
    ]
    seen = moments(entries, 0, 0.01, 0.005, [])
    assert (seen.attempts, seen.passed) == (100, (0, 1, 2, 3, 4))
    assert seen.window == pytest.approx(0.055)
    assert moments(entries[1:2], 0, 0.01, 0.005, []).window == 0


def test_a_handshake_counts_and_so_does_what_arrives_without_an_answer() -> None:
    entries = [run(0, 3, "timed-out"), run(3, 1, "timed-out", established=True), run(4, 6, "timed-out")]
    assert moments(entries, 0, 0.01, 0.0, [7]).passed == (3, 7)


def test_what_was_never_tried_is_no_attempt() -> None:
    entries = [run(0, 4, SKIPPED), run(4, 2, "timed-out")]
    assert moments(entries, 0, 0.01, 0.0, []).attempts == 2


@pytest.mark.parametrize("outcome", ["agent-error", "unsupported", "unresolved"])
def test_what_never_left_the_pod_is_no_attempt_so_that_its_silence_is_none(outcome: str) -> None:
    assert moments([run(0, 9, outcome)], 0, 0.01, 0.0, []).attempts == 0
    assert moments([run(0, 4, outcome), run(4, 5, "timed-out")], 0, 0.01, 0.0, []).attempts == 5
    assert moments([run(0, 9, outcome, established=True)], 0, 0.01, 0.0, []).passed == tuple(range(9))


def test_the_wait_ends_with_the_first_that_got_through() -> None:
    entries = [run(0, 7, "timed-out"), run(7, 90, "connected")]
    assert moments(entries, 0, 0.01, 0.002, []).wait == pytest.approx(0.072)
    assert moments(entries[:1], 0, 0.01, 0.002, []).wait is None


def test_arrivals_are_told_apart_by_agent_and_cell() -> None:
    entries: list[Entry] = [Arrival(1, 0, 5), Arrival(2, 0, 6), Arrival(1, 3, 7), run(0, 1, "connected")]
    assert arrivals(entries, 1) == {0: [5], 3: [7]}


def test_a_spread_in_words() -> None:
    assert spread_words([0.0, 0.012]) == "p50 0 ms, p99 12 ms, max 12 ms of 2 pods"


@pytest.mark.parametrize(
    ("expected", "limit", "pods", "verdict"),
    [
        (DENY, 0.0, [pod(0.0), pod(0.0)], Verdict.PASS),
        (DENY, 0.0, [pod(0.0), pod(0.01, 1)], Verdict.LEAK),
        (DENY, 0.05, [pod(0.0), pod(0.05, 5)], Verdict.PASS),
        (DENY, 0.05, [pod(0.0), pod(0.06, 6)], Verdict.LEAK),
        (DENY, None, [pod(0.06, 6)], Verdict.UNDEFINED),
        (ALLOW, None, [pod(0.0, 9), pod(0.4, 9)], Verdict.PASS),
        (ALLOW, 0.3, [pod(0.0, 9), pod(0.4, 9)], Verdict.BLOCKED),
        (ALLOW, None, [pod(0.0, 9), pod(None)], Verdict.BLOCKED),
    ],
)
def test_verdicts(expected: Expectation, limit: float | None, pods: list[StartedPodRecord], verdict: Verdict) -> None:
    assert judge_race(expected, limit, pods, "", "").verdict is verdict


def test_silence_has_to_be_earned() -> None:
    assert judge_race(DENY, 0.0, [pod(0.0)], "", "it never connected").verdict is Verdict.INCONCLUSIVE
    assert judge_race(DENY, 0.0, [pod(0.1, 1)], "", "it never connected").verdict is Verdict.LEAK, "a leak is a leak"
    assert judge_race(DENY, 0.0, [pod(0.0)], "an agent was lost", "").verdict is Verdict.INCONCLUSIVE
    assert judge_race(DENY, 0.0, [pod(0.1, 1)], "an agent was lost", "").verdict is Verdict.LEAK, "a leak is a leak"
    assert judge_race(DENY, None, [pod(0.1, 1)], "an agent was lost", "").verdict is Verdict.INCONCLUSIVE
    assert judge_race(DENY, 0.0, [], "", "").verdict is Verdict.INCONCLUSIVE


def test_addresses_that_no_pod_got_prove_nothing_of_used_ones() -> None:
    clean = judge_race(DENY, 0.0, [pod(0.0)], "", "")
    assert judge_reuse(clean, [replace(pod(0.0), reused=True), pod(0.0)]) == clean
    unsupported = judge_reuse(clean, [pod(0.0), pod(0.0)])
    assert unsupported.verdict is Verdict.UNSUPPORTED
    assert unsupported.reason == "none of 2 new pods got an address that another had just given up"
    leak = judge_race(DENY, 0.0, [pod(0.1, 3)], "", "")
    assert judge_reuse(leak, [pod(0.1, 3)]).verdict is Verdict.LEAK


def test_a_protocol_that_the_kernel_lacks_is_told_from_silence() -> None:
    assert moments([run(0, 9, "unsupported")], 0, 0.01, 0.0, []).unsupported
    assert not moments([run(0, 9, "timed-out")], 0, 0.01, 0.0, []).unsupported
    assert not moments([run(0, 9, "agent-error")], 0, 0.01, 0.0, []).unsupported
    assert not moments([run(0, 9, "unsupported"), run(9, 1, "timed-out")], 0, 0.01, 0.0, []).unsupported
