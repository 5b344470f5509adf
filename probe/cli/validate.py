"""``cni-probe validate``: check scenario and run configuration files, and do nothing else."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from probe.cli.expectations import add_trust_argument, plans
from probe.model.cell import ExitCode, Family
from probe.model.errors import Problem, ScenarioError
from probe.model.scenario import Scenario


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's arguments."""
    parser.add_argument(
        "paths", nargs="+", metavar="PATH", help="scenario files, directories of them, or run configurations"
    )
    add_trust_argument(parser)


def run(args: argparse.Namespace) -> int:
    """Say what the files hold. Raises ScenarioError with every mistake of every file."""
    from probe.scenario import load_scenarios
    from probe.scenario.run_config import is_run_config, load_run_config

    configs = [path for path in map(Path, args.paths) if is_run_config(path)]
    problems = list(_problems_of(load_run_config, configs))
    paths = [path for path in args.paths if Path(path) not in configs]
    scenarios: list[Scenario] = []
    try:
        scenarios = load_scenarios(paths) if paths else []
    except ScenarioError as error:
        problems += error.problems
    if problems:
        raise ScenarioError(problems)
    steps = sum(len(scenario.steps) for scenario in scenarios)
    found = plans(scenarios, [Family.IPV4], trust=args.trust_scenario)
    cells = sum(len(step.cells) for plan in found for step in plan.steps)
    counts = [_count(len(scenarios), "scenario"), _count(steps, "step"), _count(cells, "cell")] if paths else []
    counts += [_count(len(configs), "run configuration")] if configs else []
    print(f"ok: {', '.join(counts)}")
    return int(ExitCode.PASSED)


def _problems_of(load: Callable[[Path], object], paths: Iterable[Path]) -> Iterator[Problem]:
    for path in paths:
        try:
            load(path)
        except ScenarioError as error:
            yield from error.problems


def _count(number: int, word: str) -> str:
    return f"{number:,} {word}{'' if number == 1 else 's'}"
