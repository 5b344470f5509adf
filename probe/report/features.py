"""The ``summary`` format: does this cluster enforce the API, in one sentence, and a line for each feature.

Scenarios are counted under their label ``feature``; one that has none stands for itself. What fails is named, what
cannot be tried here is counted and said once, with its reason.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from tabulate import tabulate

from probe.model.cell import ExitCode, Verdict
from probe.model.enforcement import QUANTILES
from probe.model.record import KnownFailureRecord, RunRecord, ScenarioRecord
from probe.report.findings import count_words, findings
from probe.report.fold import count_cells
from probe.report.latency import Latency, latencies
from probe.report.problems import scenario_troubles
from probe.report.render import RenderOptions
from probe.report.run_notes import known_words
from probe.report.summary import summary_lines
from probe.report.text import Paint, duration, one_line, plural, safe, wrapped
from probe.report.words import scenario_name

FEATURE = "feature"
"""The label that scenarios are counted by."""
_MAX_LINES = 20
"""Findings that are named."""
_HEADERS = ("feature", "scenarios", "steps", "cells", "result")


@dataclass(slots=True)
class Feature:
    """The scenarios of one feature, and their cells by verdict.

    ``failing`` by name, ``doubtful`` (not judged, or with problems), and ``untried``, of which nothing could be tried.
    """

    name: str
    scenarios: int = 0
    steps: int = 0
    counts: Counter[Verdict] = field(default_factory=Counter)
    failing: list[str] = field(default_factory=list)
    doubtful: list[str] = field(default_factory=list)
    untried: list[str] = field(default_factory=list)

    def add(self, scenario: ScenarioRecord) -> None:
        """Count one more in."""
        counts: Counter[Verdict] = Counter()
        for step in scenario.steps:
            counts.update(count_cells(step.cells))
        self.scenarios += 1
        self.steps += len(scenario.steps)
        self.counts += counts
        name = scenario_name(scenario)
        if any(verdict.is_mismatch for verdict in counts):
            self.failing.append(name)
        elif counts[Verdict.INCONCLUSIVE] or scenario_troubles(scenario):
            self.doubtful.append(name)
        elif not counts[Verdict.PASS] and not counts[Verdict.KNOWN]:
            self.untried.append(name)

    @property
    def result(self) -> tuple[str, str]:
        """The feature in a few words, and their colour."""
        if self.failing:
            wrong = {verdict: number for verdict, number in self.counts.items() if verdict.is_mismatch}
            return f"FAIL {count_words(wrong)} in {plural(len(self.failing), 'scenario')}", "red"
        if self.doubtful:
            return f"INCONCLUSIVE in {plural(len(self.doubtful), 'scenario')}", "yellow"
        if len(self.untried) == self.scenarios:
            return "not tried", "yellow"
        known = f", {plural(self.counts[Verdict.KNOWN], 'known failure')}" if self.counts[Verdict.KNOWN] else ""
        rest = self.counts[Verdict.UNSUPPORTED]
        return "pass" + known + (f", {rest} unsupported" if rest else ""), "yellow" if known else "green"


def features(record: RunRecord) -> list[Feature]:
    """All features of a run, in the order of their names; those without the label come last."""
    found: dict[tuple[bool, str], Feature] = {}
    for scenario in record.scenarios:
        name = scenario.labels.get(FEATURE, "")
        key = not name, name or scenario.name
        found.setdefault(key, Feature(safe(key[1]))).add(scenario)
    return [found[key] for key in sorted(found)]


def pieces(record: RunRecord, options: RenderOptions) -> Iterator[str]:
    """The document, line by line."""
    return (f"{line}\n" for line in _lines(record, options))


def _lines(record: RunRecord, options: RenderOptions) -> Iterator[str]:
    paint, found = Paint(options.colour), features(record)
    if found:
        yield from (*_table(found, paint), "")
    for title, lines in (
        ("not as expected", _failures(record)),
        ("known failures", _known(record.known_failures)),
        ("cannot be tried here", _unsupported(record)),
        ("not tested", _untested(record.scenarios)),
    ):
        shown = [line for text in lines for line in wrapped(text, options.width, "  ", "    ")]
        if shown:
            yield from (paint(f"{title}:", "bold"), *shown, "")
    if times := list(_latency(latencies(record))):
        yield from (paint("time until changes were in force (p50, p90, p99, max):", "bold"), *times, "")
    yield from wrapped(answer(record, found), options.width)
    yield from summary_lines(record, options)


def _table(found: Iterable[Feature], paint: Paint) -> Iterator[str]:
    """Colours come last: they would be counted as columns."""
    rows = [[each.name, each.scenarios, each.steps, each.counts.total(), each.result[0]] for each in found]
    head, rule, *lines = tabulate(rows, headers=_HEADERS, disable_numparse=[0, 4]).splitlines()
    yield from (head.rstrip(), rule)
    for each, line in zip(found, lines, strict=True):
        word, colour = each.result
        yield line.rstrip().removesuffix(word) + paint(word, colour)


def answer(record: RunRecord, found: list[Feature]) -> str:
    """Whether the cluster enforces what the scenarios are about."""
    failing = [each for each in found if each.failing]
    if failing:
        number, total = sum(len(each.failing) for each in failing), sum(each.scenarios for each in found)
        fail = "fails" if number == 1 else "fail"
        scenarios = plural(total, "scenario")
        return f"This cluster does not enforce all of it: {number} of {scenarios} {fail} ({_names(failing)})."
    if record.exit_code == ExitCode.INTERRUPTED:
        return "There is no answer: the run was interrupted."
    if record.exit_code == ExitCode.HARNESS:
        return "There is no answer: not everything could be judged."
    if record.exit_code == ExitCode.MISMATCH:
        return "What was known to fail does not any more: the list of known failures is outdated."
    known = record.counts.get(Verdict.KNOWN, 0)
    but = [f"but for {plural(known, 'known failure')}"] if known else []
    untried = [each for each in found if len(each.untried) == each.scenarios]
    but += [f"and nothing is said of {_names(untried)}"] if untried else []
    passed = plural(sum(each.scenarios - len(each.untried) for each in found), "scenario")
    return ", ".join([f"This cluster enforces what {passed} ask for", *but]) + "."


def _names(found: Iterable[Feature]) -> str:
    return ", ".join(each.name for each in found)


def _failures(record: RunRecord) -> Iterator[str]:
    """The findings that fail the run, each with where it is from; then the problems that are no cells'."""
    told = more = 0
    for scenario in record.scenarios:
        for step in scenario.steps:
            if not any(_fails(verdict) for verdict in count_cells(step.cells)):
                continue
            for finding in (each for each in findings(step.cells) if _fails(each.verdict)):
                text, size = finding.lines_of_cells[0]
                if told == _MAX_LINES:
                    more += len(finding.cells)
                    continue
                told += 1
                rest = len(finding.cells) - size
                cells = text + (f" and {plural(rest, 'cell')} more" if rest else "")
                yield f"{finding.verdict.value.upper()} {scenario_name(scenario)} / {one_line(step.name)}: {cells}"
    if more:
        yield f"and {plural(more, 'cell')} more (see -o table)"


