"""``cni-probe plan``: fleet, steps, cells and expectations, without a cluster."""

from __future__ import annotations

import argparse
import json
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

from probe.cli.expectations import add_trust_argument, plans
from probe.cli.plan_tables import draw, drawn
from probe.cli.plan_watch import watching_json, watching_text
from probe.model.cell import ExitCode, Expectation, Family
from probe.model.fleet import Fleet, Placement, Pod, Port
from probe.model.plan import Plan, PlannedStep

_LEGEND = "tables: rows are sources, columns destinations; . allow, X deny, ? either, - not tried"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's arguments."""
    parser.add_argument("paths", nargs="+", metavar="PATH", help="scenario files or directories")
    parser.add_argument("-o", "--output", choices=("text", "json"), default="text", help="default: text")
    parser.add_argument(
        "--family", action="append", choices=[str(family) for family in Family], metavar="FAMILY",
        help="address family of the pods, IPv4 or IPv6; may be repeated (default: IPv4)",
    )  # fmt: skip
    add_trust_argument(parser)


def run(args: argparse.Namespace) -> int:
    """Print the plans. Raises ScenarioError as ``validate`` does."""
    from probe.scenario import load_scenarios

    families = [Family(name) for name in dict.fromkeys(args.family or [Family.IPV4])]
    found = plans(load_scenarios(args.paths), families, trust=args.trust_scenario)
    if args.output == "json":
        print(json.dumps({"scenarios": [_as_json(plan) for plan in found]}, indent=2))
    else:
        print("\n\n".join("\n".join(_text(plan)) for plan in found))
        print(f"\n{_LEGEND}")
    return int(ExitCode.PASSED)


# --- text ----------------------------------------------------------------------------------------------------------


def _text(plan: Plan) -> Iterator[str]:
    scenario = plan.scenario
    heading = f"{scenario.name}  ({scenario.file})"
    yield from (heading, "=" * len(heading))
    if scenario.description:
        yield " ".join(scenario.description.split())
    if refs := scenario.cluster_scoped:
        yield f"needs --allow-cluster-scoped: it applies {', '.join(map(str, refs))}"
    if scenario.runs_alone:
        yield "runs exclusively, when all others are done: what it makes may reach beyond its own pods"
    yield from ("", *_fleet(scenario.fleet))
    for number, planned in enumerate(plan.steps, 1):
        yield from ("", *_step(planned, number, len(plan.steps)))
    if scenario.watch is not None:
        yield from ("", *watching_text(scenario.watch))


def _fleet(fleet: Fleet) -> Iterator[str]:
    rows = [
        [pod.id, ",".join(f"{key}={value}" for key, value in pod.labels.items()), _ports(pod.ports), *_where(pod)]
        for pod in fleet.pods
    ]
    rows += [
        [external.id, " ".join(external.addresses), _ports(external.ports), "", ""] for external in fleet.externals
    ]
    headers = ["pod", "labels", "ports", "node", "network"]
    used = [column for column in range(len(headers)) if column < 3 or any(row[column] for row in rows)]
    yield from draw([[row[column] for column in used] for row in rows], [headers[column] for column in used])
    if fleet.placement != Placement():
        group = f' on nodes of the group "{fleet.placement.group}"' if fleet.placement.group else ""
        yield f"  placement: {fleet.placement.spread}{group}"


def _where(pod: Pod) -> tuple[str, str]:
    return pod.node or "", "host" if pod.host_network else ""


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
    ways = Counter(item.cell.way for item in planned.cells)
    if len(ways) > 1:
        yield f"  ways: {', '.join(f'{count:,} {way}' for way, count in ways.items())}"
    yield from drawn(planned.cells)


# --- json ----------------------------------------------------------------------------------------------------------


def _as_json(plan: Plan) -> dict[str, Any]:
    scenario = plan.scenario
    return {
        "name": scenario.name,
        "file": scenario.file,
        "description": scenario.description,
        "labels": dict(scenario.labels),
        "exclusive": scenario.runs_alone,
        "clusterScoped": list(map(str, scenario.cluster_scoped)),
        "placement": {"spread": scenario.fleet.placement.spread, "group": scenario.fleet.placement.group},
        "namespaces": [
            {
                "name": namespace.name,
                "labels": dict(namespace.labels),
                "pods": [
                    {
                        "id": pod.id,
                        "labels": dict(pod.labels),
                        "ports": list(map(str, pod.ports)),
                        "node": pod.node,
                        "hostNetwork": pod.host_network,
                    }
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
        "watch": watching_json(scenario.watch),
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
                "via": item.cell.via,
                "address": item.cell.address,
                "expected": item.expectation,
                "decidedBy": str(item.decided_by) if item.decided_by else None,
            }
            for item in planned.cells
        ],
    }
