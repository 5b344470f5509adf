"""``cni-probe run``: scenarios on a cluster, verdicts on stdout, progress on stderr."""

from __future__ import annotations

import argparse
import asyncio
import math
import sys
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from probe.cli.cluster_arguments import (
    add_connection_arguments,
    check_connection_arguments,
    connection,
    kubectl_command,
    names_a_cluster,
)
from probe.cli.enforcement_arguments import add_enforcement_arguments, with_limits
from probe.cli.expectations import add_trust_argument, plans
from probe.cli.fleet_arguments import add_fleet_arguments, check_externals, sample_seed
from probe.cli.pod_arguments import add_pod_arguments, run_config
from probe.cli.reading import read_run
from probe.cli.recording import recorded
from probe.cli.report_arguments import add_report_arguments, report_outputs
from probe.cli.results import Delivery, add_result_arguments, delivery
from probe.cli.sandbox import add_cluster_arguments, cluster_options
from probe.cli.selection_arguments import (
    add_selection_arguments,
    known_failures,
    selected,
    tell_unknown,
)
from probe.cli.signals import unbroken
from probe.model.agent_options import RunConfig
from probe.model.cell import Family
from probe.model.errors import UsageError
from probe.model.events import Event, Noticed, Selected
from probe.model.known import KnownFailure
from probe.model.record import RunRecord
from probe.model.scenario import Scenario
from probe.sandbox.options import SandboxOptions

if TYPE_CHECKING:
    from probe.report.outputs import Outputs


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's arguments."""
    parser.add_argument("paths", nargs="+", metavar="PATH", help="scenario files or directories")
    add_run_arguments(parser)


