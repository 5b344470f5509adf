"""Attempts as runs of equal outcomes."""

from __future__ import annotations

from typing import Any

import pytest

from cni_probe_agent.runs import Ended, Runs

GOOD = Ended("connected", None, True, 0.0, 0.001)
SILENT = Ended("timed-out", None, False, 0.0, 0.9)


@pytest.fixture
def emitted() -> list[list[Any]]:
    return []


def kinds(emitted: list[list[Any]]) -> list[tuple[int, int, str]]:
    """First number, count and outcome of each run."""
    return [(first, count, outcome) for first, count, outcome, *_ in emitted]


def test_a_run_lasts_until_the_outcome_changes(emitted: list[list[Any]]) -> None:
    runs = Runs(emitted.append)
    for number, ended in enumerate([GOOD, GOOD, GOOD, SILENT, GOOD]):
        runs.add(number, ended)
    assert kinds(emitted) == [(0, 3, "connected"), (3, 1, "timed-out")]
    runs.flush()
    assert kinds(emitted)[2:] == [(4, 1, "connected")]


def test_attempts_may_end_in_any_order(emitted: list[list[Any]]) -> None:
    runs = Runs(emitted.append)
    runs.add(1, GOOD)
    runs.add(2, GOOD)
    runs.flush()
    assert emitted == []  # nothing is known of the first
    runs.add(0, SILENT)
    runs.flush()
    assert kinds(emitted) == [(0, 1, "timed-out"), (1, 2, "connected")]


def test_a_flush_splits_a_run_and_counts_nothing_twice(emitted: list[list[Any]]) -> None:
    runs = Runs(emitted.append)
    runs.add(0, GOOD)
    runs.flush()
    runs.flush()
    runs.add(1, GOOD)
    runs.flush()
    assert kinds(emitted) == [(0, 1, "connected"), (1, 1, "connected")]


def test_another_error_or_an_established_connection_is_another_run(emitted: list[list[Any]]) -> None:
    runs = Runs(emitted.append)
    late = SILENT._replace(error="no reply after connect", established=True)
    for number, ended in enumerate([SILENT, late, late._replace(established=False)]):
        runs.add(number, ended)
    runs.flush()
    assert [run[3:5] for run in emitted] == [
        [None, 0],
        ["no reply after connect", 1],
        ["no reply after connect", 0],
    ]


def test_a_run_tells_the_worst_delay_and_the_longest_attempt(emitted: list[list[Any]]) -> None:
    runs = Runs(emitted.append)
    runs.add(0, GOOD._replace(late=0.2))
    runs.add(1, GOOD._replace(seconds=0.5))
    runs.flush()
    assert emitted[0][5:] == [0.2, 0.5]
