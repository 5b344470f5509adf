"""Which scenarios ``run`` and ``conformance`` take and in which order, what is known to fail, and when to stop."""

from __future__ import annotations

import argparse
import secrets
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from probe.model.errors import UsageError
from probe.model.events import Event, Noticed
from probe.model.known import KnownFailure
from probe.model.scenario import Scenario

if TYPE_CHECKING:
    from probe.scenario.select import Selection

_SEEDS = 1_000_000


def add_selection_arguments(parser: argparse._ActionsContainer) -> None:
    """The arguments that ``selected``, ``known_failures`` and the run itself read."""
    parser.add_argument(
        "--tag", action="append", default=[], metavar="KEY[=VALUE]",
        help="only scenarios with this label (VALUE may be a glob); given again with the same KEY: or that one, "
        "with another KEY: and that one",
    )  # fmt: skip
    parser.add_argument(
        "--include", action="append", default=[], metavar="REGEX",
        help="only scenarios in whose name this is found; given again: or that",
    )  # fmt: skip
    parser.add_argument(
        "--exclude", action="append", default=[], metavar="REGEX", help="no scenario in whose name this is found"
    )
    parser.add_argument(
        "--shard", metavar="I/N", help="the I-th of N parts that take about as long as each other, of what is chosen"
    )
    parser.add_argument(
        "--shuffle", metavar="SEED", help="in a random order: the same for the same number; `random` chooses one"
    )
    parser.add_argument(
        "--fail-fast", action="store_true", help="begin no further scenario once one has failed; exit code 1"
    )
    parser.add_argument(
        "--known-failures", type=Path, metavar="FILE",
        help="failures that are reported as known and fail no run (kind: KnownFailures)",
    )  # fmt: skip
    parser.add_argument(
        "--strict-known-failures", action="store_true", help="fail if one of them passes: the list is outdated"
    )


def selected(
    args: argparse.Namespace, scenarios: Sequence[Scenario], refused: Callable[[Scenario], str] = lambda scenario: ""
) -> Selection:
    """Those that are to be run, in their order. Raises UsageError."""
    from probe.scenario.select import Choice, parse_shard, select

    choice = Choice(
        tags=tuple(args.tag),
        include=tuple(args.include),
        exclude=tuple(args.exclude),
        shard=parse_shard(args.shard) if args.shard else None,
        shuffle=_seed(args.shuffle),
    )
    return select(scenarios, choice, refused)


def _seed(text: str | None) -> int | None:
    if text is None:
        return None
    if text == "random":
        return secrets.randbelow(_SEEDS)
    if not text.isdecimal():
        raise UsageError(f"--shuffle {text}: write a number, or `random`")
    return int(text)


def known_failures(args: argparse.Namespace) -> tuple[KnownFailure, ...]:
    """The list that is given, if one is. Raises ScenarioError for mistakes in it, UsageError."""
    from probe.scenario.known_failures import load_known_failures

    if args.known_failures is None:
        if args.strict_known_failures:
            raise UsageError("--strict-known-failures goes with --known-failures FILE")
        return ()
    return load_known_failures(args.known_failures)


def tell_unknown(
    failures: Sequence[KnownFailure], scenarios: Sequence[Scenario], emit: Callable[[Event], None]
) -> None:
    """Say which known failures are about no scenario at all: nobody would ever hear of them again."""
    for failure in failures:
        if not any(failure.is_about(scenario.name, step.name) for scenario in scenarios for step in scenario.steps):
            emit(Noticed(f"{failure.location}: the known failure {failure} is about no step of any scenario"))
