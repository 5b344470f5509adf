"""A comparison as text, Markdown, JSON and JUnit XML."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any, TypeAlias

from tabulate import tabulate

from probe.model.record import RunRecord
from probe.report.diff import words
from probe.report.diff.compare import CellChange, Change, Comparison, FactChange
from probe.report.diff.match import Seen
from probe.report.markup import escaped
from probe.report.run_record import record_to_json
from probe.report.suites import Case, Suite, write_suites
from probe.report.summary import meaning
from probe.report.text import safe, wrapped

Renderer: TypeAlias = Callable[[Comparison, int], Iterator[str]]
"""Writes a comparison, piece by piece, for so many columns."""

API_VERSION = "cni-probe/v1"
KIND = "RunDiff"
_SHOWN = 40
"""Cells of one kind that text shows in a step; JSON has all."""


def text(found: Comparison, width: int) -> Iterator[str]:
    """For a terminal."""
    yield "\n".join(_text(found, width)) + "\n"


def _text(found: Comparison, width: int) -> Iterator[str]:
    yield from wrapped(f"before: {words.run_line(found.before)}", width, hanging="        ")
    yield from wrapped(f"after:  {words.run_line(found.after)}", width, hanging="        ")
    changed = [[each.name, each.before or "-", each.after or "-"] for each in found.facts if each.before != each.after]
    if changed:
        table = tabulate(changed, ["the cluster", "before", "after"], tablefmt="plain", disable_numparse=True)
        yield from ("", *(f"  {safe(line)}".rstrip() for line in table.splitlines()))
    for change in Change:
        cells = [each for each in found.changes if each.change is change]
        for place, group in words.grouped(cells):
            yield from ("", f"{words.TITLES[change]} in {place}")
            for each in group[:_SHOWN]:
                yield from wrapped(words.cell_line(each), width, indent="  ", hanging="      ")
            if len(group) > _SHOWN:
                yield f"  and {len(group) - _SHOWN} more"
            for sentence in words.reasons(group[0]):
                yield from wrapped(sentence, width, indent="    ", hanging="      ")
    if found.slowdowns:
        yield from ("", "time until the last cell of a change was as expected")
        for slowdown in found.slowdowns:
            yield from wrapped(words.latency_line(slowdown, found.bound), width, indent="  ", hanging="      ")
        yield from wrapped(words.bound_line(found.bound), width, indent="  ", hanging="      ")
    yield from ("", *wrapped(words.answer(found), width, hanging="  "))
    yield from wrapped(words.counts(found), width, indent="  ", hanging="  ")


def markdown(found: Comparison, width: int) -> Iterator[str]:
    """For a pull request or a summary of CI."""
    yield "\n".join(_markdown(found)) + "\n"


def _markdown(found: Comparison) -> Iterator[str]:
    mark = ":x:" if found.regressed else ":warning:" if found.doubts else ":white_check_mark:"
    yield from (f"### {mark} {escaped(words.answer(found))}", "")
    yield f"- before: {escaped(words.run_line(found.before))}"
    yield f"- after: {escaped(words.run_line(found.after))}"
    yield from (f"- {escaped(words.counts(found))}", "", "| the cluster | before | after |", "|---|---|---|")
    for fact in found.facts:
        strong = "**" if fact.before != fact.after else ""
        yield f"| {escaped(fact.name)} | {escaped(fact.before)} | {strong}{escaped(fact.after)}{strong} |"
    for change in Change:
        cells = [each for each in found.changes if each.change is change]
        if not cells:
            continue
        unfolded = " open" if change in (Change.REGRESSED, Change.UNPROVEN) else ""
        yield from ("", f"<details{unfolded}><summary>{len(cells)} {change}</summary>", "")
        for place, group in words.grouped(cells):
            yield from (f"**{escaped(place)}**", "")
            yield from (f"- {escaped(words.cell_line(each))}" for each in group[:_SHOWN])
            if len(group) > _SHOWN:
                yield f"- and {len(group) - _SHOWN} more"
            yield ""
        yield "</details>"
    if found.slowdowns:
        yield from ("", "Time until the last cell of a change was as expected:", "")
        yield from (f"- {escaped(words.latency_line(each, found.bound))}" for each in found.slowdowns)
        yield f"- {escaped(words.bound_line(found.bound))}"


def as_json(found: Comparison, width: int) -> Iterator[str]:
    """All of it, for programs; without the cells that are the same."""
    document = {
        "apiVersion": API_VERSION,
        "kind": KIND,
        "exitCode": int(found.exit_code),
        "answer": words.answer(found),
        "before": _run(found.before),
        "after": _run(found.after),
        "counts": {str(change): found.counts[change] for change in Change},
        "doubts": found.doubts,
        "facts": [{"name": each.name, "before": each.before, "after": each.after} for each in found.facts],
        "changes": [_change(each) for each in found.changes],
        "latency": {
            "bound": {"chance": found.bound.chance, "seconds": found.bound.seconds},
            "kinds": [
                {
                    "kind": each.kind,
                    "before": list(each.before),
                    "after": list(each.after),
                    "chance": each.chance,
                    "isWorse": each.is_worse,
                }
                for each in found.slowdowns
            ],
        },
    }
    yield json.dumps(document, indent=2) + "\n"


def _run(record: RunRecord) -> dict[str, Any]:
    head = record_to_json(record)
    return {key: head[key] for key in ("run", "tool", "started", "finished", "cluster", "exitCode")}


def _change(each: CellChange) -> dict[str, Any]:
    cell = each.key.cell
    return {
        "change": each.change,
        "scenario": each.key.scenario,
        "step": each.key.step,
        "source": cell.source,
        "destination": cell.destination,
        "port": cell.port,
        "protocol": cell.protocol,
        "family": cell.family,
        "path": cell.path,
        "via": cell.via,
        "address": cell.address,
        "before": _seen(each.before),
        "after": _seen(each.after),
    }


def _seen(seen: Seen | None) -> dict[str, Any] | None:
    if seen is None:
        return None
    return {
        "verdict": seen.verdict,
        "outcomes": sorted(str(outcome) for outcome in seen.outcomes if outcome),
        "times": seen.times,
        "failed": seen.failed,
        "reason": seen.worst.reason,
    }


def junit(found: Comparison, width: int) -> Iterator[str]:
    """A case for each cell that changed: a failure where it regressed, an error where nothing can be said."""
    cases = [*map(_case, found.changes), *_latency_cases(found), *_doubt_cases(found)]
    same = Case(f"{found.counts[Change.SAME]} cells are the same")
    counts = Counter(case.result for case in (*cases, same))
    properties = dict(side for fact in found.facts for side in _sides(fact))
    suite = Suite("cni-probe diff", found.after.seconds, properties, counts, [*cases, same])
    yield from write_suites([suite], "cni-probe diff", found.after.seconds, found.after.started)


def _sides(fact: FactChange) -> Iterator[tuple[str, str]]:
    yield f"{fact.name} before", fact.before
    yield f"{fact.name} after", fact.after


_RESULTS = {Change.REGRESSED: "failure", Change.UNPROVEN: "error", Change.UNSUPPORTED: "error"}


def _case(each: CellChange) -> Case:
    name = safe(f"{each.key.scenario}: {each.key.step}: {each.key.cell}")
    details = "\n".join([words.cell_line(each), *words.reasons(each)])
    return Case(name, 0.0, _RESULTS.get(each.change, ""), str(each.change), words.cell_line(each), details)


def _latency_cases(found: Comparison) -> Iterator[Case]:
    for each in found.slowdowns:
        line = words.latency_line(each, found.bound)
        yield Case(f"latency: {each.kind}", each.medians[1], "failure" if each.is_worse else "", "latency", line)


def _doubt_cases(found: Comparison) -> Iterator[Case]:
    """What would otherwise end as green."""
    for doubt in found.doubts:
        yield Case(doubt, 0.0, "error", "doubt", f"{doubt}; {meaning(found.exit_code)}")


def html(found: Comparison, width: int) -> Iterator[str]:
    """A page for people who get it sent. The template engine is loaded only for it."""
    from probe.report.diff.page import pieces

    yield from pieces(found, width)


FORMATS: dict[str, Renderer] = {"table": text, "json": as_json, "markdown": markdown, "junit": junit, "html": html}
