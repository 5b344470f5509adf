"""What was detected, as a table for a terminal and as a page of the docs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from tabulate import tabulate

from probe.sandbox.faults.registry import FAULTS
from tests.sandbox.detection.classes import CLASSES, BugClass
from tests.sandbox.detection.detect import CLEAN, Detection

_HEADERS = ("fault", "effect", "caught", "by", "of", "first", "verdict")
_PAGE = """\
# What the conformance suite catches

The embedded cluster can be [broken on purpose](../README.md#the-embedded-cluster), in one way at a time in which real
network plugins were: `cni-probe sandbox faults` lists the ways. For each of them this table has what the suite said of
it. `make detection` sends the packets; it fails if a fault is not caught that the API does not leave open, or if a
cluster without any fault does not pass.

- *could*: scenarios for which some node would get other rules with the fault than without, or get them at another time.
  Only these are run, the quickest first: no packet can tell the others apart.
- *caught by*: how many of those that were run had a cell that was not as expected. A few are enough to end the run of a
  fault.
- *first*: the scenario that caught it first, with its verdict. `leak`: something passed that must not; `blocked`: the
  reverse; `misrouted`: somebody else answered.

"""
_PAGE_HEAD = (
    "| fault | what it does | effect | could | caught by | first | verdict |",
    "|---|---|---|---|---|---|---|",
)


_CLASSES = """
## Bugs of network plugins that users reported

By class: which of the faults above are of it, and the scenarios that caught these first.

| class | what goes wrong | faults | caught by | |
|---|---|---|---|---|
"""


def is_missed(found: Detection) -> bool:
    """Whether a fault that the API forbids went unnoticed; without a fault, whether anything was not as expected."""
    if found.fault == CLEAN:
        return bool(found.catches or found.inconclusive or found.problems)
    return not found.catches and not FAULTS[found.fault].left_open


def text(found: Sequence[Detection]) -> str:
    """The table, and the answer."""
    rows = [[each.fault, _effect(each), *_result(each)] for each in found]
    lines = [tabulate(rows, _HEADERS, disable_numparse=True), "", *_answer(found)]
    return "\n".join(lines)


def _effect(found: Detection) -> str:
    if found.fault == CLEAN:
        return ""
    fault = FAULTS[found.fault]
    return f"{fault.effect}, open" if fault.left_open else str(fault.effect)


def _result(found: Detection) -> tuple[str, str, str, str, str]:
    count = _count(found)
    if not found.catches:
        said = "clean" if found.fault == CLEAN and not is_missed(found) else _doubt(found)
        word = "" if found.fault == CLEAN else "no, left open" if FAULTS[found.fault].left_open else "NO"
        return word, count, str(found.touched), said, ""
    first = found.catches[0]
    word = "yes" if found.fault != CLEAN else "NOT CLEAN"
    return word, count, str(found.touched), f"{first.scenario}: {first.cell}", first.verdict


def _count(found: Detection) -> str:
    more = ">=" if found.is_capped and found.catches else ""
    return f"{more}{len(found.catches)}"


def _doubt(found: Detection) -> str:
    parts = [f"{found.inconclusive} inconclusive cells"] if found.inconclusive else []
    return "; ".join([*parts, *found.problems[:2]])


def _answer(found: Sequence[Detection]) -> Iterator[str]:
    faults = [each for each in found if each.fault != CLEAN]
    required = [each for each in faults if not FAULTS[each.fault].left_open]
    caught = sum(bool(each.catches) for each in required)
    if required:
        yield f"{caught} of {len(required)} faults caught ({caught / len(required):.0%})"
    if missed := [each.fault for each in found if is_missed(each)]:
        yield f"missed: {', '.join(missed)}"
    for each in faults:
        if FAULTS[each.fault].left_open:
            yield f"left open by the API: {each.fault} ({'noticed' if each.catches else 'not noticed'})"


def page(found: Mapping[str, Detection]) -> str:
    """The page of the docs, in the order of the registry. What was not tried is said."""
    lines = [_PAGE.rstrip("\n"), ""]
    required = [name for name, fault in FAULTS.items() if not fault.left_open]
    tried = [found[name] for name in required if name in found]
    caught = sum(bool(each.catches) for each in tried)
    untried = f"; {len(required) - len(tried)} could not be tried" if len(tried) < len(required) else ""
    left_open = len(FAULTS) - len(required)
    lines.append(f"{caught} of {len(required)} faults are caught{untried}; {left_open} more are left open by the API.")
    if CLEAN in found:
        lines.append(f"Without a fault, {found[CLEAN].ran} scenarios pass.")
    lines += ["", *_PAGE_HEAD]
    lines += [_row(name, found.get(name)) for name in FAULTS]
    lines += [_CLASSES.rstrip("\n"), *(_class(name, each, found) for name, each in CLASSES.items())]
    return "\n".join(lines) + "\n"


def _class(name: str, each: BugClass, found: Mapping[str, Detection]) -> str:
    faults = ", ".join(f"`{fault}`" for fault in each.faults)
    firsts = (found[fault].catches[0].scenario for fault in each.faults if fault in found and found[fault].catches)
    return f"| {name} | {each.words} | {faults} | {', '.join(dict.fromkeys(firsts))} | {each.note} |"


def _row(name: str, found: Detection | None) -> str:
    fault = FAULTS[name]
    effect = f"{fault.effect}; the API leaves it open" if fault.left_open else str(fault.effect)
    cells = [f"`{name}`", fault.summary(), effect]
    if found is None:
        cells += ["", "not tried", "", ""]
    else:
        first, verdict = (found.catches[0].scenario, found.catches[0].verdict) if found.catches else ("", "")
        cells += [str(found.touched), f"{len(found.catches)} of {found.ran}", first, verdict]
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"
