"""What a step of GitHub Actions shows of a run: its summary in Markdown, and annotations at the lines of scenarios.

An annotation is a line of the log that the runner takes for a command (``::error file=...,line=...::...``), on stdout
and stderr alike. GitHub shows ten errors of a step, so cells whose expectation stands in one line
share an annotation, mismatches come before what is unproven, and the last one says how many were left out.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from probe.model.cell import ExitCode, Verdict
from probe.model.errors import UsageError
from probe.model.record import CellRecord, RunRecord
from probe.report.explain import label
from probe.report.findings import count_words
from probe.report.markdown import pieces
from probe.report.matrix import needs_explanation
from probe.report.problems import troubles
from probe.report.render import RenderOptions
from probe.report.summary import headline, meaning
from probe.report.text import one_line, plural, safe, shortened
from probe.report.words import scenario_name
from probe.report.workflow import Commands

MAX_ANNOTATIONS = 10
SUMMARY = "GITHUB_STEP_SUMMARY"
_WORKSPACE = "GITHUB_WORKSPACE"
_ORDER = list(Verdict)
_LONGEST = 1000
"""Characters of a message; GitHub cuts at 4,096 bytes."""


@dataclass(frozen=True, slots=True)
class GitHub:
    """A step's summary file, its log, and the directory that paths in annotations are relative to."""

    summary: Path
    commands: Commands
    workspace: Path | None = None

    @classmethod
    def of(cls, commands: Commands, environ: Mapping[str, str] = os.environ) -> GitHub:
        """As the runner says; raises UsageError where there is none, or where the summary cannot be written."""
        path = environ.get(SUMMARY)
        if not path:
            raise UsageError(
                f"--github needs ${SUMMARY}, which the runner of GitHub Actions sets; elsewhere: -o markdown"
            )
        try:
            with open(path, "a", encoding="utf-8"):
                pass
        except OSError as error:
            raise UsageError(f"--github: cannot append to ${SUMMARY} ({path}): {error.strerror or error}") from None
        workspace = environ.get(_WORKSPACE)
        return cls(Path(path), commands, Path(workspace) if workspace else None)

    def annotate(self, record: RunRecord) -> None:
        """Print the annotations of a run."""
        self.commands.say(self.annotations(record))

    def append(self, record: RunRecord) -> None:
        """Add the run to the step's summary. Raises OSError."""
        with self.summary.open("a", encoding="utf-8", errors="backslashreplace") as stream:
            stream.writelines(pieces(record, RenderOptions()))
            stream.write("\n")

    def annotations(self, record: RunRecord) -> Iterator[str]:
        """Lines for the runner, ten at the most; none for a run that passed."""
        notes = sorted(_notes(record), key=lambda note: note.rank)
        if not notes and record.exit_code != ExitCode.PASSED:
            notes = [_Note("cni-probe", f"{headline(record)}: {meaning(record.exit_code)}")]
        shown = notes if len(notes) <= MAX_ANNOTATIONS else notes[: MAX_ANNOTATIONS - 1]
        yield from (self._command(note) for note in shown)
        if left := len(notes) - len(shown):
            yield self._command(_Note("cni-probe", f"and {plural(left, 'place')} more: see the step's summary"))

    def _command(self, note: _Note) -> str:
        place = {"file": self._path(note.file), "line": str(note.line or 1)} if note.file else {}
        properties = ",".join(f"{key}={_property(value)}" for key, value in {**place, "title": note.title}.items())
        return f"::error {properties}::{_data(shortened(note.message, _LONGEST))}\n"

    def _path(self, file: str) -> str:
        """Relative to the workspace, as the repository has it; as it is where it lies elsewhere."""
        if self.workspace is not None:
            path, workspace = Path(file).resolve(), self.workspace.resolve()
            if path.is_relative_to(workspace):
                return str(path.relative_to(workspace))
        return file


@dataclass(frozen=True, slots=True)
class _Note:
    """One annotation. ``rank`` orders them: 0 for mismatches, 1 for everything that is unproven."""

    title: str
    message: str
    file: str = ""
    line: int | None = None
    rank: int = 1


@dataclass(slots=True)
class _Group:
    """The cells of a step that need an explanation and whose expectation stands in one line; the worst says why."""

    worst: CellRecord
    counts: Counter[Verdict] = field(default_factory=Counter)

    def see(self, cell: CellRecord) -> None:
        self.counts[cell.verdict] += 1
        if _ORDER.index(cell.verdict) < _ORDER.index(self.worst.verdict):
            self.worst = cell

    def message(self) -> str:
        more = f" (here in all: {count_words(self.counts)})" if self.counts.total() > 1 else ""
        return f"{self.worst.verdict}: {label(self.worst)}: {one_line(self.worst.reason)}{more}"


def _notes(record: RunRecord) -> Iterator[_Note]:
    files = {scenario.name: scenario.file for scenario in record.scenarios}
    for trouble in troubles(record):
        title = one_line(": ".join(part for part in (trouble.scenario, trouble.step) if part)) or "cni-probe"
        yield _Note(title, one_line(trouble.message), files.get(trouble.scenario or "", ""))
    for scenario in record.scenarios:
        for step in scenario.steps:
            groups: dict[int | None, _Group] = {}
            for cell in filter(needs_explanation, step.cells):
                groups.setdefault(cell.line or step.line, _Group(cell)).see(cell)
            title = f"{scenario_name(scenario)}: {one_line(step.name)}"
            for line, group in groups.items():
                rank = 0 if group.worst.verdict.is_mismatch else 1
                yield _Note(title, group.message(), scenario.file, line, rank)


def _data(text: str) -> str:
    """The message of a command as the runner reads it (@actions/core, escapeData); ``safe`` has spelt out line ends."""
    return safe(text).replace("%", "%25")


def _property(text: str) -> str:
    """A property of a command (escapeProperty)."""
    return _data(text).replace(":", "%3A").replace(",", "%2C")
