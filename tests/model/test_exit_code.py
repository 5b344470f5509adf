"""The exit code of a run, as a table."""

from __future__ import annotations

import pytest

from probe.model.cell import ExitCode, Verdict
from probe.model.exit_code import exit_code

V = Verdict


@pytest.mark.parametrize(
    ("counts", "interrupted", "problems", "expected"),
    [
        ({V.PASS: 9}, False, False, ExitCode.PASSED),
        ({V.PASS: 9, V.UNSUPPORTED: 3}, False, False, ExitCode.PASSED),
        ({V.PASS: 9, V.UNDEFINED: 3}, False, False, ExitCode.PASSED),
        ({V.PASS: 9, V.LEAK: 0}, False, False, ExitCode.PASSED),
        ({V.PASS: 9, V.LEAK: 1}, False, False, ExitCode.MISMATCH),
        ({V.PASS: 9, V.BLOCKED: 1}, False, False, ExitCode.MISMATCH),
        ({V.PASS: 9, V.MISROUTED: 1}, False, False, ExitCode.MISMATCH),
        ({V.PASS: 9, V.WRONG_DENIAL: 1}, False, False, ExitCode.MISMATCH),
        ({V.LEAK: 1}, False, False, ExitCode.MISMATCH),
        ({V.LEAK: 1, V.INCONCLUSIVE: 5}, False, True, ExitCode.MISMATCH),
        ({V.PASS: 9, V.INCONCLUSIVE: 1}, False, False, ExitCode.HARNESS),
        ({V.PASS: 9}, False, True, ExitCode.HARNESS),
        ({}, False, False, ExitCode.HARNESS),
        ({V.PASS: 0}, False, False, ExitCode.HARNESS),
        ({V.UNSUPPORTED: 9}, False, False, ExitCode.HARNESS),
        ({V.UNDEFINED: 9, V.UNSUPPORTED: 1}, False, False, ExitCode.HARNESS),
        ({V.PASS: 9, V.KNOWN: 3}, False, False, ExitCode.PASSED),
        ({V.PASS: 9}, True, False, ExitCode.INTERRUPTED),
        ({V.PASS: 9, V.LEAK: 1}, True, True, ExitCode.INTERRUPTED),
        ({}, True, False, ExitCode.INTERRUPTED),
    ],
)
def test_exit_code(counts: dict[Verdict, int], interrupted: bool, problems: bool, expected: ExitCode) -> None:
    assert exit_code(counts, interrupted, problems) is expected


def test_a_list_of_known_failures_that_is_outdated_counts_like_a_mismatch() -> None:
    assert exit_code({V.PASS: 9}, outdated=True) is ExitCode.MISMATCH
    assert exit_code({V.PASS: 9, V.INCONCLUSIVE: 1}, problems=True, outdated=True) is ExitCode.MISMATCH
    assert exit_code({V.PASS: 9}, interrupted=True, outdated=True) is ExitCode.INTERRUPTED


@pytest.mark.parametrize("verdict", [verdict for verdict in Verdict if verdict is not Verdict.PASS])
def test_no_verdict_but_pass_makes_a_run_green_on_its_own(verdict: Verdict) -> None:
    assert exit_code({verdict: 1}) is not ExitCode.PASSED
