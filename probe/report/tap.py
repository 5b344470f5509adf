"""The ``tap`` format, version 14 of the Test Anything Protocol: a test point for each case that JUnit has.

One flat list and no subtests, which readers of version 13 skip. What cannot be tried and what the API leaves open has
the directive ``SKIP``, known failures ``TODO``; what is inconclusive is ``not ok``, as is everything that went wrong
beside the cells. A run that was not completed ends with ``Bail out!``, whatever its points say.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

from probe.model.cell import Verdict
from probe.model.record import RunRecord
from probe.report.junit import suites_of
from probe.report.render import RenderOptions
from probe.report.suites import Case, Suite
from probe.report.summary import headline, meaning
from probe.report.text import one_line, safe


def pieces(record: RunRecord, options: RenderOptions) -> Iterator[str]:
    """Version, plan, points, and why the run is no whole one."""
    suites = suites_of(record)
    yield f"TAP version 14\n1..{sum(sum(suite.counts.values()) for suite in suites)}\n# {one_line(headline(record))}\n"
    number = 0
    for suite in suites:
        for case in suite.cases:
            number += 1
            yield _point(number, suite, case)
    yield f"# exit code {record.exit_code}: {meaning(record.exit_code)}\n"
    if why := _cut_short(record):
        yield f"Bail out! {why}\n"


def _cut_short(record: RunRecord) -> str:
    """What of the run is missing, if anything."""
    if record.interrupted:
        return "the run was interrupted"
    for scenario in record.scenarios:
        cut = next((step for step in scenario.steps if not step.completed), None)
        if cut is not None:
            return f"{safe(scenario.name)}: {safe(cut.name)}: the step was not completed"
        if not scenario.completed:
            return f"{safe(scenario.name)}: the scenario was not completed"
    return "" if record.scenarios else "not one scenario was run"


def _point(number: int, suite: Suite, case: Case) -> str:
    said = f"{number} - {_escaped(f'{suite.name}: {case.name}')}"
    if not case.result:
        return f"ok {said}\n"
    if case.kind == Verdict.KNOWN:  # what TODO is for: not ok, and no failure of the run
        return f"not ok {said} # TODO {_escaped(one_line(case.message))}\n{_diagnostics(suite, case)}"
    if case.result == "skipped":
        return f"ok {said} # SKIP {_escaped(one_line(case.message))}\n{_diagnostics(suite, case)}"
    return f"not ok {said}\n{_diagnostics(suite, case)}"


def _escaped(text: str) -> str:
    """A description: a ``#`` in it begins no directive."""
    return re.sub(r"([\\#])", r"\\\1", text)


def _diagnostics(suite: Suite, case: Case) -> str:
    """The block of YAML below a point. Its texts are JSON strings, which are YAML whatever stands in them."""
    lines = [
        f"message: {_quoted(one_line(case.message))}",
        f"severity: {'skip' if case.result == 'skipped' else 'fail'}",
        f"verdict: {_quoted(case.kind)}",
    ]
    if cell := case.cell:
        lines += [
            f"expected: {_quoted(cell.expected)}",
            f"observed: {_quoted(cell.outcome or 'nothing')}",
            *_place(suite.properties.get("file", ""), case.line),
        ]
    if details := case.details.splitlines():
        lines += ["details:", *(f"  - {_quoted(line)}" for line in details)]
    return "".join(f"  {line}\n" for line in ("---", *lines, "..."))


def _place(file: str, line: int | None) -> list[str]:
    """Where the scenario states what is expected."""
    return ["at:", f"  file: {_quoted(file)}", f"  line: {line}"] if file and line else []


def _quoted(text: str) -> str:
    return json.dumps(safe(text), ensure_ascii=False)
