"""``cni-probe conformance``: whether a cluster enforces the whole NetworkPolicy API, by the suite that ships."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from probe.cli.run import add_run_arguments, run_and_report
from probe.cli.selection_arguments import selected
from probe.model.actions import CreatePod
from probe.model.cell import ExitCode
from probe.model.errors import UsageError
from probe.model.scenario import Scenario


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's arguments: those of ``run``, without paths."""
    instead = parser.add_argument_group("instead of a run")
    instead.add_argument(
        "--list", action="store_true", help="list the scenarios that are chosen, and do nothing else; -o table or json"
    )
    instead.add_argument(
        "--write", type=Path, metavar="DIR", help="copy the suite to an empty directory, to be changed and `run`"
    )
    add_run_arguments(parser)


def run(args: argparse.Namespace) -> int:
    """Run, list or copy the suite. Exit codes as of ``run``; raises UsageError."""
    from probe.scenario.load import load_scenarios
    from probe.scenario.suite import conformance_suite, write_suite

    if args.write is not None:
        print(f"written: {write_suite(args.write)}")
        return int(ExitCode.PASSED)
    if args.list:
        _list(args, load_scenarios([conformance_suite()]))
        return int(ExitCode.PASSED)
    return run_and_report(
        args,
        lambda: load_scenarios([conformance_suite()]),
        refused=lambda scenario: _refused(scenario, args),
        default_format="summary",
    )


def _refused(scenario: Scenario, args: argparse.Namespace) -> str:
    """Why a scenario is left out: what could touch more than pods of the run must be allowed."""
    if scenario.cluster_scoped and not args.allow_cluster_scoped:
        return "it applies cluster-scoped policies, which --allow-cluster-scoped allows"
    created = (action.pod for step in scenario.steps for action in step.actions if isinstance(action, CreatePod))
    if any(pod.host_network for pod in (*scenario.fleet.pods, *created)) and not args.allow_host_network:
        return "it has pods on the network of their nodes, which --allow-host-network allows"
    return ""


# --- listing -------------------------------------------------------------------------------------------------------


def _list(args: argparse.Namespace, scenarios: list[Scenario]) -> None:
    if args.output not in ([], ["table"], ["json"]):
        raise UsageError(f"--list has the formats table and json, not {', '.join(args.output)}")
    chosen = selected(args, scenarios).scenarios
    rows = [_row(scenario) for scenario in chosen]
    if args.output == ["json"]:
        print(json.dumps({"scenarios": rows}, indent=2))
        return
    from tabulate import tabulate

    shown = [[each["name"], each["steps"], each["cells"], _tags(each["tags"]), each["description"]] for each in rows]
    headers = ("scenario", "steps", "cells", "tags", "what it shows")
    print(tabulate(shown, headers, disable_numparse=[0, 3, 4]))
    steps, cells = (sum(each[key] for each in rows) for key in ("steps", "cells"))
    print(f"{len(rows)} of {len(scenarios)} scenarios, {steps} steps, {cells:,} cells (with one address family)")


def _row(scenario: Scenario) -> dict[str, Any]:
    from probe.scenario import make_plan

    return {
        "name": scenario.name,
        "file": scenario.file,
        "tags": dict(scenario.labels),
        "steps": len(scenario.steps),
        "cells": sum(len(step.cells) for step in make_plan(scenario).steps),
        "exclusive": scenario.runs_alone,
        "description": " ".join(scenario.description.split()),
    }


def _tags(labels: dict[str, str]) -> str:
    """Without the label that all of the suite have."""
    return " ".join(f"{key}={value}" for key, value in labels.items() if key != "suite")
