"""What commands do where a scenario states what its policies contradict: an error, unless the scenario is trusted."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Sequence
from dataclasses import replace

from probe.model.cell import Family
from probe.model.errors import Problem, ScenarioError
from probe.model.plan import Plan
from probe.model.scenario import Scenario


def add_trust_argument(parser: argparse._ActionsContainer) -> None:
    """The argument that ``plans`` takes."""
    parser.add_argument(
        "--trust-scenario", action="store_true",
        help="where an expectation contradicts the policies, go on with what is stated, and say so",
    )  # fmt: skip


def plans(scenarios: Iterable[Scenario], families: Sequence[Family], *, trust: bool) -> list[Plan]:
    """The plans with computed expectations filled in, as far as that is possible without a cluster.

    Raises ScenarioError for every expectation that the policies contradict; with ``trust`` they are said on stderr.
    """
    from probe.engine.computed import computed_plan
    from probe.scenario import make_plan

    found: list[Plan] = []
    problems: list[Problem] = []
    for scenario in scenarios:
        plan, wrong = computed_plan(make_plan(scenario, families))
        found.append(plan)
        problems += wrong
    if problems and not trust:
        hint = "correct one of them, or go by what is stated with --trust-scenario"
        raise ScenarioError([replace(problem, hint=hint) for problem in problems])
    for problem in problems:
        print(f"warning: {problem}; what is stated counts", file=sys.stderr)
    return found
