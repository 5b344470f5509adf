"""Reading what runs left: a JSON record, or a journal, which is folded into one."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from probe.model.errors import UsageError
from probe.model.events import ProblemSeen, RunStarted
from probe.model.record import RunRecord

if TYPE_CHECKING:
    from probe.report.journal import JournaledRun


def read_run(path: Path, run_id: str | None = None) -> RunRecord:
    """The record of a file, or of a run of a journal (None: its last). Raises UsageError for what is neither."""
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
