"""A step's cells in a tenth of the memory: packed in blocks, and unpacked one block at a time by who reads them.

A full mesh of 200 pods has a hundred thousand cells a step, of which most are alike. As objects they would be most of
an orchestrator's memory from their step until the run's reports are written.
"""

from __future__ import annotations

import pickle
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import fields
from itertools import islice
from operator import attrgetter
from typing import Any, Final, TypeAlias, overload

from probe.model.cell import Verdict
from probe.model.record import Attempt, CellRecord

_BLOCK: Final = 256
_FASTEST: Final = 1  # of zlib's levels; the best takes ten times as long for a fifth less

_CELL: Final = tuple(field.name for field in fields(CellRecord))
_HISTORY: Final = _CELL.index("history")
_VERDICT: Final = _CELL.index("verdict")
_cell_values = attrgetter(*_CELL)
_attempt_values = attrgetter(*(field.name for field in fields(Attempt)))

_Row: TypeAlias = tuple[Any, ...]


class PackedCells(Sequence[CellRecord]):
    """Cells that can be read again and again, in order. Each reading makes new objects: changes to them are lost.

    ``counts``: how many there are of each verdict, which is asked more often than anything else.
    """

    def __init__(self, cells: Iterable[CellRecord] = ()) -> None:
        self._blocks: list[bytes] = []
        self.counts: Counter[Verdict] = Counter()
        rest = iter(cells)
        while rows := [_row(cell) for cell in islice(rest, _BLOCK)]:
            self._blocks.append(zlib.compress(pickle.dumps(rows, pickle.HIGHEST_PROTOCOL), _FASTEST))
            self.counts.update(row[_VERDICT] for row in rows)

    def __len__(self) -> int:
        return self.counts.total()

    def __iter__(self) -> Iterator[CellRecord]:
        for block in range(len(self._blocks)):
            yield from map(_cell, self._rows(block))

    @overload
    def __getitem__(self, index: int) -> CellRecord: ...

    @overload
    def __getitem__(self, index: slice) -> list[CellRecord]: ...

    def __getitem__(self, index: int | slice) -> CellRecord | list[CellRecord]:
        if isinstance(index, slice):
            return list(self)[index]
        block, place = divmod(range(len(self))[index], _BLOCK)
        return _cell(self._rows(block)[place])

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, PackedCells | list):
            return NotImplemented
        return len(self) == len(other) and all(mine == theirs for mine, theirs in zip(self, other, strict=True))

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"PackedCells({list(self)!r})"

    def _rows(self, block: int) -> list[_Row]:
        rows: list[_Row] = pickle.loads(zlib.decompress(self._blocks[block]))
        return rows


def _row(cell: CellRecord) -> _Row:
    row = list(_cell_values(cell))
    row[_HISTORY] = [_attempt_values(attempt) for attempt in cell.history]
    return tuple(row)


def _cell(row: _Row) -> CellRecord:
    values = list(row)
    values[_HISTORY] = [Attempt(*attempt) for attempt in row[_HISTORY]]
    cell: CellRecord = CellRecord(*values)
    return cell
