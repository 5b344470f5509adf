"""A step's cells arranged as matrices of sources and destinations, before any drawing.

Cells that differ only in port and protocol share a place: these are the matrix's lanes. Address families and
ways have matrices of their own, unless they look the same; then one is enough and its title says so.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeAlias

from probe.model.cell import Family, Path, Protocol, Verdict
from probe.model.record import CellRecord
from probe.report.symbols import expected_symbol, fold_lanes, fold_many, observed_symbol
from probe.report.views import View, view_of

Lane: TypeAlias = tuple[int, Protocol]
Place: TypeAlias = tuple[str, str]
"""A row and a column: the source's id, the destination's id (with its address where it has several)."""
Symbol: TypeAlias = Callable[[CellRecord], str]

_PROTOCOLS = list(Protocol)
_TOGETHER = frozenset({Path.POD_IP, Path.NODE_IP, Path.EXTERNAL})
"""Ways that share a matrix, since each leads to destinations of its own."""


@dataclass(frozen=True, slots=True)
class Matrix:
    """``views`` are the families and ways it stands for; a place's cells are keyed by lane."""

    views: tuple[View, ...]
    rows: tuple[str, ...]
    columns: tuple[str, ...]
    lanes: tuple[Lane, ...]
    places: dict[Place, dict[Lane, CellRecord]] = field(default_factory=dict)

    def text(self, row: str, column: str, symbol: Symbol) -> str:
        """The symbols of one place."""
        cells = self.places.get((row, column), {})
        return fold_lanes(symbol(cells[lane]) if lane in cells else None for lane in self.lanes)

    def picture(self, symbol: Symbol) -> list[list[str]]:
        """All places, row by row."""
        return [[self.text(row, column, symbol) for column in self.columns] for row in self.rows]

    @property
    def is_left_open(self) -> bool:
        """Whether nothing in it is judged, so that a picture would be nothing but question marks."""
        return all(cell.verdict is Verdict.UNDEFINED for lanes in self.places.values() for cell in lanes.values())

    def deviations(self) -> Matrix:
        """Only the rows and columns in which some cell needs an explanation."""
        bad = [place for place, lanes in self.places.items() if any(map(needs_explanation, lanes.values()))]
        rows, columns = {row for row, _ in bad}, {column for _, column in bad}
        return replace(
            self,
            rows=tuple(row for row in self.rows if row in rows),
            columns=tuple(column for column in self.columns if column in columns),
        )


def matrices(cells: Sequence[CellRecord]) -> list[Matrix]:
    """The matrices of a step; rows, columns and matrices in the order in which the cells come."""
    several = several_addresses(cells)
    groups: dict[View, list[CellRecord]] = {}
    for cell in cells:
        family, way = view_of(cell)
        groups.setdefault((family, "" if way in _TOGETHER else way), []).append(cell)
    merged: dict[object, Matrix] = {}
    for members in groups.values():
        matrix = _arrange(members, several)
        look = _look(matrix)
        if look in merged:
            other = merged[look]
            matrix = replace(other, views=(*other.views, *matrix.views))
        merged[look] = matrix
    return list(merged.values())


def needs_explanation(cell: CellRecord) -> bool:
    """Whether the cell did something else than expected, or could not be judged."""
    return cell.verdict.is_mismatch or cell.verdict is Verdict.INCONCLUSIVE


def by_namespace(matrix: Matrix, symbol: Symbol) -> tuple[list[str], list[str], list[list[str]]]:
    """Rows, columns and symbols of the matrix folded to namespaces, for fleets that are too large to draw."""
    rows = list(dict.fromkeys(map(namespace_of, matrix.rows)))
    columns = list(dict.fromkeys(map(namespace_of, matrix.columns)))
    seen: dict[Place, set[str]] = {}
    for (row, column), lanes in matrix.places.items():
        place = (namespace_of(row), namespace_of(column))
        seen.setdefault(place, set()).update(symbol(cell) for cell in lanes.values())
    return rows, columns, [[fold_many(seen.get((row, column), ())) for column in columns] for row in rows]


def namespace_of(id_: str) -> str:
    """The namespace of ``namespace/name``."""
    return id_.partition("/")[0]


def several_addresses(cells: Iterable[CellRecord]) -> set[tuple[str, Family]]:
    """Destinations that are tried by more than one address of a family."""
    addresses: dict[tuple[str, Family], set[str | None]] = {}
    for cell in cells:
        addresses.setdefault((cell.destination, cell.family), set()).add(cell.address)
    return {end for end, found in addresses.items() if len(found) > 1}


def column_of(cell: CellRecord, several: Collection[tuple[str, Family]]) -> str:
    """The column that a cell stands in: its destination, with the address where the destination has ``several``."""
    told = cell.address and (cell.destination, cell.family) in several
    return f"{cell.destination} {cell.address}" if told else cell.destination


def _arrange(cells: Sequence[CellRecord], several: set[tuple[str, Family]]) -> Matrix:
    places: dict[Place, dict[Lane, CellRecord]] = {}
    for cell in cells:
        column = column_of(cell, several)
        lanes = places.setdefault((cell.source, column), {})
        there = lanes.get((cell.port, cell.protocol))
        if there is None or there.verdict is Verdict.PASS:  # should a cell come twice, its bad news is shown
            lanes[cell.port, cell.protocol] = cell
    rows = tuple(dict.fromkeys(row for row, _ in places))
    found = list(dict.fromkeys(column for _, column in places))
    columns = sorted(found, key=lambda column: rows.index(column) if column in rows else len(rows))
    lanes_ = sorted(
        {lane for found in places.values() for lane in found}, key=lambda lane: (_PROTOCOLS.index(lane[1]), lane[0])
    )
    return Matrix(tuple(dict.fromkeys(map(view_of, cells))), rows, tuple(columns), tuple(lanes_), places)


def _look(matrix: Matrix) -> object:
    """Equal for matrices that would be drawn alike: by what is expected and seen in each cell, as letters say it."""
    return frozenset(
        (place, lane, expected_symbol(cell), observed_symbol(cell))
        for place, lanes in matrix.places.items()
        for lane, cell in lanes.items()
    )
