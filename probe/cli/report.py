"""``cni-probe report``: every report, drawn again from a run's journal or its JSON record. Needs no cluster."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from probe.model.cell import ExitCode
from probe.model.errors import UsageError
from probe.model.events import ProblemSeen, RunStarted
from probe.model.record import RunRecord

if TYPE_CHECKING:
    from probe.report.journal import JournaledRun


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's arguments."""
    parser.add_argument("file", metavar="FILE", type=Path, help="a journal (run --journal) or a record (run -o json)")
    parser.add_argument(
        "-o", "--output", action="append", default=[], metavar="FORMAT[=FILE]",
        help="table (default), wide, json or junit; may be repeated",
    )  # fmt: skip
    parser.add_argument("--run", metavar="ID", help="which run of the journal (default: its last)")
    parser.add_argument("--exit-code", action="store_true", help="exit as the run did, instead of with 0")


def run(args: argparse.Namespace) -> int:
    """Write the reports. Raises UsageError for a file that is neither a journal nor a record."""
    from probe.cli.writing import write_reports
    from probe.report.outputs import Outputs

    outputs = Outputs.parse(args.output)
    outputs.check()
    record = _read(args.file, args.run)
    written = write_reports(outputs, record)
    if args.exit_code:
        return written.exit_code
    return int(ExitCode.PASSED if written is record else ExitCode.HARNESS)


def _read(path: Path, run_id: str | None) -> RunRecord:
    from probe.report.journal import is_journal
    from probe.report.run_record import record_from_json

    try:
        if is_journal(path):
            return _replay(path, run_id)
        data = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror or error}") from None
    except ValueError as error:
        raise UsageError(f"{path} is neither a journal nor a run record: {error}") from None
    try:
        record = record_from_json(data)
    except UsageError as error:
        raise UsageError(f"{path}: {error}") from None
    if run_id not in (None, record.run):
        raise UsageError(f"{path} is the record of run {record.run}, not of {run_id}")
    return record


def _left(run: JournaledRun) -> str:
    """How to remove what a killed run left, once it was in a cluster."""
    ids = [event.run for event in run.events if isinstance(event, RunStarted)]
    return f"; once it is not, `cni-probe clean --run {ids[0]}` removes what it left" if ids else ""


def _replay(path: Path, run_id: str | None) -> RunRecord:
    """The record of one run of a journal, folded from its events as it was while they happened."""
    from probe.report.fold import Recorder
    from probe.report.journal import read_journal

    records = []
    for each in read_journal(path):
        last = each.last
        recorder = Recorder(now=lambda last=last: last, tool=each.tool)  # type: ignore[misc]
        for event in each.events:
            recorder.see(event)
        if not each.ended:
            said = "the journal ends in mid-run: cni-probe was killed, or is still at work"
            recorder.see(ProblemSeen(said + _left(each)))
        records.append(recorder.record())
    found = [record for record in records if run_id in (None, record.run)]
    if not found:
        known = ", ".join(record.run or "a run without a cluster" for record in records)
        raise UsageError(f"{path} has no run {run_id or ''}".rstrip() + (f"; it has: {known}" if known else ""))
    if len(records) > 1 and run_id is None:
        others = ", ".join(record.run for record in records[:-1])
        print(f"cni-probe: run {found[-1].run} of {path}; --run chooses another: {others}", file=sys.stderr)
    return found[-1]
