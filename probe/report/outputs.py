"""Where reports go: ``-o FORMAT[=FILE]``, as often as wanted.

That a file cannot be written is found before the run, not after it has been measured. Files appear whole or not at
all. Where nothing else is asked of stdout, it gets the table.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TextIO

from probe.model.exit_code import record_exit_code
from probe.model.record import RunRecord
from probe.report import csv_table, features, html, junit, markdown, prometheus, run_record, table, tap, wide
from probe.report.render import Renderer, RenderOptions
from probe.report.sinks import Output, check_file, distinct, parse_output, print_pieces, write_file

FORMATS: dict[str, Renderer] = {
    "table": table.pieces,
    "wide": wide.pieces,
    "summary": features.pieces,
    "json": run_record.pieces,
    "junit": junit.pieces,
    "html": html.pieces,
    "markdown": markdown.pieces,
    "tap": tap.pieces,
    "prometheus": prometheus.pieces,
    "csv": csv_table.pieces,
}
DEFAULT_FORMAT = "table"
_FOR_PEOPLE = ("table", "wide", "summary")
_FILE_WIDTH = 100
"""Columns of a table that goes to a file or a pipe, where nobody says how wide it is ($COLUMNS may)."""


@dataclass(frozen=True, slots=True)
class Outputs:
    """All reports of a run, files and stdout."""

    outputs: tuple[Output, ...]

    @classmethod
    def parse(cls, values: Iterable[str], default: str = DEFAULT_FORMAT) -> Outputs:
        """From the values of ``-o``; raises UsageError for what cannot be meant."""
        outputs = [parse_output(value, FORMATS) for value in values]
        on_stdout = distinct(outputs)
        return cls(tuple(outputs) if on_stdout else (*outputs, Output(default)))

    @property
    def stdout_is_for_people(self) -> bool:
        """Whether more may be said on stdout, which no program reads."""
        return any(output.path is None and output.format in _FOR_PEOPLE for output in self.outputs)

    def check(self) -> None:
        """Try that every file can be written, without changing one; raises UsageError."""
        for output in self.outputs:
            if output.path:
                check_file(output.path)

    def write(self, record: RunRecord, stdout: TextIO | None = None) -> RunRecord:
        """Write everything, stdout last, so that it can name the files. Returns the record as it was written.

        A file that cannot be written is a problem of the run, with its exit code, and the other reports say so.
        """
        stream = stdout or sys.stdout
        files = [output for output in self.outputs if output.path]
        while failed := self._write_files(record, files):
            files = [output for output in files if output not in failed]
            problems = [*record.problems, *failed.values()]
            record = replace(record, problems=problems, exit_code=record_exit_code(record, problems=True))
        written = tuple((str(output.path), output.format) for output in files)
        for output in self.outputs:
            if output.path is None:
                print_pieces(FORMATS[output.format](record, stream_options(stream, written)), stream)
        return record

    def _write_files(self, record: RunRecord, files: Iterable[Output]) -> dict[Output, str]:
        """Write the files; those that failed, and how."""
        failed = {}
        for output in files:
            assert output.path is not None
            try:
                write_file(output.path, FORMATS[output.format](record, RenderOptions(width=_FILE_WIDTH)))
            except OSError as error:
                failed[output] = f"cannot write {output.path}: {error.strerror or error}"
        return failed


def stream_options(stream: TextIO, files: Sequence[tuple[str, str]] = ()) -> RenderOptions:
    """What the stream can show: its width and colours when it is a terminal that wants them."""
    terminal = stream.isatty()
    width = shutil.get_terminal_size((80 if terminal else _FILE_WIDTH, 24)).columns
    plain = os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb"
    return RenderOptions(width=max(width, 40), colour=terminal and not plain, files=tuple(files))
