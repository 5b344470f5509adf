"""``cni-probe report``: every report, drawn again from a run's journal or its JSON record. Needs no cluster."""

from __future__ import annotations

import argparse
from pathlib import Path

from probe.cli.reading import read_run
from probe.cli.report_arguments import add_report_arguments, report_outputs
from probe.model.cell import ExitCode


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's arguments."""
    parser.add_argument("file", metavar="FILE", type=Path, help="a journal (run --journal) or a record (run -o json)")
    add_report_arguments(parser)
    parser.add_argument("--run", metavar="ID", help="which run of the journal (default: its last)")
    parser.add_argument("--exit-code", action="store_true", help="exit as the run did, instead of with 0")
    parser.epilog = (
        "Exit code 0: the reports are written, whatever they say, also of a run that was interrupted or killed (with "
        "--exit-code that is 130). 3: one of them could not be written."
    )


def run(args: argparse.Namespace) -> int:
    """Write the reports. Raises UsageError for a file that is neither a journal nor a record."""
    from probe.cli.writing import write_reports

    outputs, github = report_outputs(args)
    record = read_run(args.file, args.run)
    written = write_reports(outputs, record, github)
    if args.exit_code:
        return written.exit_code
    return int(ExitCode.PASSED if written is record else ExitCode.HARNESS)
