"""Writing a command's reports, and saying which could not be written."""

from __future__ import annotations

import sys
from dataclasses import replace
from typing import TYPE_CHECKING

from probe.model.exit_code import record_exit_code
from probe.model.record import RunRecord
from probe.report.outputs import Outputs

if TYPE_CHECKING:
    from probe.report.github import GitHub


def write_reports(outputs: Outputs, record: RunRecord, github: GitHub | None = None) -> RunRecord:
    """Write all reports. Returns the record as they have it: with a problem for each file that could not be written."""
    written = outputs.write(record)
    if github is not None:
        written = _tell_github(github, written)
    for problem in written.problems[len(record.problems) :]:
        print(f"cni-probe: {problem}", file=sys.stderr)
    return written


def _tell_github(github: GitHub, record: RunRecord) -> RunRecord:
    """Annotations in the log, the summary in its file."""
    github.annotate(record)
    try:
        github.append(record)
    except OSError as error:
        problems = [*record.problems, f"cannot append to {github.summary}: {error.strerror or error}"]
        return replace(record, problems=problems, exit_code=record_exit_code(record, problems=True))
    return record
