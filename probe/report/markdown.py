"""The ``markdown`` format: for a summary of CI, a pull request or a chat, on GitHub and GitLab.

The answer first, then what is not as expected, then the truth table of each step, folded. At most ``LIMIT`` bytes: what
finds no room is left out from the end, and said.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from probe.model.cell import ExitCode, Verdict
from probe.model.enforcement import QUANTILES
from probe.model.record import RunRecord, ScenarioRecord, StepRecord, Topology
from probe.report.findings import Finding, count_words, findings, names_by_uid
from probe.report.fold import count_cells
from probe.report.latency import latencies
from probe.report.markup import escaped, fenced, html_escaped, row, table_head
from probe.report.matrix import matrices
from probe.report.picture import picture
from probe.report.problems import troubles
from probe.report.render import RenderOptions
from probe.report.run_notes import known_words
from probe.report.summary import NOTHING_ENFORCED, enforces_nothing, headline, meaning
from probe.report.text import Paint, duration, moment, one_line, plural, shortened
from probe.report.topology import marks_of
from probe.report.views import view_words
from probe.report.watch.markdown import lines as watch_lines
from probe.report.watch.words import watches
from probe.report.words import scenario_name, step_timing, step_word

LIMIT = 1 << 20
"""Bytes. GitHub takes so much as the summary of one step, GitLab as a comment."""
_RESERVED = 4_000
"""Bytes for the sentence that says what was left out, and for what others write into the same summary."""
_WIDTH = 120
_LONGEST = 600
"""Characters of a sentence from a cluster; an error may be a page long."""
_MAX_PROBLEMS = 50
_MARKS = {ExitCode.PASSED: ":white_check_mark:", ExitCode.MISMATCH: ":x:"}
_STEP_MARKS = {"green": ":white_check_mark:", "red": ":x:", "yellow": ":warning:"}


class _Room:
    """How many bytes are left, and what did not fit into them."""

    def __init__(self, limit: int) -> None:
        self._left = limit
        self.cells = 0
        self.tables = 0
        self.watches = 0

    def takes(self, text: str) -> bool:
        size = len(text.encode("utf-8", "backslashreplace"))
        if size > self._left:
            return False
        self._left -= size
        return True

    def close(self) -> None:
        """Nothing more comes in: a part that is smaller than what was left out would look as if it were all."""
        self._left = 0


def pieces(record: RunRecord, options: RenderOptions) -> Iterator[str]:
    """The document, part by part; reads the cells of each step twice, one step at a time."""
    room = _Room(LIMIT - _RESERVED)
    head = _joined(_head(record))
    room.takes(head)
    yield head
    names = names_by_uid(record)
    yield from _failures(record, names, room, failing=True)
    yield from _failures(record, names, room, failing=False)
    yield from _watches(record, room)
    yield from _tables(record, room)
    if left_out := _left_out(room):
        yield f"\n{left_out}\n"


def _left_out(room: _Room) -> str:
    parts = [plural(room.cells, "cell") + " that did not pass"] * bool(room.cells)
    parts += [f"the truth tables of {plural(room.tables, 'step')}"] * bool(room.tables)
    parts += [plural(room.watches, "watch", "watches")] * bool(room.watches)
    return f"Left out, because there is room for 1 MiB: {' and '.join(parts)}. `-o json` has all." if parts else ""


def _joined(lines: Iterator[str] | Sequence[str]) -> str:
    return "".join(f"{line}\n" for line in lines)


def _said(text: str) -> str:
    return escaped(shortened(one_line(text), _LONGEST))


def _head(record: RunRecord) -> Iterator[str]:
    """The answer, the numbers, and what went wrong beside the cells."""
    yield f"### {_MARKS.get(ExitCode(record.exit_code), ':warning:')} {_said(headline(record))}"
    yield ""
    if counts := {verdict: number for verdict, number in record.counts.items() if number}:
        yield from table_head([verdict.value for verdict in counts])
        yield from (row([str(number) for number in counts.values()]), "")
    cluster = record.cluster
    yield f"- exit code {record.exit_code}: {meaning(record.exit_code)}"
    if enforces_nothing(record):
        yield f"- **{NOTHING_ENFORCED}**"
    if record.run:
        plugins = f", {', '.join(cluster.network_plugins)}" if cluster.network_plugins else ""
        yield f"- run {_said(f'{record.run} on {cluster.server} ({cluster.version}{plugins})')}"
    yield f"- {_said(moment(record.started))}, took {duration(record.seconds)}, by {_said(record.tool)}"
    for failure in record.known_failures[:_MAX_PROBLEMS]:
        yield f"- known failure {_said(f'{failure.entry}: {known_words(failure)} ({failure.reason})')}"
    told = [str(trouble) for trouble in troubles(record)]
    yield from (f"- :warning: {_said(trouble)}" for trouble in told[:_MAX_PROBLEMS])
    if len(told) > _MAX_PROBLEMS:
        yield f"- :warning: and {len(told) - _MAX_PROBLEMS} problems more"
    untested = [f"{each.name}: not tested: {what}" for each in record.scenarios for what in each.untested]
    notes = [*untested, *record.notes]
    yield from (f"- {_said(note)}" for note in notes[:_MAX_PROBLEMS])
    if len(notes) > _MAX_PROBLEMS:
        yield f"- and {len(notes) - _MAX_PROBLEMS} notes more"
    yield from _latency(record)


def _latency(record: RunRecord) -> Iterator[str]:
    """How long enforcement took, by kind of change."""
    found = latencies(record)[:_MAX_PROBLEMS]
    if not found:
        return
    yield from ("", "<details><summary>How fast policies are enforced</summary>", "")
    names = [name for name, _ in QUANTILES]
    yield from table_head(["change", "cells", *names, "same-node", "cross-node", "never", "without a time"])
    for each in found:
        seconds = [each.times.quantile(share) for _, share in QUANTILES]
        seconds += [each.longest(place) for place in (Topology.SAME_NODE, Topology.CROSS_NODE)]
        numbers = ["–" if number is None else duration(number) for number in seconds]
        yield row([_said(each.kind), str(each.times.cells), *numbers, str(each.times.never), str(each.times.untimed)])
    yield from ("", "Upper bounds, from the acknowledged change to the first attempt that saw it.", "", "</details>")


def _failures(record: RunRecord, names: Mapping[str, str], room: _Room, *, failing: bool) -> Iterator[str]:
    """A table for each step with cells that did not pass: those that fail, or those that nobody can judge, folded."""
    for scenario, step in _steps(record):
        wanted = [verdict for verdict in count_cells(step.cells) if _is_failing(verdict) is failing]
        if set(wanted) - {Verdict.PASS}:
            found = [each for each in findings(step.cells) if each.verdict in wanted]
            place = f"({scenario.file}:{step.line})" if step.line else ""
            title = shortened(one_line(f"{_title(scenario, step)} {place}"), _LONGEST)
            yield from _section(title, found, names, room, folded=not failing)


def _watches(record: RunRecord, room: _Room) -> Iterator[str]:
    for watch in watches(record):
        text = _joined(["", *watch_lines(watch)])
        if room.takes(text):
            yield text
        else:
            room.close()
            room.watches += 1


def _steps(record: RunRecord) -> Iterator[tuple[ScenarioRecord, StepRecord]]:
    return ((scenario, step) for scenario in record.scenarios for step in scenario.steps)


def _is_failing(verdict: Verdict) -> bool:
    return verdict.is_mismatch or verdict is Verdict.INCONCLUSIVE


def _title(scenario: ScenarioRecord, step: StepRecord) -> str:
    return shortened(f"{scenario_name(scenario)}: {one_line(step.name)}", _LONGEST)


def _section(
    title: str, found: Sequence[Finding], names: Mapping[str, str], room: _Room, *, folded: bool
) -> Iterator[str]:
    """A heading and a line for each finding's ends, as far as there is room."""
    counts: Counter[Verdict] = Counter()
    for each in found:
        counts[each.verdict] += len(each.cells)
    cells = count_words(counts)
    if folded:
        head = ["", f"<details><summary>{html_escaped(title)}: {cells}</summary>", ""]
    else:
        head = ["", f"#### {escaped(title)}: {cells}", ""]
    tail = ["", "</details>"] if folded else []
    opening = _joined([*head, *table_head(["verdict", "cells", "why"])])
    open_ = room.takes(opening + _joined(tail))
    if open_:
        yield opening
    for line, size in (line for each in found for line in _rows(each, names)):
        if room.takes(line):
            yield line
        else:
            room.close()
            room.cells += size
    if open_:
        yield _joined(tail)


