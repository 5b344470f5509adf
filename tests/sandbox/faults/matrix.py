"""The matrix of faults: the one list that both the tests and the printed table are made of."""

from __future__ import annotations

from tests.sandbox.faults import streams
from tests.sandbox.faults.stage import Row

ROWS: tuple[Row, ...] = (*streams.ROWS,)
