"""CSV read back by the standard library's reader, as spreadsheets read it."""

from __future__ import annotations

import csv
import io
from typing import Any

import pytest

from probe.model.record import RunRecord
from probe.report.csv_table import COLUMNS, pieces
from probe.report.render import RenderOptions


def rows(record: RunRecord) -> list[dict[str, str]]:
    text = "".join(pieces(record, RenderOptions()))
    assert text.endswith("\r\n")
    assert text.count("\n") == text.count("\r\n")
    return list(csv.DictReader(io.StringIO(text, newline=""), strict=True))


def test_every_cell_is_a_line_with_all_columns(red: RunRecord) -> None:
    found = rows(red)
    assert len(found) == 8
    leak = found[1]
    assert tuple(leak) == COLUMNS
    told = [leak[name] for name in ("scenario", "source", "destination", "port", "protocol", "expected", "verdict")]
    assert told == ["frontend-ingress", "development/backend", "production/frontend", "443", "TCP", "deny", "leak"]
    assert float(leak["latency_seconds"]) == 0.0008


def test_a_run_without_cells_has_its_header(build: Any) -> None:
    assert "".join(pieces(build.run(), RenderOptions())).count("\r\n") == 1


def test_a_line_number_is_the_rules_or_else_the_steps(build: Any) -> None:
    step = build.step([build.cell(line=12), build.cell(port="81/TCP")], line=7)
    assert [row["line"] for row in rows(build.run(build.scenario(step)))] == ["12", "7"]


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "＝1", "\t=1", "\r=1"])
def test_no_text_begins_as_a_formula(build: Any, text: str) -> None:
    record = build.run(build.scenario(build.step([build.cell(reason=text)], name=text), name=text))
    for row in rows(record):
        for value in (row["reason"], row["step"], row["scenario"]):
            assert value[0] in "'\\"


def test_a_text_that_has_separators_stays_one_value(build: Any) -> None:
    text = 'a,b;=c "quoted" d'
    record = build.run(build.scenario(build.step([build.cell(reason=text)])))
    assert rows(record)[0]["reason"] == text
    assert '"a,b;=c ""quoted"" d"' in "".join(pieces(record, RenderOptions()))
