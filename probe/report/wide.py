"""The ``wide`` format: a row per cell with everything that fits a row, for eyes and for grep. Never cut to a width."""

from __future__ import annotations

from collections.abc import Iterator

from tabulate import tabulate

from probe.model.record import CellRecord, RunRecord, ScenarioRecord, StepRecord, cell_of
from probe.report.render import RenderOptions
from probe.report.summary import summary_lines
from probe.report.symbols import colour_of, observed_symbol
from probe.report.text import Paint, duration, safe

HEADERS = (
    "VERDICT", "FROM", "TO", "PORT", "EXPECTED", "OBSERVED", "LATENCY", "ATTEMPTS", "MATCHED AFTER", "FLAPS",
    "NODES", "ADDRESSES", "REASON",
)  # fmt: skip
_NOTHING = "-"


def pieces(record: RunRecord, options: RenderOptions) -> Iterator[str]:
    """See ``render``; in one piece."""
    yield render(record, options)


def render(record: RunRecord, options: RenderOptions) -> str:
    """A block for every step, then the summary."""
    paint = Paint(options.colour)
    lines: list[str] = []
    for scenario in record.scenarios:
        for step in scenario.steps:
            lines += [*_step(scenario, step, paint), ""]
    return "\n".join([*lines, *summary_lines(record, options)]) + "\n"


def _step(scenario: ScenarioRecord, step: StepRecord, paint: Paint) -> list[str]:
    rows = [_row(cell, paint) for cell in step.cells]
    # Tabulate would align numbers, and turn 080 into 80, if it were allowed to recognise them.
    table = tabulate(rows, headers=HEADERS, tablefmt="plain", disable_numparse=True)
    heading = paint(safe(f"# {scenario.name}: {step.name}"), "bold")
    return [heading, *(line.rstrip() for line in table.splitlines())]


def _row(record: CellRecord, paint: Paint) -> list[str]:
    cell = cell_of(record)
    _, _, port = str(cell).rpartition(f" {cell.port}/{cell.protocol}")
    latency, matched = record.latency, record.matched_after
    row = [
        record.source,
        record.destination,
        f"{cell.port}/{cell.protocol}{port}",
        record.expected.value,
        record.outcome.value if record.outcome else _NOTHING,
        _NOTHING if latency is None else duration(latency),
        str(record.attempts),
        _NOTHING if matched is None else duration(matched),
        str(record.flaps),
        _nodes(record),
        f"{record.source_address or _NOTHING} -> {record.destination_address or record.address or _NOTHING}",
        record.reason,
    ]
    return [paint(record.verdict.value, colour_of(observed_symbol(record))), *map(safe, row)]


def _nodes(record: CellRecord) -> str:
    """Both nodes; one name when they are the same."""
    source, destination = record.source_node, record.destination_node
    if source and source == destination:
        return f"{source} (same)"
    return f"{source or _NOTHING} -> {destination or _NOTHING}"
