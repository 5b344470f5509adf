"""How long enforcement took: the one computation that the record and every report have their numbers from.

A cell that stays as it was says nothing about enforcement. Times are upper bounds, each by the first attempt that saw
the change, so no number here is ever too small; how much too large it may be is the step's ``SamplingRecord``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from probe.model.cell import Outcome, Verdict
from probe.model.quantile import quantile
from probe.model.record import CellRecord, Change, EnforcementRecord, Topology

QUANTILES = (("p50", 0.5), ("p90", 0.9), ("p99", 0.99), ("max", 1.0))
"""Names and shares."""
PLACES = (Topology.UNKNOWN, Topology.SAME_NODE, Topology.CROSS_NODE, Topology.OUTSIDE)
"""All cells of a change first, then by where their ends are."""


@dataclass(slots=True)
class Times:
    """The times of some cells that were changed alike, in seconds.

    ``never``: they did not match in time, or not in the end. ``untimed``: nobody can tell, for want of CPU or of proof.
    ``flapping`` ones lost a match again.
    """

    seconds: list[float] = field(default_factory=list)
    never: int = 0
    untimed: int = 0
    flapping: int = 0

    def add(self, cell: CellRecord) -> None:
        """Count one; what cannot be tried at all does not count."""
        if cell.verdict is Verdict.UNSUPPORTED:
            return
        self.flapping += bool(cell.flaps)
        if cell.untimed or cell.verdict is Verdict.INCONCLUSIVE:
            self.untimed += 1
        elif cell.matched_after is None or _is_lost(cell):
            self.never += 1
        else:
            self.seconds.append(max(0.0, cell.matched_after))

    @property
    def cells(self) -> int:
        """How many were counted."""
        return len(self.seconds) + self.never + self.untimed

    def quantile(self, share: float) -> float | None:
        """The smallest time that at least this share of the timed cells did not exceed ."""
        return quantile(self.seconds, share) if self.seconds else None

    def record(self, change: Change, topology: Topology) -> EnforcementRecord:
        """As a step's record has it."""
        return EnforcementRecord(
            change=change,
            topology=topology,
            cells=self.cells,
            timed=len(self.seconds),
            never=self.never,
            untimed=self.untimed,
            **{name: self.quantile(share) for name, share in QUANTILES},
        )


def _is_lost(cell: CellRecord) -> bool:
    """Whether the cell is not as expected in the end, though it was in between."""
    return cell.verdict is not Verdict.PASS and (cell.outcome is Outcome.CONNECTED) is cell.expected.denies


class Tally:
    """Sorts a step's cells by what was changed of them, and by where their ends are."""

    def __init__(self) -> None:
        self._times: dict[tuple[Change, Topology], Times] = {}

    def counted(self, cells: Iterable[CellRecord]) -> Iterator[CellRecord]:
        """The cells, which are counted on the way."""
        for cell in cells:
            if cell.change:
                self.add(cell, cell.change)
            yield cell

    def add(self, cell: CellRecord, change: Change) -> None:
        """Count one cell."""
        for place in {Topology.UNKNOWN, cell.topology}:
            self._times.setdefault((change, place), Times()).add(cell)

    def records(self) -> list[EnforcementRecord]:
        """In the order of ``Change``, and of ``PLACES``."""
        return [
            self._times[change, place].record(change, place)
            for change in Change
            for place in PLACES
            if (change, place) in self._times and self._times[change, place].cells
        ]
