"""The truth tables of ``cni-probe plan``: one for each group of ways, and of ports, of which the same is expected.

They are printed as ``expect.table`` reads them, so that they can be pasted into a scenario; those that are too wide for
the terminal have numbered columns, and are only for reading.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from tabulate import tabulate

from probe.model.cell import Cell, Expectation, Path
from probe.model.plan import PlannedCell
from probe.report.views import way_words

WORDS = {Expectation.ALLOW: ".", Expectation.DENY: "X", Expectation.EITHER: "?"}

Matrix: TypeAlias = dict[tuple[str, str], str]
"""(source, destination) -> word, for the pairs that are tried."""


@dataclass(slots=True)
class _View:
    """Cells of some ways that expect the same of each pair. ``noted``: a pod to itself is left open by a service."""

    ways: list[str]
    cells: list[PlannedCell]
    noted: bool = False


def drawn(cells: Sequence[PlannedCell]) -> Iterator[str]:
    """The tables of a step's cells, each after an empty line; which ways they hold for where there are services."""
    views = _views(cells)
    services = any(not _is_direct(item.cell) for item in cells)
    for number, view in enumerate(views):
        words = {item.expectation for item in view.cells}
        uniform = number > 0 and len(words) == 1
        if services:
            yield from ("", f"  by {way_words(view.ways)}{f': {words.pop()}, everywhere' if uniform else _note(view)}")
        for ports, matrix in () if uniform else _tables(view.cells):
            yield from ("", *_table(ports, matrix, view.cells))


def draw(rows: Sequence[Sequence[str]], headers: Sequence[str]) -> list[str]:
    """A table of text, indented."""
    text = tabulate(rows, headers=headers, tablefmt="plain", disable_numparse=True)
    return [f"  {line}".rstrip() for line in text.splitlines()]


def _note(view: _View) -> str:
    alike = " alike" if len({way.partition("/")[0] for way in view.ways}) > 1 else ""
    return f"{alike}; a pod to itself through a service: either" if view.noted else alike


def _views(cells: Sequence[PlannedCell]) -> list[_View]:
    """The direct ways together, since each leads to destinations of its own; then services, with those before them
    where they expect the same."""
    by_way: dict[str, _View] = {}
    for item in cells:
        view = by_way.setdefault("" if _is_direct(item.cell) else item.cell.way, _View([], []))
        if item.cell.way not in view.ways:
            view.ways.append(item.cell.way)
        view.cells.append(item)
    views: list[_View] = []
    for key, view in sorted(by_way.items(), key=lambda item: item[0] != ""):
        for other in views if key else ():
            differing = _differing(view, other)
            if all(item.cell.is_self and item.expectation is Expectation.EITHER for item in differing):
                other.ways += view.ways
                other.noted = other.noted or bool(differing)
                break
        else:
            views.append(view)
    return views


def _is_direct(cell: Cell) -> bool:
    return cell.path not in (Path.CLUSTER_IP, Path.NODE_PORT)


def _differing(view: _View, other: _View) -> list[PlannedCell]:
    """The cells of ``view`` that a table of ``other`` does not say."""
    words = {_place(item.cell): item.expectation for item in other.cells}
    return [item for item in view.cells if words.get(_place(item.cell)) is not item.expectation]


def _place(cell: Cell) -> tuple[str, str, int, str, str]:
    return cell.source, cell.destination, cell.port, cell.protocol, cell.family


def _tables(cells: Sequence[PlannedCell]) -> list[tuple[str, Matrix]]:
    """A matrix per group of ports of which the same is expected; one for all (``*``) where ports make no difference."""
    by_port: dict[str, Matrix] = {}
    for item in cells:
        cell = item.cell
        word = WORDS.get(item.expectation, str(item.expectation))
        by_port.setdefault(f"{cell.port}/{cell.protocol}", {})[cell.source, cell.destination] = word
    groups: list[tuple[list[str], Matrix]] = []
    for port, matrix in by_port.items():
        for ports, merged in groups:
            if all(merged.get(pair, word) == word for pair, word in matrix.items()):
                ports.append(port)
                merged.update(matrix)
                break
        else:
            groups.append(([port], dict(matrix)))
    return [("*" if len(groups) == 1 else ",".join(ports), matrix) for ports, matrix in groups]


def _table(ports: str, matrix: Matrix, cells: Sequence[PlannedCell]) -> Iterator[str]:
    """Rows and columns in plan order; numbered columns when the names would not fit on the terminal."""
    sources = [name for name in dict.fromkeys(item.cell.source for item in cells) if _any(matrix, 0, name)]
    columns = [name for name in dict.fromkeys(item.cell.destination for item in cells) if _any(matrix, 1, name)]
    rows = [[source, *(matrix.get((source, column), "-") for column in columns)] for source in sources]
    lines = draw(rows, [ports, *columns])
    if max(map(len, lines)) > shutil.get_terminal_size().columns:
        yield from (f"  {number:>3} {column}" for number, column in enumerate(columns, 1))
        lines = draw(rows, [ports, *(str(number) for number in range(1, len(columns) + 1))])
    yield from lines


def _any(matrix: Mapping[tuple[str, str], str], end: int, name: str) -> bool:
    return any(pair[end] == name for pair in matrix)
