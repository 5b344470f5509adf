"""A watch as JUnit test cases: one for each cell, and one for the whole."""

from __future__ import annotations

from collections.abc import Iterator

from probe.model.cell import Verdict
from probe.model.watch import WatchRecord
from probe.report.suites import Case, Unique
from probe.report.watch.words import answer, name_of, span_words


def cases(watch: WatchRecord) -> Iterator[Case]:
    """Its cases. What is wrong with the whole alone (a total) is a failure of ``watch``."""
    unique = Unique()
    for cell in watch.cells:
        name = unique(f"watch: {name_of(cell)}")
        details = "\n".join(map(span_words, cell.spans))
        yield Case(name, watch.seconds, _result(cell.verdict), cell.verdict.value, cell.reason, details)
    yield Case("watch", watch.seconds, _result(watch.verdict), watch.verdict.value, answer(watch))


def _result(verdict: Verdict) -> str:
    if verdict is Verdict.PASS:
        return ""
    return "failure" if verdict.is_mismatch else "error"
