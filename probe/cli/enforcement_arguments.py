"""Arguments of commands that run scenarios: how late enforcement may be."""

from __future__ import annotations

import argparse
from dataclasses import replace

from probe.cli.durations import seconds
from probe.model.scenario import Scenario


def add_enforcement_arguments(group: argparse._ArgumentGroup) -> None:
    """``--max-enforcement`` and ``--strict``."""
    group.add_argument(
        "--max-enforcement",
        type=seconds,
        metavar="DURATION",
        help="a cell that is not as expected so long after the API server acknowledged the change is a leak, or "
        "blocked, though it be enforced later",
    )
    group.add_argument(
        "--strict",
        type=_grace,
        nargs="?",
        const=0.0,
        metavar="GRACE",
        help="nothing at all may get through where a denial is expected once a change is acknowledged, or GRACE after "
        "that (write --strict=500ms before a PATH); what was denied before and still is has no grace",
    )


def with_limits(scenario: Scenario, args: argparse.Namespace) -> Scenario:
    """The scenario with what the command line says instead of its own."""
    given = {"enforcement": args.max_enforcement, "grace": args.strict}
    told = {name: value for name, value in given.items() if value is not None}
    return replace(scenario, timeouts=replace(scenario.timeouts, **told))


def _grace(text: str) -> float:
    if text in ("0", "0s", "0ms"):
        return 0.0
    try:
        return seconds(text)
    except argparse.ArgumentTypeError as error:
        raise argparse.ArgumentTypeError(f"{error} (--strict takes the word after it: write --strict=0)") from None
