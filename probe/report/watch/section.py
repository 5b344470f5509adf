"""A watch at a terminal: the answer, the lanes, every leak and outage, nodes, and what happened meanwhile."""

from __future__ import annotations

from collections.abc import Iterator

from probe.model.cell import Verdict
from probe.model.watch import WatchRecord
from probe.report.text import Paint, one_line, wrapped
from probe.report.watch.connections import connections_words, not_kept
from probe.report.watch.log import log
from probe.report.watch.summary import HEAD, by_node, by_pair
from probe.report.watch.timeline import timeline
from probe.report.watch.words import affected, answer, budget_words, caveats, load_words, name_of, span_words

MAX_CELLS = 20
MAX_SPANS = 8
_COLOURS = {Verdict.PASS: "green", Verdict.INCONCLUSIVE: "yellow"}


def section(watch: WatchRecord, width: int, paint: Paint) -> list[str]:
    """Its lines."""

    def text(sentence: str, indent: str = "  ", hanging: str | None = None) -> list[str]:
        return wrapped(one_line(sentence), width, indent, hanging)

    word = watch.verdict.value.upper()
    lines = [paint(line, "bold") for line in text(f"watched: {watch.step}", "")]
    lines += text(load_words(watch)) + text(budget_words(watch.budget))
    said = text(answer(watch), "  ", "    ")
    lines += [said[0].replace(watch.verdict.value, paint(word, _COLOURS.get(watch.verdict, "red")), 1), *said[1:]]
    for caveat in caveats(watch):
        lines += [paint(line, "yellow") for line in text(f"! {caveat}", "  ", "    ")]
    if drawn := timeline(watch, width - 2, paint):
        lines += ["", *(f"  {line}".rstrip() for line in drawn)]
    lines += _cells(watch, width)
    if held := connections_words(watch):
        told = [*not_kept(watch)]
        lines += ["", *text(held), *(line for each in told[:MAX_CELLS] for line in text(each, "    ", "      "))]
        lines += [f"    and {len(told) - MAX_CELLS} more"] if len(told) > MAX_CELLS else []
    if any(cell.spans for cell in watch.cells):
        lines += ["", *(f"  {line}" for line in _nodes(watch))]
    entries, left = log(watch)
    if entries:
        lines += ["", *(line for entry in entries for line in wrapped(one_line(entry), width, "  ", " " * 14))]
        lines += [f"  and {left} lines more (-o json has them)"] if left else []
    return lines


def _cells(watch: WatchRecord, width: int) -> list[str]:
    found = affected(watch)
    lines: list[str] = []
    for cell in found[:MAX_CELLS]:
        reason = f": {cell.reason}" if cell.reason else ", within the budget"
        word = cell.verdict.value.upper() if cell.verdict is not Verdict.PASS else "seen"
        lines += ["", *wrapped(one_line(f"{word} {name_of(cell)}{reason}"), width, "  ", "      ")]
        for span in cell.spans[:MAX_SPANS]:
            lines += wrapped(span_words(span), width, "    ", "      ")
        lines += [f"    and {len(cell.spans) - MAX_SPANS} more"] if len(cell.spans) > MAX_SPANS else []
    return [*lines, *([f"  and {len(found) - MAX_CELLS} cells more"] if len(found) > MAX_CELLS else [])]


def _nodes(watch: WatchRecord) -> Iterator[str]:
    """A small table: pairs of nodes, and below them nodes by themselves where there are several."""
    rows = [row.words for row in by_pair(watch)]
    nodes = [row.words for row in by_node(watch)]
    rows += nodes if len(nodes) > 1 else []
    widths = [max(len(row[column]) for row in (HEAD, *rows)) for column in range(len(HEAD))]
    for row in (HEAD, tuple("-" * width for width in widths), *rows):
        yield "  ".join(f"{text:{width}}" for text, width in zip(row, widths, strict=True)).rstrip()
