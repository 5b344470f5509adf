"""Groups the cells that need an explanation, so that one cause is told once and not for every port, family and way."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from probe.model.cell import Family, Verdict
from probe.model.record import CellRecord, RunRecord
from probe.report.explain import explain
from probe.report.text import plural, safe
from probe.report.views import View, family_words, is_implied, listed, view_of, view_words

_NAMED = 6
"""Sources that a line names."""


_Ends: TypeAlias = tuple[str, str, str | None]
"""Source, destination and its address where the scenario states one."""


@dataclass(frozen=True, slots=True)
class Finding:
    """Cells of a step with one verdict and one explanation; of several mismatches that were merged, none."""

    verdict: Verdict
    cells: tuple[CellRecord, ...]
    is_merged: bool = False

    @property
    def lines_of_cells(self) -> list[tuple[str, int]]:
        """``shop/web -> shop/api 80/TCP 443/TCP (IPv4 and IPv6, by cluster-ip)``, and how many cells each stands for.

        Ports, families and ways share a line; where no evidence is told, so do sources.
        """
        ports: dict[_Ends, dict[View, list[str]]] = {}
        for cell in self.cells:
            ends = cell.source, cell.destination, cell.address
            ports.setdefault(ends, {}).setdefault(view_of(cell), []).append(f"{cell.port}/{cell.protocol}")
        shared: dict[object, _Line] = {}
        for (source, destination, address), found in ports.items():
            alike: dict[tuple[str, ...], list[View]] = {}
            for view, numbers in found.items():
                alike.setdefault(tuple(numbers), []).append(view)
            for same, views in alike.items():
                told_apart = self.verdict.is_mismatch and not self.is_merged
                key = source if told_apart else None, destination, address, same, tuple(views)
                shared.setdefault(key, _Line(destination, address, same, views)).sources.append(source)
        return [(line.text(), line.size) for line in shared.values()]

    def reasons(self, names: Mapping[str, str]) -> list[str]:
        """The explanation; of several mismatches the first stands for all, of other findings the common reason."""
        sentences = explain(self.cells[0], names)
        told_in_full = self.verdict.is_mismatch or (self.verdict is Verdict.INCONCLUSIVE and len(self.cells) == 1)
        return sentences if told_in_full else sentences[:1]


@dataclass(slots=True)
class _Line:
    """Cells that share everything but their sources, families and ways."""

    destination: str
    address: str | None
    ports: Sequence[str]
    views: Sequence[View]
    sources: list[str] = field(default_factory=list)

    @property
    def size(self) -> int:
        return len(self.sources) * len(self.ports) * len(self.views)

    def text(self) -> str:
        address = f" ({self.address})" if self.address else ""
        where = view_words(self.views)
        if all(is_implied(way) for _, way in self.views):
            where = family_words(self.views) if any(family is not Family.IPV4 for family, _ in self.views) else ""
        line = f"{listed(self.sources, _NAMED)} -> {self.destination}{address} {' '.join(self.ports)}"
        return safe(line + (f" ({where})" if where else ""))


def findings(cells: Iterable[CellRecord]) -> list[Finding]:
    """Findings in the order of ``Verdict``, mismatches by source and destination, everything else by its reason."""
    groups: dict[object, list[CellRecord]] = {}
    for cell in cells:
        if cell.verdict is not Verdict.PASS:
            groups.setdefault(_key(cell), []).append(cell)
    found = [Finding(group[0].verdict, tuple(group)) for group in groups.values()]
    order = list(Verdict)
    return sorted(found, key=lambda finding: order.index(finding.verdict))


def merged(found: Sequence[Finding], whole: int) -> list[Finding]:
    """The findings, but of each kind of mismatch the first ``whole``: the others, mostly of the same cause, as one."""
    result: list[Finding] = []
    for verdict in dict.fromkeys(finding.verdict for finding in found):
        alike = [finding for finding in found if finding.verdict is verdict]
        rest = alike[whole:] if verdict.is_mismatch else []
        result += alike[: len(alike) - len(rest)]
        if len(rest) > 1:
            rest = [Finding(verdict, tuple(cell for finding in rest for cell in finding.cells), is_merged=True)]
        result += rest
    return result


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
    return (
        cell.verdict,
        cell.source,
        cell.destination,
        cell.address,
        cell.expected,
        cell.outcome,
        arrived,
        cell.responder,
    )
