"""Draws matrices within a width: with names as headings while they fit, then with numbers, then in bands.

Gives nothing when even that would not be readable: a hundred columns of symbols help nobody.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import zip_longest
from typing import TypeAlias

from tabulate import SEPARATING_LINE, DataRow, Line, TableFormat, tabulate

from probe.report.symbols import colour_of
from probe.report.text import NO_BREAK, Paint, columns, safe, shortened, wrapped

Labels: TypeAlias = Sequence[Sequence[str]]
"""What stands before each row: its name, or its number and its name."""

MAX_ROWS = 40
_LABEL_WIDTHS = (132, 40, 30, 22)  # what a row's name may take; 132 holds any namespace/name
_CORNER = "from \\ to"
_SIDE_GAP = "    "


@dataclass(frozen=True, slots=True)
class Grid:
    """A picture under a title (``expected``, ``observed``, or empty). ``colour`` is that of a place as a whole; without
    it places are symbols, each with its own colour."""

    title: str
    picture: Sequence[Sequence[str]]
    colour: Callable[[str], str] | None = None

    def painted(self, text: str, paint: Paint) -> str:
        """A place in its colours."""
        if self.colour is not None:
            return paint(text, self.colour(text))
        return "".join(paint(symbol, colour_of(symbol)) for symbol in text)


def draw(
    rows: Sequence[str], heads: Sequence[str], grids: Sequence[Grid], width: int, paint: Paint, *, bands: int = 1
) -> list[str] | None:
    """Lines that show the grids, side by side where there is room; None when they cannot be readable.

    Columns may be cut into as many as ``bands`` parts, one under the other.
    """
    rows, heads = [safe(row) for row in rows], [safe(head) for head in heads]
    drawn = _whole([[row] for row in rows], [re.split("[/ ]|(?=@)", head) for head in heads], grids, width, paint)
    if drawn:
        return drawn
    numbers = _numbers(rows, heads)
    numbered = [[str(numbers[head])] for head in heads]
    for parts in range(1, bands + 1 if len(rows) <= MAX_ROWS else 1):
        for limit in _LABEL_WIDTHS:
            labels = [[str(numbers[row]), shortened(row, limit)] for row in rows]
            drawn = _cut(labels, numbered, grids, width, paint, parts)
            if drawn:
                return drawn + list(_key(rows, numbers, limit, width))
    return None


def _numbers(rows: Sequence[str], heads: Sequence[str]) -> dict[str, int]:
    """Rows count first, so that a pod has one number on both sides; what is only a destination follows."""
    return {name: number for number, name in enumerate(dict.fromkeys((*rows, *heads)), 1)}


def _key(rows: Sequence[str], numbers: dict[str, int], limit: int, width: int) -> Iterator[str]:
    """Names that the numbered matrix does not show in full."""
    missing = [name for name in numbers if name not in rows or len(name) > limit]
    if missing:
        yield from wrapped("  ".join(f"{numbers[name]}{NO_BREAK}={NO_BREAK}{name}" for name in missing), width)


def _whole(
    labels: Labels, heads: Sequence[Sequence[str]], grids: Sequence[Grid], width: int, paint: Paint
) -> list[str] | None:
    """All columns at once, grids beside each other or one under the other."""
    tables = [_table(labels, heads, grid, paint) for grid in grids]
    if len(grids) > 1:
        beside = _beside(tables[0], [_table(None, heads, grid, paint) for grid in grids[1:]])
        if _fits(beside, width):
            return beside
    if not all(_fits(table, width) for table in tables):
        return None
    return [line for number, table in enumerate(tables) for line in ([""] if number else []) + table]


def _cut(
    labels: Labels, heads: Sequence[Sequence[str]], grids: Sequence[Grid], width: int, paint: Paint, parts: int
) -> list[str] | None:
    """Columns in parts of about equal size, each with the rows' names again."""
    size = -(-len(heads) // parts)
    lines: list[str] = []
    for start in range(0, len(heads), size):
        part = slice(start, start + size)
        cut = [replace(grid, picture=[line[part] for line in grid.picture]) for grid in grids]
        drawn = _whole(labels, heads[part], cut, width, paint)
        if drawn is None:
            return None
        lines += ([""] if lines else []) + drawn
    return lines


def _table(labels: Labels | None, heads: Sequence[Sequence[str]], grid: Grid, paint: Paint) -> list[str]:
    """One grid as lines; without labels it stands beside another one."""
    # Headings are rows of data: tabulate would make each real heading two columns wider than its text.
    depth = max((len(head) for head in heads), default=1)
    stacked = [[""] * (depth - len(head)) + list(head) for head in heads]
    table = [[head[level] for head in stacked] for level in range(depth)]
    table += [[grid.painted(text, paint) for text in line] for line in grid.picture]
    align = ["left"] * len(heads)
    if labels is not None:
        names = len(labels[0])
        blank = [""] * names
        corner = [*blank[:-1], _CORNER]
        table = [[*label, *line] for label, line in zip([*[blank] * (depth - 1), corner, *labels], table, strict=True)]
        align = [*["right"] * (names - 1), "left", *align]
    body: list[list[str] | str] = [*table[:depth], SEPARATING_LINE, *table[depth:]]
    text = tabulate(body, tablefmt=_FORMAT, disable_numparse=True, colalign=align)
    lines = [line.rstrip() for line in text.splitlines()]
    return [paint(grid.title, "bold"), *lines] if grid.title else lines


_FORMAT = TableFormat(
    lineabove=None,
    linebelowheader=Line("", "-", "  ", ""),
    linebetweenrows=None,
    linebelow=None,
    headerrow=DataRow("", "  ", ""),
    datarow=DataRow("", "  ", ""),
    padding=0,
    with_header_hide=None,
)


def _beside(first: list[str], others: Sequence[list[str]]) -> list[str]:
    """Tables of equal height next to each other."""
    lines = first
    for table in others:
        width = max(map(_visible, lines))
        pairs = zip_longest(lines, table, fillvalue="")
        lines = [left + " " * (width - _visible(left)) + _SIDE_GAP + right for left, right in pairs]
    return [line.rstrip() for line in lines]


def _fits(lines: Sequence[str], width: int) -> bool:
    return all(_visible(line) <= width for line in lines)


def _visible(line: str) -> int:
    return columns(re.sub(r"\x1b\[[0-9;]*m", "", line))