def add_run_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of every command that runs scenarios, wherever it has them from."""
    add_selection_arguments(parser.add_argument_group("which scenarios"))
    where = parser.add_argument_group("where")
    where.add_argument("--sandbox", action="store_true", help="bring up the embedded cluster for this run alone")
    add_connection_arguments(where)
    out = parser.add_argument_group("what comes out")
    add_report_arguments(out)
    out.add_argument(
        "--journal", type=Path, metavar="FILE", help="append every event as it happens; `report FILE` reads it"
    )
    out.add_argument(
        "--baseline", type=Path, metavar="FILE", help="compare with this run as `diff` does, and exit as it would"
    )
    add_result_arguments(out)
    out.add_argument("-q", "--quiet", action="store_true", help="only problems on stderr")
    how = parser.add_argument_group("how")
    how.add_argument(
        "--rate", type=float, default=4000.0, metavar="N", help="probes started per second, in all (default: 4000)"
    )
    how.add_argument(
        "--in-flight", type=int, default=256, metavar="N", help="probes in flight per agent (default: 256)"
    )
    how.add_argument(
        "--converge",
        type=float,
        metavar="SECONDS",
        help="time for enforcement to settle, instead of the scenarios' (10)",
    )
    how.add_argument(
        "--confirm",
        type=float,
        metavar="SECONDS",
        help="length of the confirming attempts, instead of the scenarios' (1.5)",
    )
    add_enforcement_arguments(how)
    how.add_argument(
        "--repeat",
        type=int,
        default=1,
        metavar="N",
        help="run every scenario so often, so that `diff` can compare latencies",
    )
    how.add_argument(
        "--lanes",
        type=lanes_of,
        metavar="N",
        help="run so many scenarios side by side, each in namespaces of its own (default: auto, as many as are of "
        "use, have room on the nodes, and leave agents enough CPU)",
    )
    how.add_argument("--keep", action="store_true", help="leave namespaces and pods in the cluster")
    how.add_argument(
        "--exact-namespaces", action="store_true", help="use the scenario's namespace names, which must not exist yet"
    )
    add_trust_argument(how)
    add_fleet_arguments(how)
    add_pod_arguments(parser.add_argument_group("what agent pods are like"))
    add_cluster_arguments(
        parser.add_argument_group("the embedded cluster (with --sandbox)"),
        "number of nodes (default: 2); without --sandbox: only so many nodes of the cluster, chosen at random, "
        "and one fleet for each pair of them",
    )


def lanes_of(value: str) -> int | None:
    """The value of ``--lanes``; None for ``auto``. Raises ArgumentTypeError."""
    if value == "auto":
        return None
    if not value.isdecimal() or int(value) < 1:
        raise argparse.ArgumentTypeError(f"must be auto or a positive number, not {value}")
    return int(value)


def run(args: argparse.Namespace) -> int:
    """Run the scenarios. Returns the exit code; raises CniProbeError for what is wrong before a run."""
    from probe.scenario.load import load_scenarios

    return run_and_report(args, lambda: load_scenarios(args.paths))


def run_and_report(
    args: argparse.Namespace,
    load: Callable[[], Sequence[Scenario]],
    *,
    refused: Callable[[Scenario], str] = lambda scenario: "",
    default_format: str = "table",
) -> int:
    """Run those of the scenarios that the arguments choose, but what is refused. Returns and raises as ``run``."""
    with delivery(args) as results:
        return _run_and_report(args, load, refused, default_format, results)


def _run_and_report(
    args: argparse.Namespace,
    load: Callable[[], Sequence[Scenario]],
    refused: Callable[[Scenario], str],
    default_format: str,
    results: Delivery,
) -> int:
    from probe.cli.writing import write_reports

    _check(args)
    config = run_config(args)
    known = known_failures(args)
    all_of_them = load()
    chosen = selected(args, all_of_them, refused)
    scenarios = [with_limits(_with_timeouts(scenario, args), args) for scenario in chosen.scenarios]
    check_externals(args, all_of_them)
    if not args.trust_scenario:  # then the run itself says where they differ
        plans(scenarios, [Family.IPV4], trust=False)
    outputs, github = report_outputs(args, default_format)
    before = read_run(args.baseline) if args.baseline else None
    results.announce()

    async def measure(emit: Callable[[Event], None]) -> None:
        emit(Selected(chosen.record))
        tell_unknown(known, all_of_them, emit)
        await _measure(args, config, scenarios, known, emit)

    record = asyncio.run(recorded(args, measure))
    with unbroken():
        record = write_reports(outputs, record, github)
        code = results.deliver(record)
        return code if before is None or record.interrupted else _compare(before, record, outputs)


def _compare(before: RunRecord, after: RunRecord, outputs: Outputs) -> int:
    """Show what changed, below the table of the run, or on stderr where stdout is for programs."""
    from probe.cli.diff import show
    from probe.report.diff.compare import compare

    found = compare(before, after)
    stream = sys.stdout if outputs.stdout_is_for_people else sys.stderr
    print(file=stream)
    show(found, stream)
    return int(found.exit_code)


def _with_timeouts(scenario: Scenario, args: argparse.Namespace) -> Scenario:
    given = {name: getattr(args, name) for name in ("converge", "confirm") if getattr(args, name) is not None}
    timeouts = replace(scenario.timeouts, **given)
    if timeouts.confirm < timeouts.attempt:  # the control would have more time to connect than the denial is given
        raise UsageError(
            f"--confirm {timeouts.confirm:g} is shorter than the attempts of {scenario.name} ({timeouts.attempt:g} s): "
            "a slow answer would look like a denial"
        )
    return replace(scenario, timeouts=timeouts)


def _check(args: argparse.Namespace) -> None:
    if args.sandbox and names_a_cluster(args):
        raise UsageError("--sandbox brings its own cluster: leave out --kubeconfig, --context and --as")
    if args.sandbox:
        cluster_options(args)
    else:
        _check_without_sandbox(args)
    if args.sandbox and args.keep:
        raise UsageError("--keep needs a cluster that stays: use `cni-probe sandbox up` and its kubeconfig")
    for name in ("rate", "in_flight", "converge", "confirm", "repeat"):
        value = getattr(args, name)
        if value is not None and not 0 < value < math.inf:
            raise UsageError(f"--{name.replace('_', '-')} must be a positive number, not {value}")
    check_connection_arguments(args)


def _check_without_sandbox(args: argparse.Namespace) -> None:
    stated = args.ipv6 or args.dual_stack or args.no_enforcement or args.no_cluster_policies or args.fault
    if stated or args.deny_with != SandboxOptions().deny_with:
        raise UsageError(
            "--ipv6, --dual-stack, --no-enforcement, --no-cluster-policies and --deny-with go with --sandbox"
        )
    if args.nodes is not None and args.nodes < 1:
        raise UsageError(f"--nodes must be at least 1, not {args.nodes}")
    if args.nodes is not None and args.exact_namespaces:
        raise UsageError("--nodes runs a scenario several times, which --exact-namespaces has no names for")


async def _measure(
    args: argparse.Namespace,
    config: RunConfig,
    scenarios: list[Scenario],
    known: tuple[KnownFailure, ...],
    emit: Callable[[Event], None],
) -> None:
    from probe.engine.agents import Pace
    from probe.engine.options import RunOptions
    from probe.engine.run import run_scenarios

    pace = Pace(rate=args.rate, in_flight=args.in_flight)
    async with _embedded(args) as embedded:
        options = RunOptions(
            agent=config.agent,
            namespaces=config.namespaces,
            pace=pace,
            keep=args.keep,
            exact_namespaces=args.exact_namespaces,
            sample_nodes=None if args.sandbox else args.nodes,
            seed=sample_seed(args),
            node_groups=config.node_groups,
            externals=config.externals,
            allow_host_network=args.allow_host_network,
            trust_scenarios=args.trust_scenario,
            repeat=args.repeat,
            allow_cluster_scoped=args.allow_cluster_scoped,
            kubectl="" if args.sandbox else kubectl_command(args),
            known_failures=known,
            strict_known_failures=args.strict_known_failures,
            stop_after=1 if args.fail_fast else None,
            lanes=args.lanes,
        )
        async with connection(args, lambda said: emit(Noticed(said)), embedded=embedded) as api:
            await run_scenarios(api, scenarios, options, emit)


@asynccontextmanager
async def _embedded(args: argparse.Namespace) -> AsyncIterator[Path | None]:
    """The kubeconfig of an embedded cluster that lives as long as the block; None without ``--sandbox``."""
    if not args.sandbox:
        yield None
        return
    from probe.sandbox.launch import Sandbox

    async with Sandbox.start(cluster_options(args)) as sandbox:
        yield sandbox.kubeconfig
