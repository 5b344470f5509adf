"""The ``csv`` format: one line a cell (RFC 4180), for spreadsheets and data frames.

Spreadsheets run what begins with ``=``, ``+``, ``-`` or ``@`` as a formula, so texts that do so get an apostrophe in
front, which makes them text. All texts are quoted: a semicolon in one, at which some spreadsheets begin the next cell,
is no way around it.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator

from probe.model.record import CellRecord, RunRecord, ScenarioRecord, StepRecord, cell_of
from probe.report.render import RenderOptions
from probe.report.text import safe

COLUMNS = (
    "scenario", "repeat", "file", "line", "step", "source", "destination", "address", "port", "protocol", "family",
    "way", "expected", "outcome", "verdict", "reason", "latency_seconds", "matched_after_seconds", "attempts", "flaps",
    "control", "topology", "source_node", "destination_node", "source_address", "destination_address", "repeat_command",
    "change", "missed_at_seconds", "untimed",
)  # fmt: skip
_FORMULA = ("=", "+", "-", "@", "＝", "＋", "－", "＠")
"""Also in the full width that spreadsheets read in East Asian locales. Tabs and line ends are spelt out by ``safe``."""


def pieces(record: RunRecord, options: RenderOptions) -> Iterator[str]:
    """The header, then every cell in plan order."""
    target = io.StringIO()
    writer = csv.writer(target, quoting=csv.QUOTE_NONNUMERIC, lineterminator="\r\n")
    writer.writerow(COLUMNS)
    for scenario in record.scenarios:
        for step in scenario.steps:
            for cell in step.cells:
                writer.writerow([_plain(value) for value in _values(scenario, step, cell)])
                yield target.getvalue()
                target.seek(0)
                target.truncate()
    yield target.getvalue()


def _values(scenario: ScenarioRecord, step: StepRecord, cell: CellRecord) -> tuple[str | int | float | None, ...]:
    return (
        scenario.name,
        scenario.repeat,
        scenario.file,
        cell.line or step.line,
        step.name,
        cell.source,
        cell.destination,
        cell.address,
        cell.port,
        cell.protocol.value,
        cell.family.value,
        cell_of(cell).way,
        cell.expected.value,
        cell.outcome.value if cell.outcome else None,
        cell.verdict.value,
        cell.reason,
        cell.latency,
        cell.matched_after,
        cell.attempts,
        cell.flaps,
        "yes" if cell.control else "no",
        cell.topology.value,
        cell.source_node,
        cell.destination_node,
        cell.source_address,
        cell.destination_address,
        cell.repeat,
        cell.change.value if cell.change else "",
        cell.missed_at,
        cell.untimed,
    )


def _plain(value: str | int | float | None) -> str | int | float:
    """A value that is no formula; nothing for None."""
    if not isinstance(value, str):
        return "" if value is None else value
    text = safe(value)
    return f"'{text}" if text.startswith(_FORMULA) else text
