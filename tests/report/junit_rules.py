"""What CI systems ask of JUnit XML, as rules: Jenkins by the schema of its xUnit plugin (junit-10.xsd), which refuses a
file that breaks it, GitLab by what its documentation says that it reads."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from xml.etree.ElementTree import Element, fromstring

TIME = re.compile(r"\d+(\.\d*)?")  # the schema's own pattern takes more: thousands with commas
"""Seconds."""
COUNT = re.compile(r"\d+")
GITLAB_LIMIT = 30 * 10**6
"""Bytes of a file that GitLab reads."""


@dataclass(frozen=True)
class Rule:
    """An element of junit-10.xsd, as far as we write it: its attributes, its children, and whether it may hold text."""

    required: frozenset[str]
    optional: frozenset[str]
    children: frozenset[str]
    text: bool = False


def _rule(required: str, optional: str, children: str, *, text: bool = False) -> Rule:
    return Rule(frozenset(required.split()), frozenset(optional.split()), frozenset(children.split()), text)


_RESULTS = ("failure", "error", "skipped")
JENKINS = {
    "testsuites": _rule("", "name time tests failures errors", "testsuite"),
    "testsuite": _rule(
        "name tests failures errors",
        "group time skipped timestamp hostname id package file log url",
        "testsuite properties testcase system-out system-err",
    ),
    "properties": _rule("", "", "property"),
    "property": _rule("name value", "", ""),
    "testcase": _rule("name", "time classname group", " ".join((*_RESULTS, "system-out", "system-err"))),
    **dict.fromkeys(_RESULTS, _rule("", "type message", "", text=True)),
}


def broken_rules(document: str) -> list[str]:
    """Every rule that a document breaks, by the element."""
    root = fromstring(document)
    broken = [*_jenkins(root), *_gitlab(root)] if root.tag == "testsuites" else [f"the root is {root.tag}"]
    if len(document.encode()) > GITLAB_LIMIT:
        broken.append("the file is larger than GitLab reads")
    return broken


def _jenkins(element: Element) -> Iterator[str]:
    rule = JENKINS.get(element.tag)
    if rule is None:
        yield f"<{element.tag}> is no element"
        return
    for name in sorted(rule.required - set(element.attrib)):
        yield f"<{element.tag}> has no {name}"
    for name in sorted(set(element.attrib) - rule.required - rule.optional):
        yield f"<{element.tag}> has {name}"
    for name, pattern in (("time", TIME), *((each, COUNT) for each in ("tests", "failures", "errors", "skipped"))):
        if name in element.attrib and not pattern.fullmatch(element.attrib[name]):
            yield f"<{element.tag}> has {name}={element.attrib[name]!r}"
    if not rule.text and (element.text or "").strip():
        yield f"<{element.tag}> holds text"
    for child in element:
        if child.tag not in rule.children:
            yield f"<{element.tag}> holds <{child.tag}>"
        if (child.tail or "").strip():
            yield f"<{element.tag}> holds text"
        yield from _jenkins(child)


def _gitlab(root: Element) -> Iterator[str]:
    """The suite that it shows is ``classname``; a case of the same names as another is ignored; of several results it
    shows one; the numbers of a suite are what it holds."""
    cases = list(root.iter("testcase"))
    for case in cases:
        if not case.get("classname") or not case.get("name"):
            yield f"a case without a name: {case.attrib}"
        if sum(child.tag in _RESULTS for child in case) > 1:
            yield f"several results: {case.attrib}"
        for child in case:
            if child.tag in ("failure", "error") and not (child.text or "").strip():
                yield f"nothing is said of a {child.tag}: {case.attrib}"
    keys = Counter((case.get("classname"), case.get("name")) for case in cases)
    yield from (f"{number} cases are called {key}" for key, number in keys.items() if number > 1)
    for suite in root:
        held = Counter(child.tag for case in suite.iter("testcase") for child in case)
        for name, tag in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
            if int(suite.get(name, "0")) != held[tag]:
                yield f"{suite.get('name')} has {held[tag]} {name}, and says {suite.get(name)}"
