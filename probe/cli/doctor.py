"""``cni-probe doctor``: whether a run can work on this cluster, what would disturb it, and what to do about that."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import shutil
import sys
import textwrap
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

from probe.cli.cluster_arguments import add_connection_arguments, connection
from probe.cli.fleet_arguments import add_fleet_arguments, sample_seed
from probe.cli.pod_arguments import add_pod_arguments, run_config
from probe.cli.signals import until_interrupted
from probe.model.agent_options import RunConfig
from probe.model.cell import ExitCode
from probe.model.errors import ClusterError
from probe.model.scenario import Scenario

if TYPE_CHECKING:
    from probe.cluster.preflight.finding import Finding

_COLOURS = {"ok": "32", "warning": "33", "problem": "31"}
_SUBJECT = 16


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's arguments."""
    parser.add_argument(
        "paths", nargs="*", metavar="PATH", help="scenario files or directories that are to run (default: any)"
    )
    add_connection_arguments(parser)
    parser.add_argument(
        "--create", action="store_true",
        help="also start one agent pod in a namespace of its own, talk to it over exec, and remove it again",
    )  # fmt: skip
    parser.add_argument(
        "--timeout", type=float, default=60.0, metavar="SECONDS", help="with --create: for its pod (default: 60)"
    )
    parser.add_argument(
        "--watch", action="store_true", help="the run is to be a watch, which shows more of the cluster"
    )
    parser.add_argument("-o", "--output", choices=("text", "json"), default="text", help="default: text")
    fleets = parser.add_argument_group("the run that is to be")
    fleets.add_argument("--nodes", type=int, metavar="N", help="only so many nodes, chosen at random")
    add_fleet_arguments(fleets)
    add_pod_arguments(parser.add_argument_group("what agent pods are like"))


def run(args: argparse.Namespace) -> int:
    """Examine and print. Exit code 3 when there are problems."""
    from probe.scenario import load_scenarios

    config = run_config(args)
    scenarios = load_scenarios(args.paths) if args.paths else []
    found: list[Finding] = []
    servers: list[str] = []
    interrupted = asyncio.run(until_interrupted(_examine(args, config, scenarios, found, servers)))
    if interrupted:
        return int(ExitCode.INTERRUPTED)
    counts = Counter(finding.level.value for finding in found)
    if args.output == "json":
        findings = [asdict(each) for each in found]
        print(json.dumps({"server": servers[0], "counts": counts, "findings": findings}, indent=2))
    else:
        print("\n".join(_text(servers[0], found)))
    return int(ExitCode.HARNESS if counts["problem"] else ExitCode.PASSED)


async def _examine(
    args: argparse.Namespace,
    config: RunConfig,
    scenarios: Sequence[Scenario],
    found: list[Finding],
    servers: list[str],
) -> None:
    """Fill in the findings. Raises ClusterError when the cluster cannot be asked."""
    from probe.cluster.nodes import Node, usable_nodes
    from probe.cluster.objects import Owner
    from probe.cluster.outfit import prepare_outfit
    from probe.cluster.permissions import Need
    from probe.cluster.preflight.demand import Fleet, demand_of
    from probe.cluster.preflight.doctor import examine, problems
    from probe.cluster.preflight.finding import problem
    from probe.cluster.preflight.trial import try_one_pod
    from probe.engine.options import RunOptions
    from probe.engine.planned import plan_fleets
    from probe.engine.preconditions import check_scenarios
    from probe.engine.preflight import fleet_demands

    options = RunOptions(
        agent=config.agent,
        namespaces=config.namespaces,
        sample_nodes=args.nodes,
        seed=sample_seed(args),
        node_groups=config.node_groups,
        externals=config.externals,
        allow_host_network=args.allow_host_network,
        allow_cluster_scoped=args.allow_cluster_scoped,
    )
    check_scenarios(scenarios, options)
    owner = Owner(options.run, "doctor")
    demand = demand_of(scenarios, config.agent, {Need.WATCH} if args.watch else ())

    def fleets_on(nodes: Sequence[Node]) -> Sequence[Fleet]:
        return fleet_demands(plan_fleets(scenarios, nodes, options))

    async with connection(args, lambda said: print(f"cni-probe: {said}", file=sys.stderr)) as api:
        servers.append(api.server)
        found += await examine(api, demand, config.namespaces, fleets_on, owner)
        try:
            outfit = await prepare_outfit(api, config.agent, config.namespaces)
        except ClusterError as error:
            found.append(problem("pull secret", str(error), "a run copies it from there: see --image-pull-secret"))
        if args.create and not problems(found):
            found += await try_one_pod(api, demand, outfit, await usable_nodes(api, config.agent), owner, args.timeout)


def _text(server: str, found: Sequence[Finding]) -> Iterator[str]:
    """A line for each finding, and what to do below it; wrapped and coloured on terminals only."""
    terminal = sys.stdout.isatty()
    width = shutil.get_terminal_size().columns if terminal else 0
    paint = _paint if terminal and not os.environ.get("NO_COLOR") else _plain
    yield server
    for finding in found:
        level = finding.level.value
        head = f"{paint(f'{level:<8}', _COLOURS[level])} {finding.check:<{_SUBJECT}} "
        indent = " " * (8 + 1 + _SUBJECT + 1)
        first, *more = _wrap(finding.message, width - len(indent))
        yield head + first
        yield from (indent + line for line in more)
        if finding.advice:
            advice = _wrap(finding.advice, width - len(indent) - 3)
            yield from (f"{indent}{'-> ' if not index else '   '}{line}" for index, line in enumerate(advice))
    counts = Counter(finding.level.value for finding in found)
    told = [f"{counts[level]} {level}{'s' if counts[level] > 1 else ''}" for level in ("problem", "warning")]
    said = ", ".join(text for text in told if not text.startswith("0 ")) or "nothing to complain about"
    yield f"{said}: {'a run cannot work' if counts['problem'] else 'a run can work'}"


def _wrap(text: str, width: int) -> list[str]:
    return textwrap.wrap(text, width, break_long_words=False, break_on_hyphens=False) if width > 20 else [text]


def _paint(text: str, colour: str) -> str:
    return f"\x1b[{colour}m{text}\x1b[0m"


def _plain(text: str, colour: str) -> str:
    return text
