"""Which reports ``run`` and ``report`` write: ``-o``, as often as wanted, and ``--github``."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from probe.report.github import GitHub
    from probe.report.outputs import Outputs


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


def report_outputs(args: argparse.Namespace, default: str = "table") -> tuple[Outputs, GitHub | None]:
    """Where the reports go, tried beforehand; ``default`` goes to stdout if nothing else does. Raises UsageError for
    what cannot be meant or written."""
    from probe.report.github import GitHub
    from probe.report.outputs import Outputs

    outputs = Outputs.parse(args.output, default)
    outputs.check()
    return outputs, GitHub.of() if args.github else None
