"""What the page says before anybody clicks: the answer, the facts, every step, and what is not as expected.

Ready-made words for the template, so that this part of the page needs no script.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from probe.model.cell import ExitCode, Verdict
from probe.model.record import CellRecord, ClusterRecord, RunRecord, ScenarioRecord, StepRecord
from probe.report.findings import Finding, findings, names_by_uid
from probe.report.fold import count_cells
from probe.report.problems import troubles
from probe.report.summary import NOTHING_ENFORCED, enforces_nothing, headline, meaning
from probe.report.text import duration, moment, one_line, plural, safe
from probe.report.views import listed
from probe.report.words import scenario_name, step_timing, step_word

MAX_FINDINGS = 50
MAX_LINES = 12
_TONES = {"green": "good", "red": "bad", "yellow": "doubt"}


@dataclass(frozen=True, slots=True)
class Count:
    """How many cells have a verdict. ``tone``: ``good``, ``bad``, ``doubt`` or ``plain``."""

    verdict: str
    cells: int
    tone: str


@dataclass(frozen=True, slots=True)
class StepRow:
    """A step in one line; ``place`` is its scenario's and its own number: ``0.1``."""

    place: str
    step: str
    word: str
    tone: str
    timing: str


@dataclass(frozen=True, slots=True)
class FindingView:
    """Cells with one verdict and one explanation; ``place`` is the step's with the first cell's number: ``0.1.7``."""

    place: str
    where: str
    verdict: str
    tone: str
    lines: list[str]
    more: int
    sentences: list[str]


@dataclass(frozen=True, slots=True)
class Answer:
    """The first screen."""

    word: str
    tone: str
    sentence: str
    meaning: str
    counts: list[Count]
    facts: list[tuple[str, str]]
    nodes: list[str]
    problems: list[str]
    notes: list[str]
    scenarios: list[tuple[str, list[StepRow]]]
    findings: list[FindingView]
    findings_left: int


def answer(record: RunRecord) -> Answer:
    """Reads every cell once."""
    word, _, rest = headline(record).partition(" ")
    passed = record.exit_code == ExitCode.PASSED
    found = _Found(names_by_uid(record))
    scenarios = [
        (scenario_name(each), list(_steps(number, each, found))) for number, each in enumerate(record.scenarios)
    ]
    return Answer(
        word=word.rstrip(",:"),
        tone={ExitCode.PASSED: "good", ExitCode.MISMATCH: "bad"}.get(ExitCode(record.exit_code), "doubt"),
        sentence=f"Every cell did what was expected: {rest}" if passed else rest[:1].upper() + rest[1:],
        meaning=_meaning(record),
        counts=_counts(record.counts),
        facts=[(name, safe(value)) for name, value in _facts(record) if value],
        nodes=list(_nodes(record.cluster)),
        problems=[one_line(str(trouble)) for trouble in troubles(record)] + _untested(record),
        notes=[one_line(note) for note in record.notes],
        scenarios=scenarios,
        findings=sorted(found.views, key=lambda view: list(Verdict).index(Verdict(view.verdict)))[:MAX_FINDINGS],
        findings_left=found.total - min(len(found.views), MAX_FINDINGS),
    )


def _meaning(record: RunRecord) -> str:
    said = f"exit code {record.exit_code}: {meaning(record.exit_code)}"
    return f"{NOTHING_ENFORCED}; {said}" if enforces_nothing(record) else said


def _facts(record: RunRecord) -> Iterator[tuple[str, str]]:
    cluster = record.cluster
    yield "cluster", cluster.server
    yield "Kubernetes", cluster.version
    yield "network plugin", ", ".join(cluster.network_plugins)
    yield "nodes", plural(len(cluster.nodes), "node") if cluster.nodes else ""
    yield "families", listed(list(map(str, cluster.families))) if cluster.families else ""
    yield "started", moment(record.started)
    yield "took", duration(record.seconds)
    yield "measured", _measured(record)
    yield "run", record.run
    yield "by", record.tool


def _measured(record: RunRecord) -> str:
    steps = sum(len(scenario.steps) for scenario in record.scenarios)
    cells = plural(sum(record.counts.values()), "cell")
    return f"{cells} in {plural(steps, 'step')} of {plural(len(record.scenarios), 'scenario')}"


def _nodes(cluster: ClusterRecord) -> Iterator[str]:
    for node in cluster.node_facts:
        facts = ", ".join(fact for fact in (node.kubelet, node.os_image, node.kernel, node.runtime) if fact)
        yield safe(f"{node.name}{'' if node.used else ' (not used)'}{f': {facts}' if facts else ''}")


def _untested(record: RunRecord) -> list[str]:
    return [
        f"{scenario_name(each)}: not tested: {one_line(what)}" for each in record.scenarios for what in each.untested
    ]


def _counts(counts: Mapping[Verdict, int]) -> list[Count]:
    """Leaks first, what passed last."""
    order = sorted(counts, key=lambda verdict: (verdict is Verdict.PASS, list(Verdict).index(verdict)))
    return [Count(verdict.value, counts[verdict], tone_of(verdict)) for verdict in order if counts[verdict]]


def tone_of(verdict: Verdict) -> str:
    """How a verdict is coloured, in three families and a neutral one."""
    if verdict is Verdict.PASS:
        return "good"
    if verdict.is_mismatch:
        return "bad"
    return "doubt" if verdict is Verdict.INCONCLUSIVE else "plain"


class _Found:
    """The findings of all steps, of which only so many are put in words as are shown."""

    def __init__(self, names: Mapping[str, str]) -> None:
        self._names = names
        self._room = dict.fromkeys(Verdict, MAX_FINDINGS)
        self.views: list[FindingView] = []
        self.total = 0

    def see(self, place: str, where: str, cells: Sequence[CellRecord]) -> None:
        numbers = {id(cell): number for number, cell in enumerate(cells)}
        for finding in findings(cells):
            self.total += 1
            if self._room[finding.verdict] > 0:
                self._room[finding.verdict] -= 1
                self.views.append(self._view(f"{place}.{numbers[id(finding.cells[0])]}", where, finding))

    def _view(self, place: str, where: str, finding: Finding) -> FindingView:
        told, decision = finding.lines_of_cells, finding.cells[0].decision
        reason, *_ = finding.reasons(self._names)
        return FindingView(
            place=place,
            where=where,
            verdict=finding.verdict.value,
            tone=tone_of(finding.verdict),
            lines=[line for line, _ in told[:MAX_LINES]],
            more=sum(size for _, size in told[MAX_LINES:]),
            sentences=[reason, safe(decision.sentence)] if decision else [reason],
        )


def _steps(number: int, scenario: ScenarioRecord, found: _Found) -> Iterator[StepRow]:
    for index, step in enumerate(scenario.steps):
        place = f"{number}.{index}"
        cells = list(step.cells)
        found.see(place, f"{scenario_name(scenario)}: {safe(step.name)}", cells)
        yield _step(place, step, cells)


def _step(place: str, step: StepRecord, cells: Sequence[CellRecord]) -> StepRow:
    counts = count_cells(cells)
    word, colour = step_word(step, counts)
    return StepRow(
        place=place,
        step=safe(step.name),
        word=word,
        tone=_TONES[colour],
        timing=step_timing(replace(step, cells=cells), counts),
    )
