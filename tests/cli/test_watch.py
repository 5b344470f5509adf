"""What is wrong with the words of `watch` is said before anything is touched."""

from __future__ import annotations

import argparse
from pathlib import Path

import pytest

from probe.cli import main
from probe.cli.watch import add_arguments, chosen, environment, watch_options
from probe.model.cell import ExitCode
from probe.model.errors import UsageError
from probe.model.watch import Budget
from probe.scenario.load import load_scenarios

SEEDS = Path(__file__).parents[2] / "scenarios" / "seeds"


def parsed(*words: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    return parser.parse_args(["shop.yaml", *words])


def test_what_is_not_said_is_strict_about_leaks_and_forgives_a_lost_packet() -> None:
    options = watch_options(parsed("--for", "1.5m"))
    assert (options.seconds, options.command, options.rate) == (90.0, None, 5.0)
    assert options.budget == Budget(leak=0, outage=1.0, leak_total=None, outage_total=None, gap=2.0)


def test_everything_can_be_said() -> None:
    words = (
        "--until", "make upgrade", "--settle", "5s", "--rate", "10", "--max-load", "100", "--max-leak", "3",
        "--max-leak-total", "9", "--max-outage", "0", "--max-outage-total", "500ms", "--max-gap", "4",
        "--connections", "--max-cut", "1",
    )  # fmt: skip
    options = watch_options(parsed(*words))
    assert (options.command, options.settle, options.rate, options.max_load) == ("make upgrade", 5.0, 10.0, 100.0)
    assert options.budget == Budget(3, 0.0, 9, 0.5, 4.0, cut=1)
    assert options.connections


def test_all_mistakes_are_told_at_once() -> None:
    with pytest.raises(UsageError) as caught:
        watch_options(parsed("--for", "0.5", "--rate", "0", "--max-load", "-1", "--max-leak", "-1"))
    assert str(caught.value).splitlines() == [
        "--rate must be a positive number, not 0",
        "--max-load must be a positive number, not -1",
        "--max-leak must not be negative",
        "--for 0.5 s is too short: at least 1 s",
    ]
    with pytest.raises(UsageError, match="--until wants a command"):
        watch_options(parsed("--until", " "))


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


def test_the_command_meets_the_same_cluster(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KUBECONFIG", "/from/environment")
    assert environment(parsed("--for", "1m"))["KUBECONFIG"] == "/from/environment"
    assert environment(parsed("--for", "1m", "--kubeconfig", "/named"))["KUBECONFIG"] == "/named"


def test_a_cluster_that_is_not_there_is_told_like_in_a_run(capsys: pytest.CaptureFixture[str]) -> None:
    path = next(SEEDS.glob("*.yaml"))
    words = ["watch", str(path), "--for", "1m", "--kubeconfig", "/nowhere", "--scenario"]
    assert main([*words, load_scenarios([path])[0].name]) == ExitCode.USAGE
    assert "/nowhere does not exist" in capsys.readouterr().err
