"""``cni-probe watch``: an established step watched over time, while a command changes the cluster."""

from __future__ import annotations

import argparse
import asyncio
import math
from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from probe.cli.cluster_arguments import (
    add_connection_arguments,
    check_connection_arguments,
    connection,
    kubectl_command,
)
from probe.cli.command_environment import command_environment
from probe.cli.durations import seconds, span
from probe.cli.expectations import add_trust_argument, plans
from probe.cli.fleet_arguments import add_fleet_arguments, check_externals
from probe.cli.pod_arguments import add_pod_arguments, run_config
from probe.cli.recording import Emit, recorded
from probe.cli.report_arguments import add_report_arguments, report_outputs
from probe.cli.signals import unbroken
from probe.model.agent_options import RunConfig
from probe.model.cell import Family
from probe.model.errors import Location, Problem, ScenarioError, UsageError
from probe.model.events import Noticed
from probe.model.scenario import Scenario, Watching
from probe.model.watch import Budget

if TYPE_CHECKING:
    from probe.engine.watch.options import Wanted, WatchOptions


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's arguments."""
    parser.add_argument("path", metavar="PATH", help="scenario file (or directory) with the one that is watched")
    what = parser.add_argument_group(
        "what is watched", "Defaults are those of the scenario, as far as it says something under spec.watch."
    )
    what.add_argument("--scenario", metavar="NAME", help="which one, if there are several")
    what.add_argument("--step", metavar="NAME", help="the step that is established and watched (default: the last)")
    long = what.add_mutually_exclusive_group(required=True)
    long.add_argument("--for", dest="seconds", type=span, metavar="DURATION", help="for so long: 90s, 10m")
    long.add_argument("--until", dest="until", metavar="COMMAND", help="until this shell command has ended")
    what.add_argument("--settle", type=span, metavar="DURATION", help="and so much longer (default: 30s)")
    what.add_argument("--rate", type=float, metavar="N", help="attempts a second for each cell (default: 5)")
    what.add_argument(
        "--max-load", type=float, metavar="N",
        help="attempts and heartbeats a second in all, to which --rate and --heartbeat give way (default: 4000)",
    )  # fmt: skip
    what.add_argument(
        "--connections", action=argparse.BooleanOptionalAction,
        help="also hold a connection to each allowed cell, opened before",
    )  # fmt: skip
    what.add_argument("--heartbeat", type=seconds, metavar="DURATION", help="of those (default: 200ms)")
    budget = parser.add_argument_group("what is still good")
    budget.add_argument("--max-leak", type=int, metavar="N", help="packets through a denied cell (default: 0)")
    budget.add_argument("--max-leak-total", type=int, metavar="N", help="through all of them (default: no bound)")
    budget.add_argument(
        "--max-outage", type=span, metavar="DURATION", help="of an allowed cell at a time (default: 1s)"
    )
    budget.add_argument(
        "--max-outage-total", type=span, metavar="DURATION", help="in which any cell was out (default: no bound)"
    )
    budget.add_argument(
        "--max-gap", type=span, metavar="DURATION",
        help="of which nothing may be known of a cell (default: 2s); more proves nothing",
    )  # fmt: skip
    budget.add_argument("--max-cut", type=int, metavar="N", help="held connections that may be cut (default: 0)")
    add_connection_arguments(parser.add_argument_group("where"))
    out = parser.add_argument_group("what comes out")
    add_report_arguments(out)
    out.add_argument(
        "--journal", type=Path, metavar="FILE", help="append every event as it happens; `report FILE` reads it"
    )
    out.add_argument("-q", "--quiet", action="store_true", help="only problems on stderr")
    how = parser.add_argument_group("how")
    how.add_argument("--keep", action="store_true", help="leave namespaces and pods in the cluster")
    add_trust_argument(how)
    add_fleet_arguments(how)
    add_pod_arguments(parser.add_argument_group("what agent pods are like"))


def run(args: argparse.Namespace) -> int:
    """Watch. Returns the exit code; raises CniProbeError for what is wrong before anything is created."""
    from probe.cli.writing import write_reports
    from probe.scenario.load import load_scenarios

    check_watch_arguments(args)
    check_connection_arguments(args)
    config = run_config(args)
    scenario = chosen(load_scenarios([args.path]), args.scenario, args.step)
    check_externals(args, [scenario])
    if not args.trust_scenario:  # then the run itself says where they differ
        plans([scenario], [Family.IPV4], trust=False)
    options = watch_options(args, scenario)
    outputs, github = report_outputs(args)
    with command_environment(args) as environment:
        work = partial(_measure, args, config, scenario, options, environment)
        record = asyncio.run(recorded(args, work))
    with unbroken():
        return write_reports(outputs, record, github).exit_code


