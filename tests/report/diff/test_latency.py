"""When enforcement is said to be slower, and when too little is known to say anything."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from probe.model.cell import ExitCode
from probe.model.record import Change, RunRecord
from probe.report.diff.compare import compare
from probe.report.diff.latency import Bound, Kind, chance_of, runs_needed, slowdowns


def runs(build: Any, times: Sequence[float], expected: str = "deny") -> RunRecord:
    """A record whose scenario was repeated; the change took so long to be enforced in each."""
    opposite = "allow" if expected == "deny" else "deny"
    cells = {"expected": expected}
    scenarios = [
        build.scenario(
            build.step([build.cell(expected=opposite), build.cell(port="81/TCP")], name="open", changes=[]),
            build.step(
                [build.cell(matched_after=time, **cells), build.cell(port="81/TCP", matched_after=9.0)], name="changed"
            ),
            repeat=number,
        )
        for number, time in enumerate(times, 1)
    ]
    record: RunRecord = build.run(*scenarios)
    return record


FAST = (0.10, 0.12, 0.11, 0.14, 0.13)
SLOW = (3.1, 3.0, 3.3, 3.2, 3.05)


@pytest.mark.parametrize(("expected", "kind"), [("deny", Kind.DENY), ("allow", Kind.ALLOW)])
def test_runs_that_are_all_slower_are_a_regression(build: Any, expected: str, kind: Kind) -> None:
    found = compare(runs(build, FAST, expected), runs(build, SLOW, expected))
    (slow,) = found.slowdowns
    assert (slow.kind, slow.is_worse, slow.medians) == (kind, True, (0.12, 3.1))
    assert slow.chance == pytest.approx(2 / 252)
    assert found.exit_code is ExitCode.MISMATCH


def test_faster_and_equal_runs_are_none(build: Any) -> None:
    assert not compare(runs(build, SLOW), runs(build, FAST)).regressed
    assert not compare(runs(build, FAST), runs(build, FAST)).regressed


def test_a_difference_within_the_measurements_grain_is_none(build: Any) -> None:
    later = tuple(time + 0.3 for time in FAST)
    (slow,) = compare(runs(build, FAST), runs(build, later)).slowdowns
    assert slow.chance is not None
    assert slow.chance <= Bound().chance
    assert not slow.is_worse
    assert compare(runs(build, FAST), runs(build, later), Bound(seconds=0.2)).regressed


def test_one_slow_run_of_many_is_chance(build: Any) -> None:
    assert not compare(runs(build, FAST), runs(build, (*FAST[:4], 9.0))).regressed


def test_too_few_runs_say_nothing_whatever_they_show(build: Any) -> None:
    (slow,) = compare(runs(build, FAST[:4]), runs(build, SLOW[:4])).slowdowns
    assert (slow.chance, slow.is_worse) == (None, False)
    assert runs_needed(Bound()) == 5
    assert runs_needed(Bound(chance=0.05)) == 4


def test_only_cells_whose_expectation_changed_tell_of_latency(build: Any) -> None:
    """The cell that stays open took nine seconds, which is no enforcement."""
    (slow,) = slowdowns(runs(build, FAST), runs(build, FAST), Bound())
    assert max(*slow.before, *slow.after) < 1


def test_revocations_are_compared_with_new_denies_of_records_that_do_not_know_them(build: Any) -> None:
    later = runs(build, SLOW)
    for scenario in later.scenarios:
        scenario.steps[1].cells = [replace(cell, change=Change.REVOCATION) for cell in scenario.steps[1].cells[:1]]
    (slow,) = slowdowns(runs(build, FAST), later, Bound())
    assert (slow.kind, slow.is_worse, slow.after) == (Kind.DENY, True, SLOW)


def test_a_time_that_an_agent_without_cpu_told_is_not_compared(build: Any) -> None:
    later = runs(build, SLOW)
    for scenario in later.scenarios:
        scenario.steps[1].cells = [replace(cell, untimed="starved") for cell in scenario.steps[1].cells]
    assert list(slowdowns(runs(build, FAST), later, Bound())) == []


def test_steps_that_only_one_side_has_are_left_out(build: Any) -> None:
    renamed = runs(build, SLOW)
    for scenario in renamed.scenarios:
        scenario.steps[1].name = "another"
    assert list(slowdowns(runs(build, FAST), renamed, Bound())) == []


def test_the_chance_is_that_of_all_arrangements() -> None:
    """By hand: of the six ways to choose two of four distinct numbers, one ranks as high as the two highest."""
    assert chance_of((1, 2), (3, 4)) == pytest.approx(1 / 6)
    assert chance_of((3, 4), (1, 2)) == 1
    assert chance_of((1, 1), (1, 1)) == 1


def test_many_runs_are_approximated_closely() -> None:
    before, after = [n + 0.5 * (n % 3) for n in range(8)], [n + 1.7 for n in range(8)]
    exact = chance_of(before[:7], after[:7])
    counted = [sum(new > old for new in chosen for old in rest) for chosen, rest in _splits([*before[:7], *after[:7]])]
    seen = sum(new > old for new in after[:7] for old in before[:7])
    assert exact == pytest.approx(sum(each >= seen for each in counted) / len(counted), abs=0.02)
    long = chance_of(before * 2, after * 2)
    assert 0 < long < chance_of(before[:4], after[:4])


def _splits(values: Sequence[float]) -> list[tuple[list[float], list[float]]]:
    half = len(values) // 2
    everything = range(len(values))
    return [
        ([values[i] for i in chosen], [values[i] for i in everything if i not in chosen])
        for chosen in itertools.combinations(everything, half)
    ]
