"""The ``junit`` format, for CI systems: a test case per cell, and one for everything that went wrong beside cells.

A mismatch is a ``failure``, an inconclusive cell or a problem of the harness an ``error``; what cannot be tried and
what the API leaves open are ``skipped``, because neither a pass nor a failure was shown. A run whose exit code is
not 0 has at least one failure or error, so that no CI system shows it green. Attributes and the order of elements
keep to the schemas of Jenkins (junit-10.xsd) and GitLab, which keys cases on ``classname`` and ``name``.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from xml.etree import ElementTree

from probe.model.cell import ExitCode, Verdict
from probe.model.record import CellRecord, RunRecord, ScenarioRecord, StepRecord
from probe.report.explain import explain, label
from probe.report.findings import names_by_uid
from probe.report.problems import Trouble, run_troubles, scenario_troubles
from probe.report.render import RenderOptions
from probe.report.summary import headline, meaning
from probe.report.text import one_line, safe

_RUN = "cni-probe"


@dataclass(frozen=True, slots=True)
class Case:
    """A test case. ``result`` is ``failure``, ``error``, ``skipped`` or empty for a pass."""

    name: str
    seconds: float = 0.0
    result: str = ""
    kind: str = ""
    message: str = ""
    details: str = ""


def render(record: RunRecord, options: RenderOptions) -> str:
    """The XML document, indented, with its declaration."""
    names = names_by_uid(record)
    root = ElementTree.Element("testsuites")
    classes = _Unique()
    for scenario in record.scenarios:
        cases = [*_scenario_cases(scenario), *_cell_cases(scenario, names)]
        seconds = scenario.deploy_seconds + sum(step.seconds for step in scenario.steps)
        properties = {**_run_properties(record), **_scenario_properties(scenario)}
        _suite(root, classes(safe(scenario.name)), cases, seconds, properties, record.started)
    if run_cases := _run_cases(
        record, green=not any(case.get("errors") != "0" or case.get("failures") != "0" for case in root)
    ):
        _suite(root, classes(_RUN), run_cases, 0.0, _run_properties(record), record.started)
    for key in ("tests", "failures", "errors"):
        root.set(key, str(sum(int(suite.get(key, "0")) for suite in root)))
    root.set("name", _RUN)
    root.set("time", f"{record.seconds:.3f}")
    ElementTree.indent(root)
    return "<?xml version='1.0' encoding='UTF-8'?>\n" + ElementTree.tostring(root, encoding="unicode") + "\n"


def _scenario_cases(scenario: ScenarioRecord) -> Iterator[Case]:
    for trouble in scenario_troubles(scenario):
        yield _trouble_case(trouble)


def _run_cases(record: RunRecord, *, green: bool) -> list[Case]:
    """Problems of the run, and, where nothing else would show it, that the run is no success."""
    cases = [_trouble_case(trouble) for trouble in run_troubles(record)]
    if record.interrupted or (record.exit_code != ExitCode.PASSED and green and not cases):
        message = f"{headline(record)}; exit code {record.exit_code}: {meaning(record.exit_code)}"
        cases.append(Case("run", result="error", kind="run", message=message))
    return cases


def _trouble_case(trouble: Trouble) -> Case:
    name = f"{trouble.step}: problem" if trouble.step else "problem"
    return Case(name, result="error", kind="problem", message=trouble.message)


def _cell_cases(scenario: ScenarioRecord, names: Mapping[str, str]) -> Iterator[Case]:
    for step in scenario.steps:
        for cell in step.cells:
            yield _cell_case(step, cell, names)


def _cell_case(step: StepRecord, cell: CellRecord, names: Mapping[str, str]) -> Case:
    name, seconds = f"{step.name}: {label(cell)}", cell.latency or 0.0
    if cell.verdict is Verdict.PASS:
        return Case(name, seconds)
    sentences = explain(cell, names)
    details = "\n".join([*sentences, *([f"repeat: {safe(cell.repeat)}"] if cell.repeat else [])])
    return Case(name, seconds, _result(cell.verdict), cell.verdict.value, sentences[0], details)


def _result(verdict: Verdict) -> str:
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


def _suite(
    root: ElementTree.Element,
    name: str,
    cases: list[Case],
    seconds: float,
    properties: Mapping[str, str],
    timestamp: str,
) -> None:
    """One suite: its properties first, then its cases, as the schemas want it."""
    counts = Counter(case.result for case in cases)
    suite = ElementTree.SubElement(root, "testsuite")
    attributes = {
        "name": name,
        "tests": str(len(cases)),
        "failures": str(counts["failure"]),
        "errors": str(counts["error"]),
        "skipped": str(counts["skipped"]),
        "time": f"{seconds:.3f}",
        "timestamp": timestamp[:19],  # xs:dateTime without a zone, in UTC, as everybody writes it
    }
    suite.attrib.update(attributes)
    group = ElementTree.SubElement(suite, "properties")
    for key, value in properties.items():
        ElementTree.SubElement(group, "property", name=safe(key), value=safe(value))
    unique = _Unique()
    for case in cases:
        _append(suite, name, unique(safe(case.name)), case)


def _append(suite: ElementTree.Element, classname: str, name: str, case: Case) -> None:
    time = f"{case.seconds:.6f}"
    element = ElementTree.SubElement(suite, "testcase", classname=classname, name=name, time=time)
    if not case.result:
        return
    result = ElementTree.SubElement(element, case.result, message=one_line(case.message))
    if case.result == "skipped":  # the schemas know no type and want no text here
        return
    result.set("type", case.kind)
    result.text = case.details or "\n".join(map(safe, case.message.splitlines()))


class _Unique:
    """Numbers names that come again: two cases of one name would be one case to a CI system."""

    def __init__(self) -> None:
        self._seen: Counter[str] = Counter()

    def __call__(self, name: str) -> str:
        self._seen[name] += 1
        return name if self._seen[name] == 1 else f"{name} #{self._seen[name]}"