def chosen(scenarios: list[Scenario], name: str | None, step: str | None) -> Scenario:
    """The scenario of that name up to that step. Raises UsageError where it is not clear which."""
    names = [scenario.name for scenario in scenarios]
    if name is not None and name not in names:
        raise UsageError(f"--scenario {name}: there is none of that name (there are: {', '.join(names)})")
    if name is None and len(scenarios) != 1:
        raise UsageError(f"one scenario is watched at a time; choose one with --scenario: {', '.join(names)}")
    scenario = scenarios[names.index(name) if name is not None else 0]
    step = step or (scenario.watch.step if scenario.watch else None)
    if step is None:
        return scenario
    steps = [each.name for each in scenario.steps]
    if step not in steps:
        raise UsageError(f"--step {step}: {scenario.name} has none of that name (it has: {', '.join(steps)})")
    return replace(scenario, steps=scenario.steps[: steps.index(step) + 1])


def check_watch_arguments(args: argparse.Namespace) -> None:
    """Raises UsageError, for all that is wrong at once."""
    from probe.scenario.watching import heartbeat_mistake

    given = {name: value for name, value in vars(args).items() if value is not None}
    wrong = [
        f"--{name.replace('_', '-')} must be a positive number, not {given[name]:g}"
        for name in ("rate", "max_load")
        if not 0 < given.get(name, 1) < math.inf
    ]
    wrong += [
        f"--{name.replace('_', '-')} must not be negative"
        for name in ("max_leak", "max_leak_total", "max_cut")
        if given.get(name, 0) < 0
    ]
    if (mistake := heartbeat_mistake(given.get("heartbeat"))) is not None:
        wrong.append(f"--heartbeat {mistake}")
    if args.seconds is not None and args.seconds < 1:
        wrong.append(f"--for {args.seconds:g} s is too short: at least 1 s")
    if args.until is not None and not args.until.strip():
        wrong.append("--until wants a command")
    if wrong:
        raise UsageError("\n".join(wrong))


def watch_options(args: argparse.Namespace, scenario: Scenario) -> WatchOptions:
    """What the arguments ask for, and where they say nothing the scenario, whose last step is watched.

    Raises ScenarioError for connections that the step has none of.
    """
    from probe.engine.watch.options import WatchOptions
    from probe.scenario.watching import ANY

    given = {name: value for name, value in vars(args).items() if value is not None}
    stated = scenario.watch or Watching()
    bounds = {name: given[f"max_{name}"] for name in Budget.__dataclass_fields__ if f"max_{name}" in given}
    asked = {name: given[name] for name in ("settle", "rate", "max_load", "heartbeat") if name in given}
    how = replace(stated, budget=replace(stated.budget, **bounds), **asked)
    if args.connections is not None:
        how = replace(how, connections=(ANY,) if args.connections else ())
    return WatchOptions(args.seconds, args.until, how, tuple(_wanted(scenario, how)))


def _wanted(scenario: Scenario, how: Watching) -> Iterator[Wanted]:
    """What connections are wanted, of the last step."""
    from probe.engine.computed import computed_plan
    from probe.engine.watch.options import Wanted
    from probe.scenario.plan import make_plan
    from probe.scenario.watching import NOTHING_ALLOWED, may_be_held

    if not how.connections:
        return
    plan, _ = computed_plan(make_plan(scenario, [*Family]))
    step = plan.steps[-1]
    for rule in how.connections:
        cells = frozenset(may_be_held(step.cells, rule, step.pods, scenario.fleet.externals))
        place = rule.location or Location("--connections")
        if not cells:
            message, hint = NOTHING_ALLOWED
            field = "spec.watch.connections" if rule.location else ""
            raise ScenarioError([Problem(place, field, f'{message} in step "{step.step.name}"', hint)])
        yield Wanted(str(place), cells)


async def _measure(
    args: argparse.Namespace,
    config: RunConfig,
    scenario: Scenario,
    watching: WatchOptions,
    environment: Mapping[str, str],
    emit: Emit,
) -> None:
    from probe.engine.agents import Agents
    from probe.engine.options import RunOptions
    from probe.engine.run import run_scenarios
    from probe.engine.watch.watch import Watch
    from probe.model.record import StepRecord

    async with connection(args, lambda said: emit(Noticed(said))) as api:

        async def hold(step: StepRecord, agents: Agents, tell: Emit) -> None:
            await Watch(watching, api, tell, environment).hold(step, agents)

        options = RunOptions(
            agent=config.agent,
            namespaces=config.namespaces,
            keep=args.keep,
            node_groups=config.node_groups,
            externals=config.externals,
            allow_host_network=args.allow_host_network,
            trust_scenarios=args.trust_scenario,
            allow_cluster_scoped=args.allow_cluster_scoped,
            kubectl=kubectl_command(args),
            hold=hold,
        )
        await run_scenarios(api, [scenario], options, emit)