def _rows(finding: Finding, names: Mapping[str, str]) -> Iterator[tuple[str, int]]:
    """Lines of the table, and how many cells each stands for."""
    decision = finding.cells[0].decision
    why = ". ".join(map(_said, [finding.reasons(names)[0], *([decision.sentence] if decision else [])]))
    for cells, size in finding.lines_of_cells:
        yield f"{row([f'**{finding.verdict}**', _said(cells), why])}\n", size
        why = "as above"


def _tables(record: RunRecord, room: _Room) -> Iterator[str]:
    """The truth table of each step: what was observed, beside what was expected where that is something else."""
    for scenario in record.scenarios:
        marks = marks_of(scenario)
        for step in scenario.steps:
            text = _joined(_table(scenario, replace(step, cells=list(step.cells)), marks)) if step.cells else ""
            if room.takes(text):
                yield text
            else:
                room.close()
                room.tables += 1


def _table(scenario: ScenarioRecord, step: StepRecord, marks: Mapping[str, str]) -> Iterator[str]:
    counts = count_cells(step.cells)
    word, colour = step_word(step, counts)
    title = f"{_title(scenario, step)}: {word} {step_timing(step, counts)}"
    yield from ("", f"<details><summary>{_STEP_MARKS[colour]} {html_escaped(title)}</summary>", "")
    yield from (f"- {_said(change)}" for change in step.changes[:_MAX_PROBLEMS])
    lines: list[str] = []
    for matrix in matrices(step.cells):
        lines += [
            view_words(matrix.views),
            "",
            *(line.rstrip() for line in picture(matrix, _WIDTH, Paint(), marks)),
            "",
        ]
    yield from ("", *fenced(lines[:-1]), "", "</details>")
