"""The ``junit`` format, for CI systems: a test case per cell, and one for everything that went wrong beside cells.

A mismatch is a ``failure``, an inconclusive cell or a problem of the harness an ``error``. What cannot be tried and
what the API leaves open are ``skipped``, because neither a pass nor a failure was shown, and so are known failures. A
run whose exit code is not 0 has at least one failure or error, so that no CI system shows it green.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import chain

from probe.model.cell import ExitCode, Verdict
from probe.model.record import CellRecord, RunRecord, ScenarioRecord
from probe.report.explain import explain, label
from probe.report.findings import names_by_uid
from probe.report.fold import count_cells
from probe.report.latency import enforcement, quantiles, sampling_words
from probe.report.problems import Trouble, run_troubles, scenario_troubles
from probe.report.render import RenderOptions
from probe.report.run_notes import known_words
from probe.report.suites import Case, Suite, Unique, write_suites
from probe.report.summary import headline, meaning
from probe.report.text import safe
from probe.report.watch.cases import cases as watch_cases

_RUN = "cni-probe"


def render(record: RunRecord, options: RenderOptions) -> str:
    """The XML document in one piece."""
    return "".join(pieces(record, options))


def pieces(record: RunRecord, options: RenderOptions) -> Iterator[str]:
    """The XML document, indented, with its declaration."""
    yield from write_suites(suites_of(record), _RUN, record.seconds, record.started)


def suites_of(record: RunRecord) -> list[Suite]:
    """A suite for each scenario, and one for the run where there is more to say; cases are made as they are read."""
    names = names_by_uid(record)
    unique = Unique()
    suites = [_scenario_suite(record, scenario, unique(safe(scenario.name)), names) for scenario in record.scenarios]
    green = not any(suite.counts.get(kind) for suite in suites for kind in ("failure", "error"))
    if cases := _run_cases(record, green=green):
        counts = Counter(case.result for case in cases)
        suites.append(Suite(unique(_RUN), 0.0, _run_properties(record), counts, cases))
    return suites


def _scenario_suite(record: RunRecord, scenario: ScenarioRecord, name: str, names: Mapping[str, str]) -> Suite:
    own = list(_scenario_cases(scenario))
    counts = Counter(case.result for case in own)
    for step in scenario.steps:
        for verdict, number in count_cells(step.cells).items():
            counts[_result(verdict)] += number
    seconds = scenario.deploy_seconds + sum(step.seconds for step in scenario.steps)
    properties = {**_run_properties(record), **_scenario_properties(scenario)}
    return Suite(name, seconds, properties, counts, chain(own, _cell_cases(scenario, names)))


def _scenario_cases(scenario: ScenarioRecord) -> Iterator[Case]:
    unique = Unique()
    for trouble in scenario_troubles(scenario):
        case = _trouble_case(trouble)
        yield replace(case, name=unique(case.name))
    if scenario.watch is not None:
        yield from watch_cases(scenario.watch)


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
    steps = Unique()
    for step in scenario.steps:
        heading, unique = steps(safe(step.name)), Unique()
        for cell in step.cells:
            yield _cell_case(unique(f"{heading}: {label(cell)}"), cell, cell.line or step.line, names)


def _cell_case(name: str, cell: CellRecord, line: int | None, names: Mapping[str, str]) -> Case:
    seconds = cell.latency or 0.0
    if cell.verdict is Verdict.PASS:
        return Case(name, seconds, cell=cell)
    sentences = explain(cell, names)
    details = "\n".join([*sentences, *([f"repeat: {safe(cell.repeat)}"] if cell.repeat else [])])
    return Case(name, seconds, _result(cell.verdict), cell.verdict.value, sentences[0], details, cell, line)


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
        **{f"known failure: {each.entry}": f"{known_words(each)} ({each.reason})" for each in record.known_failures},
    }


def _scenario_properties(scenario: ScenarioRecord) -> dict[str, str]:
    properties = {"file": scenario.file, "deploy seconds": f"{scenario.deploy_seconds:.3f}"}
    if scenario.baseline:
        properties["baseline"] = f"{scenario.baseline.connected} of {scenario.baseline.cells} connected"
    for step in scenario.steps:
        converged = "never" if step.converge_seconds is None else f"{step.converge_seconds:.3f}"
        properties[f"converge seconds: {step.name}"] = converged
    for step, times in enforcement(scenario):
        for each in times:
            where = f", {each.topology}" if each.topology else ""
            numbers = [f"{name}={seconds:.4f}" for name, seconds in quantiles(each) if seconds is not None]
            counts = [f"cells={each.cells}", f"never={each.never}", f"untimed={each.untimed}"]
            properties[f"enforcement seconds: {step.name}: {each.change.words}{where}"] = " ".join(numbers + counts)
        if times and (exact := sampling_words(step)):
            properties[f"enforcement sampling: {step.name}"] = exact
        if flapping := [label(cell) for cell in step.cells if cell.flaps]:
            properties[f"flapping cells: {step.name}"] = "; ".join(flapping)
    return properties
