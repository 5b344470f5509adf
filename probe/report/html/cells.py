"""Cells as rows of numbers: a run of 30,000 cells stays a few megabytes, and the page reads it in one go.

A row has the values of ``FIELDS`` in that order. Texts are numbers of a table that all rows share (0 is the empty one),
since the same few names, outcomes and reasons come again and again.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from probe.model.record import Attempt, CellRecord, DecisionRecord, Receipt, cell_of
from probe.report.matrix import column_of, several_addresses
from probe.report.symbols import expected_symbol, observed_symbol
from probe.report.text import safe

FIELDS = (
    "source", "column", "destination", "port", "family", "way", "wanted", "seen", "verdict", "topology", "expected",
    "outcome", "address", "reason", "latency", "attempts", "matchedAfter", "flaps", "control", "sourceNode",
    "destinationNode", "sourceAddress", "destinationAddress", "dialled", "observedSource", "responder", "receipt",
    "history", "repeat", "decision", "decidedBy", "change", "missedAt", "untimed",
)  # fmt: skip
"""``column`` is the destination, with its address where it has several; ``wanted`` and ``seen`` are a matrix's symbols;
``port`` is ``80/TCP``. ``receipt`` is null or [arrived, from], ``history`` a flat list of phase, at, outcome, seconds,
error; ``decision`` null or [answer, sentence, rules, near misses]. Times are seconds."""


class Texts:
    """The table of texts. Whatever cannot be printed is spelt out, as in every other report."""

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {"": 0}

    def number(self, text: str | None) -> int:
        """The text's number; it is added when it is new."""
        return self._numbers.setdefault(text or "", len(self._numbers))

    def all(self) -> list[str]:
        """The texts by number."""
        return [safe(text) for text in self._numbers]


def rows(cells: Iterable[CellRecord], texts: Texts, names: Mapping[str, str]) -> Iterator[list[Any]]:
    """A step's cells in plan order. ``names``: ids of pods by UID, to name whoever answered."""
    cells = list(cells)
    several = several_addresses(cells)
    for cell in cells:
        yield _row(cell, column_of(cell, several), texts, names)


def _row(cell: CellRecord, column: str, texts: Texts, names: Mapping[str, str]) -> list[Any]:
    responder = cell.responder or ""
    number = texts.number
    return [
        number(cell.source),
        number(column),
        number(cell.destination),
        number(f"{cell.port}/{cell.protocol}"),
        number(cell.family),
        number(cell_of(cell).way),
        number(expected_symbol(cell)),
        number(observed_symbol(cell)),
        number(cell.verdict),
        number(cell.topology),
        number(cell.expected),
        number(cell.outcome),
        number(cell.address),
        number(cell.reason),
        cell.latency,
        cell.attempts,
        cell.matched_after,
        cell.flaps,
        int(cell.control),
        number(cell.source_node),
        number(cell.destination_node),
        number(cell.source_address),
        number(cell.destination_address),
        number(cell.dialled),
        number(cell.observed_source),
        number(names.get(responder, responder)),
        _receipt(cell.receipt, texts),
        [value for attempt in cell.history for value in _attempt(attempt, texts)],
        number(cell.repeat),
        _decision(cell.decision, texts),
        [number(decider) for decider in cell.decided_by],
        number(cell.change.words if cell.change else None),
        cell.missed_at,
        number(cell.untimed),
    ]


def _receipt(receipt: Receipt | None, texts: Texts) -> list[Any] | None:
    return None if receipt is None else [receipt.arrived, texts.number(receipt.source)]


def _attempt(attempt: Attempt, texts: Texts) -> list[Any]:
    return [
        texts.number(attempt.phase),
        attempt.at,
        texts.number(attempt.outcome),
        attempt.seconds,
        texts.number(attempt.error),
    ]


def _decision(decision: DecisionRecord | None, texts: Texts) -> list[Any] | None:
    if decision is None:
        return None
    return [
        texts.number(decision.answer),
        texts.number(decision.sentence),
        [texts.number(rule) for rule in decision.rules],
        [texts.number(miss) for miss in decision.near_misses],
    ]
