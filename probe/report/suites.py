"""JUnit XML: suites of cases as CI systems read them.

Attributes and the order of elements keep to the schemas of Jenkins (junit-10.xsd) and GitLab, which keys cases on
``classname`` and ``name``.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from xml.etree import ElementTree
from xml.sax.saxutils import escape

from probe.model.record import CellRecord
from probe.report.text import one_line, safe


@dataclass(frozen=True, slots=True)
class Case:
    """A test case. No other of its suite has its ``name``; ``result`` is ``failure``, ``error``, ``skipped``, or empty
    for a pass. ``cell`` is what it is about, where it is about one, and
    ``line`` where the suite's file states what is expected.
    """

    name: str
    seconds: float = 0.0
    result: str = ""
    kind: str = ""
    message: str = ""
    details: str = ""
    cell: CellRecord | None = None
    line: int | None = None


@dataclass(frozen=True, slots=True)
class Suite:
    """A suite whose cases are written one by one, and counted before: the schemas want the numbers first."""

    name: str
    seconds: float
    properties: Mapping[str, str]
    counts: Mapping[str, int]
    cases: Iterable[Case]


def write_suites(suites: Sequence[Suite], name: str, seconds: float, started: str) -> Iterator[str]:
    """The XML document, indented, with its declaration. ``started``: RFC 3339, in UTC."""
    total: Counter[str] = Counter()
    for suite in suites:
        total.update(suite.counts)
    numbers = {"tests": total.total(), "failures": total["failure"], "errors": total["error"]}
    attributes = {key: str(number) for key, number in numbers.items()} | {"name": name, "time": f"{seconds:.3f}"}
    yield f"<?xml version='1.0' encoding='UTF-8'?>\n{_opening('testsuites', attributes)}\n"
    for suite in suites:
        yield from _suite(suite, started)
    yield "</testsuites>\n"


def _suite(suite: Suite, started: str) -> Iterator[str]:
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


class Unique:
    """Numbers names that come again: two cases of one name would be one case to a CI system."""

    def __init__(self) -> None:
        self._seen: Counter[str] = Counter()

    def __call__(self, name: str) -> str:
        self._seen[name] += 1
        return name if self._seen[name] == 1 else f"{name} #{self._seen[name]}"
