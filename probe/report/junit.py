"""The ``junit`` format, for CI systems: a test case per cell, and one for everything that went wrong beside cells.

A mismatch is a ``failure``, an inconclusive cell or a problem of the harness an ``error``; what cannot be tried and
what the API leaves open are ``skipped``, because neither a pass nor a failure was shown. A run whose exit code is
not 0 has at least one failure or error, so that no CI system shows it green. Attributes and the order of elements
keep to the schemas of Jenkins (junit-10.xsd) and GitLab, which keys cases on ``classname`` and ``name``.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import chain
from xml.etree import ElementTree
from xml.sax.saxutils import escape

from probe.model.cell import ExitCode, Verdict
from probe.model.record import CellRecord, RunRecord, ScenarioRecord
from probe.report.explain import explain, label
from probe.report.findings import names_by_uid
from probe.report.fold import count_cells
from probe.report.problems import Trouble, run_troubles, scenario_troubles
from probe.report.render import RenderOptions
from probe.report.summary import headline, meaning
from probe.report.text import one_line, safe

_RUN = "cni-probe"


@dataclass(frozen=True, slots=True)
class Case:
    """A test case. No other of its suite has its ``name``; ``result`` is ``failure``, ``error``, ``skipped``, or empty
    for a pass.
    """

    name: str
    seconds: float = 0.0
    result: str = ""
    kind: str = ""
    message: str = ""
    details: str = ""


@dataclass(frozen=True, slots=True)
class _Suite:
    """A suite whose cases are written one by one, and counted before: the schemas want the numbers first."""

    name: str
    seconds: float
    properties: Mapping[str, str]
    counts: Mapping[str, int]
    cases: Iterable[Case]


def render(record: RunRecord, options: RenderOptions) -> str:
    """The XML document in one piece."""
    return "".join(pieces(record, options))


def pieces(record: RunRecord, options: RenderOptions) -> Iterator[str]:
    """The XML document, indented, with its declaration."""
    suites = _suites(record)
    total: Counter[str] = Counter()
    for suite in suites:
        total.update(suite.counts)
    numbers = {"tests": total.total(), "failures": total["failure"], "errors": total["error"]}
    attributes = {key: str(number) for key, number in numbers.items()} | {"name": _RUN, "time": f"{record.seconds:.3f}"}
    yield f"<?xml version='1.0' encoding='UTF-8'?>\n{_opening('testsuites', attributes)}\n"
    for suite in suites:
        yield from _suite(suite, record.started)
    yield "</testsuites>\n"


def _suites(record: RunRecord) -> list[_Suite]:
    names = names_by_uid(record)
    unique = _Unique()
    suites = [_scenario_suite(record, scenario, unique(safe(scenario.name)), names) for scenario in record.scenarios]
    green = not any(suite.counts.get(kind) for suite in suites for kind in ("failure", "error"))
    if cases := _run_cases(record, green=green):
        counts = Counter(case.result for case in cases)
        suites.append(_Suite(unique(_RUN), 0.0, _run_properties(record), counts, cases))
    return suites


def _scenario_suite(record: RunRecord, scenario: ScenarioRecord, name: str, names: Mapping[str, str]) -> _Suite:
    own = list(_scenario_cases(scenario))
    counts = Counter(case.result for case in own)
    for step in scenario.steps:
        for verdict, number in count_cells(step.cells).items():
            counts[_result(verdict)] += number
    seconds = scenario.deploy_seconds + sum(step.seconds for step in scenario.steps)
    properties = {**_run_properties(record), **_scenario_properties(scenario)}
    return _Suite(name, seconds, properties, counts, chain(own, _cell_cases(scenario, names)))


def _scenario_cases(scenario: ScenarioRecord) -> Iterator[Case]:
    unique = _Unique()
    for trouble in scenario_troubles(scenario):
        case = _trouble_case(trouble)
        yield replace(case, name=unique(case.name))


def _run_cases(record: RunRecord, *, green: bool) -> list[Case]:
    """Problems of the run, and, where nothing else would show it, that the run is no success."""
    cases = [_trouble_case(trouble) for trouble in run_troubles(record)]
    if record.interrupted or (record.exit_code != ExitCode.PASSED and green and not cases):
        message = f"{headline(record)}; exit code {record.exit_code}: {meaning(record.exit_code)}"
        cases.append(Case("run", result="error", kind="run", message=message))
    return cases


def _trouble_case(trouble: Trouble) -> Case:
    name = f"{safe(trouble.step)}: problem" if trouble.step else "problem"
    return Case(name, result="error", kind="problem", message=trouble.message)


def _cell_cases(scenario: ScenarioRecord, names: Mapping[str, str]) -> Iterator[Case]:
    steps = _Unique()
    for step in scenario.steps:
        heading, unique = steps(safe(step.name)), _Unique()
        for cell in step.cells:
            yield _cell_case(unique(f"{heading}: {label(cell)}"), cell, names)


def _cell_case(name: str, cell: CellRecord, names: Mapping[str, str]) -> Case:
    seconds = cell.latency or 0.0
    if cell.verdict is Verdict.PASS:
        return Case(name, seconds)
    sentences = explain(cell, names)
    details = "\n".join([*sentences, *([f"repeat: {safe(cell.repeat)}"] if cell.repeat else [])])
    return Case(name, seconds, _result(cell.verdict), cell.verdict.value, sentences[0], details)


def _result(verdict: Verdict) -> str:
    if verdict is Verdict.PASS:
        return ""
    if verdict.is_mismatch:
        return "failure"
    return "error" if verdict is Verdict.INCONCLUSIVE else "skipped"


def _run_properties(record: RunRecord) -> dict[str, str]:
    return {
        "run": record.run,
        "tool": record.tool,
        "cluster": record.cluster.server,
        "cluster version": record.cluster.version,
        "exit code": str(record.exit_code),
    }


def _scenario_properties(scenario: ScenarioRecord) -> dict[str, str]:
    properties = {"file": scenario.file, "deploy seconds": f"{scenario.deploy_seconds:.3f}"}
    if scenario.baseline:
        properties["baseline"] = f"{scenario.baseline.connected} of {scenario.baseline.cells} connected"
    for step in scenario.steps:
        converged = "never" if step.converge_seconds is None else f"{step.converge_seconds:.3f}"
        properties[f"converge seconds: {step.name}"] = converged
    return properties


def _suite(suite: _Suite, started: str) -> Iterator[str]:
    """One suite: its properties first, then its cases, as the schemas want it."""
    counts = Counter(suite.counts)
    attributes = {
        "name": suite.name,
        "tests": str(counts.total()),
        "failures": str(counts["failure"]),
        "errors": str(counts["error"]),
        "skipped": str(counts["skipped"]),
        "time": f"{suite.seconds:.3f}",
        "timestamp": started[:19],  # xs:dateTime without a zone, in UTC, as everybody writes it
    }
    group = ElementTree.Element("properties")
    for key, value in suite.properties.items():
        ElementTree.SubElement(group, "property", name=safe(key), value=safe(value))
    yield f"  {_opening('testsuite', attributes)}\n{_text(group, 2)}"
    classname = _escaped(suite.name)
    for case in suite.cases:
        if case.result:
            yield _text(_element(suite.name, case), 2)
        else:  # nearly all of a large run, and several times as fast as an element
            name, time = _escaped(case.name), f"{case.seconds:.6f}"
            yield f'    <testcase classname="{classname}" name="{name}" time="{time}" />\n'
    yield "  </testsuite>\n"


def _element(classname: str, case: Case) -> ElementTree.Element:
    element = ElementTree.Element("testcase", classname=classname, name=case.name, time=f"{case.seconds:.6f}")
    result = ElementTree.SubElement(element, case.result, message=one_line(case.message))
    if case.result != "skipped":  # the schemas know no type and want no text there
        result.set("type", case.kind)
        result.text = case.details or "\n".join(map(safe, case.message.splitlines()))
    return element


def _escaped(text: str) -> str:
    """Printable text as an attribute's value between double quotes."""
    return escape(text, {'"': "&quot;"})


def _opening(tag: str, attributes: Mapping[str, str]) -> str:
    """A start tag alone, whose end comes when everything between has been written."""
    return (
        ElementTree.tostring(ElementTree.Element(tag, dict(attributes)), encoding="unicode").removesuffix(" />") + ">"
    )


def _text(element: ElementTree.Element, level: int) -> str:
    """An element on lines of its own, ``level`` steps from the margin."""
    ElementTree.indent(element, level=level)
    return f"{'  ' * level}{ElementTree.tostring(element, encoding='unicode')}\n"


class _Unique:
    """Numbers names that come again: two cases of one name would be one case to a CI system."""

    def __init__(self) -> None:
        self._seen: Counter[str] = Counter()

    def __call__(self, name: str) -> str:
        self._seen[name] += 1
        return name if self._seen[name] == 1 else f"{name} #{self._seen[name]}"
