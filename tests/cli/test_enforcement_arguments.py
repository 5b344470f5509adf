"""``--max-enforcement`` and ``--strict``: durations, and what scenarios say instead."""

from __future__ import annotations

import argparse
from dataclasses import replace

import pytest

from probe.cli.enforcement_arguments import add_enforcement_arguments, with_limits
from probe.cli.main import main
from probe.model.fleet import Fleet
from probe.model.scenario import Scenario, Timeouts

SCENARIO = Scenario("s", Fleet(()), (), "s.yaml", timeouts=Timeouts(enforcement=7.0, grace=0.7))


def limits(*words: str) -> tuple[float | None, float | None]:
    """What the scenario's limits become."""
    parser = argparse.ArgumentParser()
    add_enforcement_arguments(parser.add_argument_group("how"))
    timeouts = with_limits(SCENARIO, parser.parse_args(words)).timeouts
    assert replace(timeouts, enforcement=7.0, grace=0.7) == SCENARIO.timeouts, "nothing else changes"
    return timeouts.enforcement, timeouts.grace


def test_what_is_not_said_is_the_scenarios_to_say() -> None:
    assert limits() == (7.0, 0.7)


def test_durations_are_as_in_scenarios() -> None:
    assert limits("--max-enforcement", "1500ms") == (1.5, 0.7)
    assert limits("--max-enforcement=2", "--strict=300ms") == (2.0, 0.3)


@pytest.mark.parametrize("words", [["--strict"], ["--strict=0"], ["--strict", "0s"]])
def test_strict_alone_tolerates_nothing(words: list[str]) -> None:
    assert limits(*words) == (7.0, 0.0)


def test_a_path_that_strict_would_swallow_is_a_mistake_with_a_hint(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["run", "--strict", "scenarios/seeds"])
    assert ended.value.code == 2
    assert "write --strict=0" in capsys.readouterr().err


@pytest.mark.parametrize("command", [["run", "x.yaml"], ["conformance"]])
def test_whoever_runs_scenarios_takes_them(command: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main([*command, "--max-enforcement", "soon"])
    assert "not a duration" in capsys.readouterr().err
