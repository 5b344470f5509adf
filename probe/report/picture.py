"""Chooses how a matrix is shown: whole while it is readable, else its observed half, else folded to namespaces
together with the rows and columns that deviate.

A fleet of a hundred pods has ten thousand places; what matters of them is where it deviates.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType

from probe.report.draw import Grid, draw
from probe.report.matrix import Matrix, by_namespace, namespace_of, needs_explanation
from probe.report.symbols import expected_symbol, legend, observed_symbol
from probe.report.text import Paint, wrapped

MAX_ROWS = 24
"""Rows that deviate and are drawn beside a fleet that is too large to be drawn itself."""
_BANDS = 3
_NO_MARKS: Mapping[str, str] = MappingProxyType({})
_TOO_LARGE = "{} x {} is too large to draw in this width: the cells are in -o wide and -o json"


@dataclass(frozen=True, slots=True)
class _Way:
    """One way of drawing. ``expected`` and ``observed`` are pictures; without the first only one grid is drawn."""

    rows: Sequence[str]
    columns: Sequence[str]
    observed: list[list[str]]
    title: str
    expected: list[list[str]] | None = None
    bands: int = 1
    note: str = ""

    def draw(self, width: int, paint: Paint) -> list[str] | None:
        """Note, grids and what their symbols mean; None when that would not be readable."""
        grids = [Grid("expected", self.expected)] if self.expected else []
        grids.append(Grid(self.title, self.observed))
        drawn = draw(self.rows, self.columns, grids, width, paint, bands=self.bands)
        if drawn is None:
            return None
        expected = ["".join(line) for line in self.expected or []]
        explained = legend(expected, ["".join(line) for line in self.observed])
        hanging = " " * len("observed: ")
        return [
            *([self.note] if self.note else []),
            *drawn,
            *(part for line in explained for part in wrapped(line, width, hanging=hanging)),
        ]


def picture(matrix: Matrix, width: int, paint: Paint, marks: Mapping[str, str] = _NO_MARKS) -> list[str]:
    """The lines that show a matrix within ``width`` columns; ``marks`` are appended to the names of pods."""
    cells = [cell for lanes in matrix.places.values() for cell in lanes.values()]
    deviates = any(map(needs_explanation, cells))
    for way in _whole(matrix, deviates, marks):
        if drawn := way.draw(width, paint):
            return [*drawn, *_ports(matrix, width)]
    lines = _folded(matrix, deviates).draw(width, paint) if _namespaces(matrix) < len(matrix.rows) else None
    parts = [lines] if lines else []
    if deviates and (lines := _deviating(matrix, marks).draw(width, paint)):
        parts.append([*lines, *_ports(matrix, width)])
    if not parts:
        return wrapped(_TOO_LARGE.format(len(matrix.rows), len(matrix.columns)), width)
    return [line for number, part in enumerate(parts) for line in ([""] if number else []) + part]


def _whole(matrix: Matrix, deviates: bool, marks: Mapping[str, str]) -> Iterator[_Way]:
    """All rows and columns; where it deviates with the expected ones beside them, or, when wide, without."""
    observed = matrix.picture(observed_symbol)
    rows, columns = _marked(matrix.rows, marks), _marked(matrix.columns, marks)
    if deviates:
        yield _Way(rows, columns, observed, "observed", matrix.picture(expected_symbol))
    title = "observed (letters: other than expected)" if deviates else "observed = expected"
    yield _Way(rows, columns, observed, title, bands=_BANDS)


def _marked(names: Iterable[str], marks: Mapping[str, str]) -> tuple[str, ...]:
    return tuple(f"{name}{marks.get(name, '')}" for name in names)


def _folded(matrix: Matrix, deviates: bool) -> _Way:
    rows, columns, observed = by_namespace(matrix, observed_symbol)
    note = f"{len(matrix.rows)} x {len(matrix.columns)}, by namespace:"
    return _Way(rows, columns, observed, "observed" if deviates else "observed = expected", note=note)


def _deviating(matrix: Matrix, marks: Mapping[str, str]) -> _Way:
    part = matrix.deviations()
    shown = replace(part, rows=part.rows[:MAX_ROWS])
    cut = f", {len(shown.rows)} of them shown" if len(shown.rows) < len(part.rows) else ""
    sources = f"{len(part.rows)} of {len(matrix.rows)} sources{cut}"
    destinations = f"{len(part.columns)} of {len(matrix.columns)} destinations"
    return _Way(
        _marked(shown.rows, marks),
        _marked(shown.columns, marks),
        shown.picture(observed_symbol),
        "observed",
        shown.picture(expected_symbol),
        note=f"where it deviates: {sources}, {destinations}",
    )


def _namespaces(matrix: Matrix) -> int:
    return len(set(map(namespace_of, matrix.rows)))


def _ports(matrix: Matrix, width: int) -> list[str]:
    """How to read a place that has several symbols."""
    ports = " ".join(f"{port}/{protocol}" for port, protocol in matrix.lanes)
    how = "  (one symbol where all agree)" if len(matrix.lanes) > 1 else ""
    return wrapped(f"ports: {ports}{how}", width, hanging=" " * len("ports: "))
