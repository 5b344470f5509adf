"""``cni-probe plan``: fleet, steps, cells and expectations, without a cluster.

The truth tables are printed as ``expect.table`` reads them, so that they can be pasted into a scenario; those that are
too wide for the terminal have numbered columns, and are only for reading.
"""

from __future__ import annotations

import argparse
import json
import shutil
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeAlias

from tabulate import tabulate

from probe.model.cell import ExitCode, Expectation, Family
from probe.model.plan import Plan, PlannedCell, PlannedStep
from probe.model.scenario import Fleet, Port

_WORDS = {Expectation.ALLOW: ".", Expectation.DENY: "X", Expectation.EITHER: "?"}
_LEGEND = "tables: rows are sources, columns destinations; . allow, X deny, ? either, - not tried"

_Matrix: TypeAlias = dict[tuple[str, str], str]
"""(source, destination) -> word, for the pairs that are tried."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's arguments."""
    parser.add_argument("paths", nargs="+", metavar="PATH", help="scenario files or directories")
    parser.add_argument("-o", "--output", choices=("text", "json"), default="text", help="default: text")
    parser.add_argument(
        "--family", action="append", choices=[str(family) for family in Family], metavar="FAMILY",
        help="address family of the pods, IPv4 or IPv6; may be repeated (default: IPv4)",
    )  # fmt: skip


def run(args: argparse.Namespace) -> int:
    """Print the plans. Raises ScenarioError as ``validate`` does."""
    from probe.scenario import load_scenarios, make_plan

    families = [Family(name) for name in dict.fromkeys(args.family or [Family.IPV4])]
    plans = [make_plan(scenario, families) for scenario in load_scenarios(args.paths)]
    if args.output == "json":
        print(json.dumps({"scenarios": [_as_json(plan) for plan in plans]}, indent=2))
    else:
        print("\n\n".join("\n".join(_text(plan)) for plan in plans))
        print(f"\n{_LEGEND}")
    return int(ExitCode.PASSED)


# --- text ----------------------------------------------------------------------------------------------------------


def _text(plan: Plan) -> Iterator[str]:
    scenario = plan.scenario
    heading = f"{scenario.name}  ({scenario.file})"
    yield from (heading, "=" * len(heading))
    if scenario.description:
        yield " ".join(scenario.description.split())
    yield from ("", *_fleet(scenario.fleet))
    for number, planned in enumerate(plan.steps, 1):
        yield from ("", *_step(planned, number, len(plan.steps)))


def _fleet(fleet: Fleet) -> Iterator[str]:
    rows = [
        [pod.id, ",".join(f"{key}={value}" for key, value in pod.labels.items()), _ports(pod.ports), pod.node or ""]
        for pod in fleet.pods
    ]
    rows += [[external.id, " ".join(external.addresses), _ports(external.ports), ""] for external in fleet.externals]
    nodes = any(row[3] for row in rows)
    headers = ["pod", "labels", "ports", "node"]
    yield from _draw([row[: 4 if nodes else 3] for row in rows], headers[: 4 if nodes else 3])


def _ports(ports: Sequence[Port]) -> str:
    return " ".join(f"{port} ({port.name})" if port.name else str(port) for port in ports) or "client only"


def _step(planned: PlannedStep, number: int, total: int) -> Iterator[str]:
    step = planned.step
    yield f"step {number} of {total}: {step.name}"
    if step.description:
        yield f"  {' '.join(step.description.split())}"
    yield from (f"  + {action}" for action in step.actions)
    counts = Counter(item.expectation for item in planned.cells)
    words = ", ".join(f"{counts[word]:,} {word}" for word in Expectation if counts[word])
    yield f"  {len(planned.cells):,} cells: {words}" if words else "  no cells for the address families asked for"
    for ports, matrix in _tables(planned.cells):
        yield from ("", *_table(ports, matrix, planned.cells))


def _tables(cells: Sequence[PlannedCell]) -> list[tuple[str, _Matrix]]:
    """A matrix per group of ports of which the same is expected; one for all (``*``) where ports make no difference."""
    by_port: dict[str, _Matrix] = {}
    for item in cells:
        cell = item.cell
        word = _WORDS.get(item.expectation, str(item.expectation))
        by_port.setdefault(f"{cell.port}/{cell.protocol}", {})[cell.source, cell.destination] = word
    groups: list[tuple[list[str], _Matrix]] = []
    for port, matrix in by_port.items():
        for ports, merged in groups:
            if all(merged.get(pair, word) == word for pair, word in matrix.items()):
                ports.append(port)
                merged.update(matrix)
                break
        else:
            groups.append(([port], dict(matrix)))
    return [("*" if len(groups) == 1 else ",".join(ports), matrix) for ports, matrix in groups]


def _table(ports: str, matrix: _Matrix, cells: Sequence[PlannedCell]) -> Iterator[str]:
    """Rows and columns in plan order; numbered columns when the names would not fit on the terminal."""
    sources = [name for name in dict.fromkeys(item.cell.source for item in cells) if _any(matrix, 0, name)]
    columns = [name for name in dict.fromkeys(item.cell.destination for item in cells) if _any(matrix, 1, name)]
    rows = [[source, *(matrix.get((source, column), "-") for column in columns)] for source in sources]
    lines = _draw(rows, [ports, *columns])
    if max(map(len, lines)) > shutil.get_terminal_size().columns:
        yield from (f"  {number:>3} {column}" for number, column in enumerate(columns, 1))
        lines = _draw(rows, [ports, *(str(number) for number in range(1, len(columns) + 1))])
    yield from lines


def _any(matrix: Mapping[tuple[str, str], str], end: int, name: str) -> bool:
    return any(pair[end] == name for pair in matrix)


def _draw(rows: Sequence[Sequence[str]], headers: Sequence[str]) -> list[str]:
    text = tabulate(rows, headers=headers, tablefmt="plain", disable_numparse=True)
    return [f"  {line}".rstrip() for line in text.splitlines()]


# --- json ----------------------------------------------------------------------------------------------------------


def _as_json(plan: Plan) -> dict[str, Any]:
    scenario = plan.scenario
    return {
        "name": scenario.name,
        "file": scenario.file,
        "description": scenario.description,
        "labels": dict(scenario.labels),
        "namespaces": [
            {
                "name": namespace.name,
                "labels": dict(namespace.labels),
                "pods": [
                    {"id": pod.id, "labels": dict(pod.labels), "ports": list(map(str, pod.ports)), "node": pod.node}
                    for pod in namespace.pods
                ],
            }
            for namespace in scenario.fleet.namespaces
        ],
        "externals": [
            {"id": external.id, "addresses": list(external.addresses), "ports": list(map(str, external.ports))}
            for external in scenario.fleet.externals
        ],
        "steps": [_step_as_json(planned) for planned in plan.steps],
    }


def _step_as_json(planned: PlannedStep) -> dict[str, Any]:
    return {
        "name": planned.step.name,
        "description": planned.step.description,
        "changes": list(map(str, planned.step.actions)),
        "cells": [
            {
                "source": item.cell.source,
                "destination": item.cell.destination,
                "port": item.cell.port,
                "protocol": item.cell.protocol,
                "family": item.cell.family,
                "path": item.cell.path,
                "address": item.cell.address,
                "expected": item.expectation,
                "decidedBy": str(item.decided_by) if item.decided_by else None,
            }
            for item in planned.cells
        ],
    }
