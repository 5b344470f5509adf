"""``cni-probe sandbox``: the embedded cluster, by hand."""

from __future__ import annotations

import argparse
import asyncio
import json
import signal
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from probe.cli.sandbox_orders import ORDERS, add_orders, loadable, order
from probe.model.cell import ExitCode, Family
from probe.model.errors import UsageError
from probe.sandbox.options import DEFAULT_NAME, SandboxOptions

if TYPE_CHECKING:
    from probe.sandbox.launch import Sandbox
    from probe.sandbox.state import SandboxState


def add_cluster_arguments(
    parser: argparse._ActionsContainer, nodes_help: str = f"number of nodes (default: {SandboxOptions().nodes})"
) -> None:
    """What an embedded cluster is like; `cluster_options` reads them."""
    parser.add_argument("--nodes", type=int, metavar="N", help=nodes_help)
    families = parser.add_mutually_exclusive_group()
    families.add_argument("--ipv6", action="store_true", help="pods, nodes and services have IPv6 addresses only")
    families.add_argument("--dual-stack", action="store_true", help="IPv4 and IPv6")
    parser.add_argument(
        "--no-enforcement", action="store_true", help="ignore NetworkPolicies: the negative control, all denials leak"
    )
    parser.add_argument(
        "--no-cluster-policies",
        action="store_true",
        help="serve no ClusterNetworkPolicy, AdminNetworkPolicy or BaselineAdminNetworkPolicy, as most clusters don't",
    )
    parser.add_argument(
        "--fault", metavar="NAME|FILE.py:CLASS",
        help="break enforcement in one way, to see whether it is noticed; `sandbox faults` lists the ways",
    )  # fmt: skip
    parser.add_argument(
        "--deny-with", choices=("drop", "reject"), default="drop", help="how denials look (default: drop)"
    )


def cluster_options(args: argparse.Namespace, **more: Any) -> SandboxOptions:
    """The options that the arguments ask for. Raises UsageError."""
    families: tuple[Family, ...] = (Family.IPV6,) if args.ipv6 else (Family.IPV4,)
    if args.dual_stack:
        families = (Family.IPV4, Family.IPV6)
    nodes = SandboxOptions().nodes if args.nodes is None else args.nodes
    return SandboxOptions(
        nodes=nodes,
        families=families,
        enforce=not args.no_enforcement,
        deny_with=args.deny_with,
        cluster_policies=not args.no_cluster_policies,
        fault=None if args.fault is None else loadable(args.fault),
        **more,
    )


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's arguments."""
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    up = actions.add_parser("up", help="start a sandbox that stays until it is taken down")
    up.add_argument("--name", default=DEFAULT_NAME, help="several sandboxes can run side by side")
    up.add_argument("--kubeconfig", type=Path, metavar="FILE", help="where to write it (default: a file of its own)")
    up.add_argument("--foreground", action="store_true", help="stay until Ctrl-C, and end it then")
    add_cluster_arguments(up)
    down = actions.add_parser("down", help="end a sandbox")
    which = down.add_mutually_exclusive_group()
    which.add_argument("--name", default=DEFAULT_NAME)
    which.add_argument("--all", action="store_true", help="all of yours")
    status = actions.add_parser("status", help="show the sandboxes that are running")
    status.add_argument("--name", help="of this one alone; default: all of yours")
    status.add_argument("-o", "--output", choices=("text", "json"), default="text")
    actions.add_parser("faults", help="list the ways to break enforcement that --fault knows")
    add_orders(actions)


def run(args: argparse.Namespace) -> int:
    """Do it. Exit codes: 0, or 3 when a sandbox cannot be started or ended; ``status`` without any: 0."""
    if args.action in ORDERS:
        return asyncio.run(order(args))
    return asyncio.run({"up": _up, "down": _down, "status": _status, "faults": _faults}[args.action](args))


