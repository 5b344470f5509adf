"""Groups the cells that need an explanation, so that one cause is told once and not for every port and pair."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from probe.model.cell import Verdict
from probe.model.record import CellRecord, RunRecord
from probe.report.explain import cell_of, explain
from probe.report.text import plural, safe


@dataclass(frozen=True, slots=True)
class Finding:
    """Cells of a step with one verdict and one explanation."""

    verdict: Verdict
    cells: tuple[CellRecord, ...]

    @property
    def pairs(self) -> list[str]:
        """``production/backend -> production/frontend 80/TCP 443/TCP``, one line for each pair."""
        ports: dict[str, list[str]] = {}
        for cell in self.cells:
            ports.setdefault(pair(cell), []).append(f"{cell.port}/{cell.protocol}")
        return [f"{pair} {' '.join(found)}" for pair, found in ports.items()]

    def lines(self, names: Mapping[str, str]) -> list[str]:
        """The explanation; of several mismatches the first stands for all, of other findings the common reason."""
        sentences = explain(self.cells[0], names)
        told_in_full = self.verdict.is_mismatch or (self.verdict is Verdict.INCONCLUSIVE and len(self.cells) == 1)
        return sentences if told_in_full else sentences[:1]


def pair(cell: CellRecord) -> str:
    """The cell's line without its port."""
    whole = str(cell_of(replace(cell, port=0)))
    return safe(whole.replace(f" 0/{cell.protocol}", "", 1))


def findings(cells: Iterable[CellRecord]) -> list[Finding]:
    """Findings in the order of ``Verdict``, mismatches by pair, everything else by its reason."""
    groups: dict[object, list[CellRecord]] = {}
    for cell in cells:
        if cell.verdict is not Verdict.PASS:
            groups.setdefault(_key(cell), []).append(cell)
    found = [Finding(group[0].verdict, tuple(group)) for group in groups.values()]
    order = list(Verdict)
    return sorted(found, key=lambda finding: order.index(finding.verdict))


def names_by_uid(record: RunRecord) -> dict[str, str]:
    """The pods' ids by UID, to name whoever answered."""
    return {pod.uid: pod.id for scenario in record.scenarios for pod in scenario.pods}


def count_words(counts: Mapping[Verdict, int]) -> str:
    """``25 pass, 2 leak`` in the order of ``Verdict``."""
    return ", ".join(f"{counts[verdict]} {verdict}" for verdict in Verdict if counts.get(verdict)) or plural(0, "cell")


def _key(cell: CellRecord) -> object:
    if not cell.verdict.is_mismatch:
        return cell.verdict, cell.reason, cell.expected, cell.outcome
    arrived = cell.receipt.arrived if cell.receipt else None
    return cell.verdict, pair(cell), cell.expected, cell.outcome, arrived, cell.responder