def _fails(verdict: Verdict) -> bool:
    return verdict.is_mismatch or verdict is Verdict.INCONCLUSIVE


def _known(failures: Iterable[KnownFailureRecord]) -> Iterator[str]:
    for each in failures:
        yield one_line(f"{each.entry}: {known_words(each)} ({each.reason})")


def _unsupported(record: RunRecord) -> Iterator[str]:
    """Each reason once: how many cells, of which scenarios."""
    cells: Counter[str] = Counter()
    scenarios: dict[str, dict[str, None]] = {}
    for scenario in record.scenarios:
        for step in scenario.steps:
            if Verdict.UNSUPPORTED in count_cells(step.cells):
                for cell in step.cells:
                    if cell.verdict is Verdict.UNSUPPORTED:
                        reason = cell.reason.replace(cell.source, "the source")
                        cells[reason] += 1
                        scenarios.setdefault(reason, {})[scenario.name] = None
    for reason, number in cells.items():
        yield one_line(f"{plural(number, 'cell')} of {plural(len(scenarios[reason]), 'scenario')}: {reason}")


def _untested(scenarios: Iterable[ScenarioRecord]) -> Iterator[str]:
    counts = Counter(what for scenario in scenarios for what in scenario.untested)
    return (one_line(f"{what} ({plural(number, 'scenario')})") for what, number in counts.items())


def _latency(found: Iterable[Latency]) -> Iterator[str]:
    for each in found:
        times = [duration(seconds) for _, share in QUANTILES if (seconds := each.times.quantile(share)) is not None]
        if times:
            never = f"; never: {plural(each.times.never, 'cell')}" if each.times.never else ""
            yield f"  {each.kind}: {', '.join(times)} ({plural(len(each.times.seconds), 'cell')}){never}"