async def _up(args: argparse.Namespace) -> int:
    from probe.sandbox.launch import Sandbox, up
    from probe.sandbox.state import StateDirectory

    _clean()
    options = cluster_options(args, name=args.name, kubeconfig=args.kubeconfig)
    directory = StateDirectory(args.name)
    running = directory.read() if directory.is_running() else None
    if running is not None:
        # Whoever says "up" wants one to be there; but one that enforces otherwise than asked for would tell lies.
        already = f"sandbox {running.name} is running already ({_describe(running)})"
        if other := _differing(args, options, running):
            hint = f"end it with `cni-probe sandbox down --name {running.name}`, or choose another --name"
            raise UsageError(f"{already}, without {', '.join(other)}: {hint}")
        print(already, file=sys.stderr)
        print(f"export KUBECONFIG={running.kubeconfig}")
        return int(ExitCode.PASSED)
    if not args.foreground:
        _greet(await up(options))
        return int(ExitCode.PASSED)
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with Sandbox.start(options) as sandbox:
        _greet(sandbox)
        print("Ctrl-C ends it", file=sys.stderr)
        waits = [asyncio.ensure_future(wait) for wait in (stop.wait(), sandbox.ended())]
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        for wait in waits:
            wait.cancel()
    return int(ExitCode.PASSED)


def _differing(args: argparse.Namespace, options: SandboxOptions, running: SandboxState) -> list[str]:
    """The options given that a running sandbox was not started with, as far as its state tells."""
    asked = {
        f"--nodes {options.nodes}": args.nodes is not None and options.nodes != running.nodes,
        "--ipv6" if args.ipv6 else "--dual-stack": (args.ipv6 or args.dual_stack)
        and list(map(str, options.families)) != running.families,
        "--no-enforcement": args.no_enforcement and running.enforcement,
        f"--fault {options.fault}": options.fault is not None and options.fault != running.fault,
    }
    return [option for option, differs in asked.items() if differs]


def _greet(sandbox: Sandbox) -> None:
    print(f"sandbox {sandbox.name} is ready at {sandbox.server}", file=sys.stderr)
    print(f"export KUBECONFIG={sandbox.kubeconfig}", flush=True)


async def _down(args: argparse.Namespace) -> int:
    from probe.sandbox.launch import down
    from probe.sandbox.state import StateDirectory

    directories = list(StateDirectory.all()) if args.all else [StateDirectory(args.name)]
    ended = [directory.name for directory in directories if await down(directory)]
    for name in ended:
        print(f"sandbox {name} is down")
    if not ended:
        print("no sandbox is running" if args.all else f"no sandbox named {args.name} is running")
    return int(ExitCode.PASSED)


async def _status(args: argparse.Namespace) -> int:
    from probe.sandbox.state import StateDirectory

    _clean()
    states = [
        state
        for directory in StateDirectory.all()
        if args.name in (None, directory.name) and (state := directory.read()) is not None
    ]
    if args.output == "json":
        print(json.dumps([asdict(state) for state in states], indent=2))
        return int(ExitCode.PASSED)
    for state in states:
        print(f"{state.name}: {_describe(state)}, since {state.since}, process {state.pid}")
        print(f"  KUBECONFIG={state.kubeconfig}  {state.server}")
    if not states:
        print("no sandbox is running" if args.name is None else f"no sandbox named {args.name} is running")
    return int(ExitCode.PASSED)


async def _faults(args: argparse.Namespace) -> int:
    from probe.sandbox.faults.registry import FAULTS

    for fault in FAULTS.values():
        left_open = "; the API leaves it open" if fault.left_open else ""
        print(f"{fault.name:34} {fault.effect:6} {fault.summary()}{left_open}")
    return int(ExitCode.PASSED)


def _describe(state: SandboxState) -> str:
    policies = "policies enforced" if state.enforcement else "policies ignored"
    if state.fault is not None:
        policies = f"policies enforced with the fault {state.fault}"
    return f"{state.nodes} nodes, {' and '.join(state.families)}, {policies}"


def _clean() -> None:
    """Remove what killed sandboxes left."""
    from probe.sandbox.state import StateDirectory

    for directory in list(StateDirectory.all()):
        last_words = directory.log_tail(3)
        if directory.remove_if_stale():
            print(f"removed what was left of sandbox {directory.name}", file=sys.stderr)
            if last_words:
                print(f"the end of its log:\n{last_words}", file=sys.stderr)
