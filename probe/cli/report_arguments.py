"""Which reports ``run`` and ``report`` write: ``-o``, as often as wanted, and ``--github``."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

from probe.model.errors import UsageError

if TYPE_CHECKING:
    from probe.report.github import GitHub
    from probe.report.outputs import Outputs
    from probe.report.workflow import Commands


def add_report_arguments(parser: argparse._ActionsContainer) -> None:
    """``--output`` and ``--github``."""
    parser.add_argument(
        "-o", "--output", action="append", default=[], metavar="FORMAT[=FILE]",
        help="table, wide, summary, json, junit, html, markdown, tap, prometheus or csv; may be repeated",
    )  # fmt: skip
    parser.add_argument(
        "--github", action="store_true",
        help="in GitHub Actions: append the Markdown to the step's summary, and annotate the scenarios' lines",
    )  # fmt: skip


def commands(args: argparse.Namespace) -> Commands:
    """How ``--github`` speaks to the runner: below the table, or on stderr where stdout is for programs."""
    from probe.report.outputs import Outputs
    from probe.report.workflow import Commands

    try:
        people = Outputs.parse(args.output).stdout_is_for_people
    except UsageError:  # which is told by who reads the outputs again
        people = False
    return Commands(sys.stdout if people else sys.stderr)


def report_outputs(args: argparse.Namespace, default: str = "table") -> tuple[Outputs, GitHub | None]:
    """Where the reports go, tried beforehand; ``default`` goes to stdout if nothing else does. Raises UsageError for
    what cannot be meant or written."""
    from probe.report.github import GitHub
    from probe.report.outputs import Outputs

    outputs = Outputs.parse(args.output, default)
    outputs.check()
    return outputs, GitHub.of(args.commands) if args.github else None
