"""``cni-probe validate``: check scenario files, and do nothing else."""

from __future__ import annotations

import argparse

from probe.model.cell import ExitCode


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's arguments."""
    parser.add_argument("paths", nargs="+", metavar="PATH", help="scenario files or directories")


def run(args: argparse.Namespace) -> int:
    """Say what the files hold. Raises ScenarioError with every mistake of every file."""
    from probe.scenario import load_scenarios, make_plan

    scenarios = load_scenarios(args.paths)
    steps = sum(len(scenario.steps) for scenario in scenarios)
    cells = sum(len(step.cells) for scenario in scenarios for step in make_plan(scenario).steps)
    print(f"ok: {_count(len(scenarios), 'scenario')}, {_count(steps, 'step')}, {_count(cells, 'cell')}")
    return int(ExitCode.PASSED)


def _count(number: int, word: str) -> str:
    return f"{number:,} {word}{'' if number == 1 else 's'}"
