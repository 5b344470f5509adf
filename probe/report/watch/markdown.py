"""A watch in Markdown."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

from probe.model.cell import Verdict
from probe.model.watch import WatchRecord
from probe.report.markup import escaped, fenced, row, table_head
from probe.report.text import Paint, duration, one_line, shortened
from probe.report.watch.connections import connections_words, not_kept
from probe.report.watch.log import log
from probe.report.watch.summary import HEAD, by_pair
from probe.report.watch.timeline import timeline
from probe.report.watch.words import affected, answer, budget_words, caveats, instant, load_words, name_of

MAX_CELLS = 100
_WIDTH = 110
_LONGEST = 400
_MARKS = {Verdict.PASS: ":white_check_mark:", Verdict.INCONCLUSIVE: ":warning:"}


def lines(watch: WatchRecord) -> Iterator[str]:
    """The lines of its part of a report."""
    yield f"#### {_MARKS.get(watch.verdict, ':x:')} watched: {_said(watch.step)}"
    yield ""
    yield f"- {_said(answer(watch))}"
    yield f"- {_said(load_words(watch))}; {_said(budget_words(watch.budget))}"
    if held := connections_words(watch):
        yield f"- {_said(held)}"
        yield from (f"  - {_said(each)}" for each in islice(not_kept(watch), MAX_CELLS))
    yield from (f"- :warning: {_said(caveat)}" for caveat in caveats(watch))
    yield ""
    if found := affected(watch):
        yield from table_head(["cell", "verdict", "kind", "from", "for", "packets"])
        for cell in found[:MAX_CELLS]:
            for span in cell.spans:
                yield row(
                    [_said(name_of(cell)), cell.verdict.value, span.kind.value, instant(span.first),
                     duration(span.seconds), str(span.count)]
                )  # fmt: skip
            if not cell.spans:
                yield row([_said(name_of(cell)), cell.verdict.value, _said(cell.reason), "", "", ""])
        yield ""
        if len(found) > MAX_CELLS:
            yield from (f"and {len(found) - MAX_CELLS} cells more; `-o json` has all.", "")
        yield from table_head(list(HEAD))
        yield from (row([_said(text) for text in each.words]) for each in by_pair(watch))
        yield ""
    if drawn := timeline(watch, _WIDTH, Paint(False)):
        yield from (*fenced(drawn), "")
    entries, left = log(watch)
    if entries:
        shown = [*map(one_line, entries), *([f"and {left} lines more"] if left else [])]
        yield from ("<details><summary>what happened meanwhile</summary>", "", *fenced(shown), "", "</details>", "")


def _said(text: str) -> str:
    return escaped(shortened(one_line(text), _LONGEST))
