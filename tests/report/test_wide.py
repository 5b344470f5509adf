"""The wide format: one row per cell."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from probe.model.cell import Family
from probe.model.record import RunRecord
from probe.report.render import RenderOptions
from probe.report.wide import render


def test_there_is_a_row_for_every_cell_under_a_heading_for_every_step(green: RunRecord) -> None:
    lines = render(green, RenderOptions()).splitlines()
    assert [line for line in lines if line.startswith("#")] == [
        "# frontend-ingress: no policy, everything is open",
        "# frontend-ingress: frontend-policy",
    ]
    assert sum(line.startswith("pass ") for line in lines) == 54
    assert lines[-1].startswith("  exit code 0")


def test_a_row_tells_expectation_evidence_and_reason(red: RunRecord) -> None:
    text = render(red, RenderOptions())
    (row,) = [line for line in text.splitlines() if line.startswith("leak")]
    assert " ".join(row.split()) == (
        "leak development/backend production/frontend 443/TCP deny connected 0.8 ms 2 - 0 "
        "node-1 -> node-2 10.244.0.5 -> 10.244.1.3 expected deny, but it connected"
    )


def test_families_paths_and_same_nodes_are_visible(build: Any) -> None:
    cell = replace(build.cell(port="80/TCP"), family=Family.IPV6, destination_node="node-1")
    row = render(build.run(build.scenario(build.step([cell]))), RenderOptions()).splitlines()[2]
    assert "80/TCP IPv6" in row
    assert "node-1 (same)" in row
