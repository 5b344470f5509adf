"""The ``table`` format: for people at a terminal. Each step's matrices, then every deviation explained.

Where all is as expected one matrix says it; expected and observed stand next to each other only where they
differ. The answer comes last, because that is where a terminal stops.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from probe.model.cell import Family, Path, Verdict
from probe.model.record import EnforcementRecord, RunRecord, ScenarioRecord, StepRecord
from probe.report.explain import label
from probe.report.findings import Finding, findings, merged, names_by_uid
from probe.report.fold import count_cells
from probe.report.latency import enforcement, enforcement_lines
from probe.report.matrix import Matrix, matrices
from probe.report.picture import picture
from probe.report.problems import scenario_troubles
from probe.report.render import RenderOptions
from probe.report.summary import summary_lines
from probe.report.text import Paint, command, one_line, plural, safe, wrapped
from probe.report.topology import marks_of
from probe.report.views import family_words, is_implied, view_words
from probe.report.watch.section import section
from probe.report.words import fleet_words, step_timing, step_word

MAX_FINDINGS = 20
MAX_EVIDENCE = 3
"""Mismatches of a kind in a step that are told with their evidence: they mostly have one cause."""
MAX_LINES = 8
MAX_FLAPPING = 3


def pieces(record: RunRecord, options: RenderOptions) -> Iterator[str]:
    """See ``render``; in one piece."""
    yield render(record, options)


def render(record: RunRecord, options: RenderOptions) -> str:
    """The whole run, scenario by scenario, and its summary."""
    names = names_by_uid(record)
    lines: list[str] = []
    for scenario in record.scenarios:
        lines += _Page(options, names).scenario(scenario)
    return "\n".join([*lines, *summary_lines(record, options)]) + "\n"


class _Page:
    """Writes scenarios and steps within a width."""

    def __init__(self, options: RenderOptions, names: Mapping[str, str]) -> None:
        self._width = options.width
        self._paint = Paint(options.colour)
        self._names = names

    def scenario(self, scenario: ScenarioRecord) -> list[str]:
        """Heading, fleet, baseline, steps."""
        again = f"  repeat {scenario.repeat}" if scenario.repeat > 1 else ""
        heading = safe(f"{scenario.name}  ({scenario.file}){again}")
        lines = [self._paint(line, "bold") for line in wrapped(heading, self._width)]
        lines.append("=" * min(self._width, max(map(len, wrapped(heading, self._width)), default=0)))
        lines += self._wrap(scenario.description) + self._wrap(fleet_words(scenario))
        if scenario.baseline and scenario.baseline.failed:
            lines += self._wrap("never connected in the baseline: " + "; ".join(scenario.baseline.failed[:MAX_LINES]))
        for trouble in scenario_troubles(scenario):
            where = f"{trouble.step}: " if trouble.step else ""
            lines += [self._paint(line, "yellow") for line in self._wrap(f"! {where}{trouble.message}")]
        for missing in scenario.untested:
            lines += [self._paint(line, "yellow") for line in self._wrap(f"not tested: {missing}")]
        marks = marks_of(scenario)
        for number, (step, times) in enumerate(enforcement(scenario), 1):
            lines += ["", *self.step(step, f"step {number} of {len(scenario.steps)}", marks, times)]
        if scenario.watch is not None:
            lines += ["", *section(scenario.watch, self._width, self._paint)]
        return [*lines, ""]

    def step(
        self, step: StepRecord, place: str, marks: Mapping[str, str], times: Sequence[EnforcementRecord]
    ) -> list[str]:
        """Heading, changes, the verdict in words, how long enforcement took, matrices, findings."""
        step = replace(step, cells=list(step.cells))  # looked at again and again
        lines = [self._paint(line, "bold") for line in self._wrap(f"{place}: {step.name}")]
        lines += self._wrap(step.description, "  ")
        for change in step.changes:
            lines += self._wrap(change, "  + ", "    ")
        lines += self._verdict(step)
        for line in enforcement_lines(step, times):
            lines += self._wrap(line, "  ", "      ")
        found = matrices(step.cells)
        for matrix in [matrix for matrix in found if not matrix.is_left_open] or found:
            title = _title(matrix, found)
            drawn = [f"  {line}".rstrip() for line in picture(matrix, self._width - 2, self._paint, marks)]
            lines += ["", *self._wrap(title, "  "), *drawn]
        return lines + self._findings(step)

    def _verdict(self, step: StepRecord) -> list[str]:
        counts = count_cells(step.cells)
        word, colour = step_word(step, counts)
        first, *rest = self._wrap(f"{word} {step_timing(step, counts)}", "  ", "        ")
        lines = [first.replace(word, self._paint(word, colour), 1), *rest]
        flapping = [cell for cell in step.cells if cell.flaps]
        if flapping:
            named = "; ".join(map(label, flapping[:MAX_FLAPPING]))
            said = f"{plural(len(flapping), 'cell')} flapped before the result held: {named}"
            others = len(flapping) - MAX_FLAPPING
            more = f" and {others} more (flaps in -o wide)" if others > 0 else ""
            lines += [self._paint(line, "yellow") for line in self._wrap(said + more, "  ! ", "    ")]
        return lines

    def _findings(self, step: StepRecord) -> list[str]:
        found = merged(findings(step.cells), MAX_EVIDENCE)
        lines: list[str] = []
        for finding in found[:MAX_FINDINGS]:
            lines += ["", *self._finding(finding)]
        if len(found) > MAX_FINDINGS:
            rest = sum(len(finding.cells) for finding in found[MAX_FINDINGS:])
            lines += ["", f"  and {plural(rest, 'cell')} more (see -o wide or -o json)"]
        return lines

    def _finding(self, finding: Finding) -> list[str]:
        word = finding.verdict.value.upper()
        told = finding.lines_of_cells
        colour = "red" if finding.verdict.is_mismatch else "yellow"
        indent = " " * (len(word) + 3)
        lines = self._wrap(f"{word} {told[0][0]}", "  ", indent + "  ")
        lines[0] = lines[0].replace(word, self._paint(word, colour), 1)
        for text, _ in told[1:MAX_LINES]:
            lines += self._wrap(text, indent, indent + "  ")
        if rest := sum(size for _, size in told[MAX_LINES:]):
            lines.append(f"{indent}and {plural(rest, 'cell')} more")
        if finding.is_merged:
            said = f"these {len(finding.cells)} cells each with its evidence: -o wide, -o html, -o json"
            return lines + self._wrap(said, "    ", "      ")
        reason, *evidence = finding.reasons(self._names)
        if evidence and len(finding.cells) > 1:
            evidence = [f"the first of these {len(finding.cells)} cells (each by itself: -o json):", *evidence]
        for sentence in (reason, *evidence):
            lines += self._wrap(sentence, "    ", "      ")
        repeat = finding.cells[0].repeat
        if repeat and finding.verdict not in (Verdict.UNSUPPORTED, Verdict.UNDEFINED):
            lines += [self._paint(line, "dim") for line in command(repeat, self._width, "    ")]
        return lines

    def _wrap(self, text: str, indent: str = "", hanging: str | None = None) -> list[str]:
        return wrapped(one_line(text), self._width, indent, hanging)


def _title(matrix: Matrix, found: Sequence[Matrix]) -> str:
    """Families, and ways where the step has several; nothing where IPv4 is all there is."""
    if any(not is_implied(way) or way == Path.DNS for other in found for _, way in other.views):
        return view_words(matrix.views)
    families = family_words(matrix.views)
    return families if len(found) > 1 or families != Family.IPV4 else ""
