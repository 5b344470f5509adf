"""What is wrong with the words of `watch` is said before anything is touched."""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

import pytest

from probe.cli import main
from probe.cli.watch import add_arguments, check_watch_arguments, chosen, watch_options
from probe.model.cell import ExitCode
from probe.model.errors import Location, ScenarioError, UsageError
from probe.model.scenario import Scenario, Watching
from probe.model.watch import Budget
from probe.scenario.load import load_scenarios
from probe.scenario.watching import ANY

SEEDS, OVER_TIME = (Path(__file__).parents[2] / "scenarios" / name for name in ("seeds", "over-time"))


def parsed(*words: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    return parser.parse_args(["shop.yaml", *words])


def shipped() -> Scenario:
    """It says what may go wrong while it is watched."""
    return load_scenarios([OVER_TIME / "upgrade.yaml"])[0]


def silent() -> Scenario:
    """It says nothing of it."""
    return replace(shipped(), watch=None)


def test_what_is_not_said_is_strict_about_leaks_and_forgives_a_lost_packet() -> None:
    options = watch_options(parsed("--for", "1.5m"), silent())
    assert (options.seconds, options.command, options.how.rate) == (90.0, None, 5.0)
    assert options.how.budget == Budget(leak=0, outage=1.0, leak_total=None, outage_total=None, gap=2.0)
    assert options.connections == ()


def test_everything_can_be_said() -> None:
    words = (
        "--until", "make upgrade", "--settle", "5s", "--rate", "10", "--max-load", "100", "--max-leak", "3",
        "--max-leak-total", "9", "--max-outage", "0", "--max-outage-total", "500ms", "--max-gap", "4",
        "--connections", "--max-cut", "1", "--heartbeat", "50ms",
    )  # fmt: skip
    options = watch_options(parsed(*words), silent())
    how = options.how
    assert (options.command, how.settle, how.rate, how.max_load, how.heartbeat) == (
        "make upgrade",
        5.0,
        10.0,
        100,
        0.05,
    )
    assert how.budget == Budget(3, 0.0, 9, 0.5, 4.0, cut=1)
    (wanted,) = options.connections
    assert {cell.destination for cell in wanted.cells} == {"shop/web", "shop/api", "shop/db"}


def test_the_scenario_says_the_rest_and_arguments_go_over_it() -> None:
    options = watch_options(parsed("--for", "1m", "--max-outage", "3s"), shipped())
    assert options.how.budget == Budget(leak=0, outage=3.0, outage_total=4.0, cut=0)
    (wanted,) = options.connections
    assert {(cell.source, cell.destination) for cell in wanted.cells} == {("shop/api", "shop/db")}
    assert watch_options(parsed("--for", "1m", "--no-connections"), shipped()).connections == ()


def test_connections_that_the_step_has_none_of_are_told_at_once() -> None:
    rule = replace(ANY, sources=("shop/stranger",), destinations=("shop/db",), location=Location("shop.yaml", 7, 3))
    scenario = replace(shipped(), watch=Watching(connections=(rule,)))
    with pytest.raises(ScenarioError, match=r"shop\.yaml:7:3: .*none of these cells is expected to be allowed in step"):
        watch_options(parsed("--for", "1m"), scenario)


def test_all_mistakes_are_told_at_once() -> None:
    with pytest.raises(UsageError) as caught:
        check_watch_arguments(
            parsed("--for", "0.5", "--rate", "0", "--max-load", "-1", "--max-leak", "-1", "--heartbeat", "3s")
        )
    assert str(caught.value).splitlines() == [
        "--rate must be a positive number, not 0",
        "--max-load must be a positive number, not -1",
        "--max-leak must not be negative",
        "--heartbeat must be from 20ms to 2s",
        "--for 0.5 s is too short: at least 1 s",
    ]
    with pytest.raises(UsageError, match="--until wants a command"):
        check_watch_arguments(parsed("--until", " "))


@pytest.mark.parametrize("words", [(), ("--for", "1m", "--until", "true"), ("--for", "soon")])
def test_how_long_is_said_in_one_way(capsys: pytest.CaptureFixture[str], words: tuple[str, ...]) -> None:
    with pytest.raises(SystemExit):
        parsed(*words)
    assert "--for" in capsys.readouterr().err


def test_one_scenario_is_watched_up_to_one_step() -> None:
    scenarios = load_scenarios([SEEDS])
    names = [scenario.name for scenario in scenarios]
    with pytest.raises(UsageError, match=f"choose one with --scenario: {names[0]}"):
        chosen(scenarios, None, None)
    with pytest.raises(UsageError, match="--scenario shop: there is none"):
        chosen(scenarios, "shop", None)
    scenario = scenarios[0]
    assert chosen(scenarios, scenario.name, None) == scenario
    steps = [step.name for step in scenario.steps]
    assert [step.name for step in chosen(scenarios, scenario.name, steps[1]).steps] == steps[:2]
    with pytest.raises(UsageError, match="--step nowhere: "):
        chosen(scenarios, scenario.name, "nowhere")
    stated = replace(scenario, watch=Watching(step=steps[0]))
    assert len(chosen([stated], None, None).steps) == 1
    assert len(chosen([stated], None, steps[1]).steps) == 2


def test_a_cluster_that_is_not_there_is_told_like_in_a_run(capsys: pytest.CaptureFixture[str]) -> None:
    path = next(SEEDS.glob("*.yaml"))
    words = ["watch", str(path), "--for", "1m", "--kubeconfig", "/nowhere", "--scenario"]
    assert main([*words, load_scenarios([path])[0].name]) == ExitCode.USAGE
    assert "/nowhere does not exist" in capsys.readouterr().err
