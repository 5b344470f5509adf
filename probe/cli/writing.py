"""Writing a command's reports, and saying which could not be written."""

from __future__ import annotations

import sys

from probe.model.record import RunRecord
from probe.report.outputs import Outputs


def write_reports(outputs: Outputs, record: RunRecord) -> RunRecord:
    """Write all reports. Returns the record as they have it: with a problem for each file that could not be written."""
    written = outputs.write(record)
    for problem in written.problems[len(record.problems) :]:
        print(f"cni-probe: {problem}", file=sys.stderr)
    return written
