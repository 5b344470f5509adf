"""``cni-probe diff``: two runs compared, for regressions after an upgrade. Needs no cluster."""

from __future__ import annotations

import argparse
import math
import sys
from pathlib import Path
from typing import TextIO

from probe.cli.reading import read_run
from probe.model.errors import UsageError
from probe.report.diff.compare import Comparison, compare
from probe.report.diff.latency import Bound

_FILE_WIDTH = 100
"""Columns of a table that goes to a file."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's arguments."""
    parser.add_argument("before", metavar="BEFORE", type=Path, help="record (run -o json) or journal of the run before")
    parser.add_argument("after", metavar="AFTER", type=Path, help="one of the run after")
    parser.add_argument(
        "-o", "--output", action="append", default=[], metavar="FORMAT[=FILE]",
        help="table (default), json, markdown, junit or html; may be repeated",
    )  # fmt: skip
    bound = Bound()
    parser.add_argument(
        "--slower-by", type=float, default=bound.seconds, metavar="SECONDS",
        help=f"least difference of the medians that counts as slower enforcement (default: {bound.seconds:g})",
    )  # fmt: skip
    parser.add_argument(
        "--chance", type=float, default=bound.chance, metavar="P",
        help=f"and the largest probability that chance alone explains it (default: {bound.chance:g})",
    )  # fmt: skip
    parser.epilog = (
        "Exit code 1: something regressed. 3: nothing did, but what was proven before is not now, or a run was not "
        "completed. 0: neither."
    )


def run(args: argparse.Namespace) -> int:
    """Compare and report. Raises UsageError for what cannot be read or compared, or not be written."""
    from probe.report.diff.render import FORMATS
    from probe.report.sinks import Output, check_file, distinct, parse_output, write_file

    outputs = [parse_output(value, FORMATS) for value in args.output]
    if not distinct(outputs):
        outputs.append(Output("table"))
    for output in outputs:
        if output.path:
            check_file(output.path)
    if not 0 < args.chance < 1:
        raise UsageError(f"--chance must be between 0 and 1, not {args.chance:g}")
    if not 0 <= args.slower_by < math.inf:
        raise UsageError(f"--slower-by must be a number of seconds, not {args.slower_by:g}")
    found = compare(read_run(args.before), read_run(args.after), Bound(args.chance, args.slower_by))
    for output in outputs:
        if output.path is None:
            show(found, sys.stdout, output.format)
        else:
            write_file(output.path, FORMATS[output.format](found, _FILE_WIDTH))
    return int(found.exit_code)


def show(found: Comparison, stream: TextIO, format: str = "table") -> None:
    """Print a comparison in the stream's width."""
    from probe.report.diff.render import FORMATS
    from probe.report.outputs import stream_options
    from probe.report.sinks import print_pieces

    print_pieces(FORMATS[format](found, stream_options(stream).width), stream)
