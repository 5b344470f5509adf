"""``cni-probe sandbox restart-enforcer`` and the like: what goes wrong in a real cluster's upgrade, on order.

A command returns when it is over, and says exactly when it was: with ``-o json`` for programs that compare.
"""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from probe.cli.durations import seconds
from probe.model.cell import ExitCode
from probe.model.errors import UsageError
from probe.sandbox.options import DEFAULT_NAME

if TYPE_CHECKING:
    from probe.sandbox.state import StateDirectory

ORDERS: Final = ("restart-enforcer", "upgrade-enforcer", "restart-node", "pause-api")
_NO_FAULT: Final = "none"


def add_orders(actions: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """The actions."""
    restart = actions.add_parser("restart-enforcer", help="what enforces policies goes away for a time, and comes back")
    upgrade = actions.add_parser("upgrade-enforcer", help="the same, and from then on enforcement is another")
    for parser in (restart, upgrade):
        _add_common(parser, down=2.0)
        _add_nodes(parser, "of this node alone; can be repeated (default: all nodes)")
        parser.add_argument(
            "--mode", choices=("keep", "fail-open", "fail-closed"), default="keep",
            help="meanwhile the rules stay (default), or no policy holds, or all that policies isolate is cut off",
        )  # fmt: skip
    upgrade.add_argument("--fault", metavar="NAME|FILE.py:CLASS", help="break it in this way; none: break it in no way")
    upgrade.add_argument("--deny-with", choices=("drop", "reject"), help="how denials look")
    upgrade.add_argument("--established", choices=("cut", "keep"), help="what a change means for open connections")
    node = actions.add_parser(
        "restart-node", help="a node loses its power for a time: its pods are killed, and restart"
    )
    _add_common(node, down=5.0)
    node.add_argument("nodes", nargs="+", metavar="NODE")
    node.add_argument("--rolling", action="store_true", help="one after another, not all together")
    api = actions.add_parser("pause-api", help="the API server is not there for a time, and open streams are cut")
    _add_common(api, down=10.0)


def _add_common(parser: argparse.ArgumentParser, *, down: float) -> None:
    parser.add_argument("--name", help=f"which sandbox (default: the one that KUBECONFIG is of, else {DEFAULT_NAME})")
    parser.add_argument(
        "--down",
        type=seconds,
        default=down,
        metavar="SECONDS",
        help=f"for how long, as 2s or 500ms (default: {down:g}s)",
    )
    parser.add_argument("-o", "--output", choices=("text", "json"), default="text")


def _add_nodes(parser: argparse.ArgumentParser, text: str) -> None:
    parser.add_argument("--node", action="append", default=[], dest="nodes", metavar="NAME", help=text)
    parser.add_argument("--rolling", action="store_true", help="one node after another, not all together")


def loadable(text: str) -> str:
    """A fault that can be loaded, its file by an absolute path. Raises UsageError."""
    from probe.sandbox.faults.registry import load_fault

    load_fault(text)
    path, colon, name = text.rpartition(":")
    return f"{Path(path).absolute()}{colon}{name}" if colon else text


async def order(args: argparse.Namespace) -> int:
    """Give the order, wait, and print what was done. Raises UsageError, SandboxError."""
    from probe.sandbox.orders.client import by_kubeconfig, give
    from probe.sandbox.state import StateDirectory

    directory = StateDirectory(args.name) if args.name else by_kubeconfig(os.environ.get("KUBECONFIG"))
    directory = directory or StateDirectory(DEFAULT_NAME)
    if args.action == "pause-api":
        done = [await give(directory, "pause-api", down=args.down)]
    elif args.action == "restart-node":
        done = await give(directory, "restart-node", nodes=args.nodes, down=args.down, rolling=args.rolling)
    else:
        upgrade = _upgrade(args) if args.action == "upgrade-enforcer" else None
        done = await give(
            directory, "restart-enforcer",
            nodes=args.nodes, mode=args.mode, down=args.down, rolling=args.rolling, upgrade=upgrade,
        )  # fmt: skip
        if upgrade and "fault" in upgrade:
            _remember(directory, None if upgrade["fault"] == _NO_FAULT else upgrade["fault"])
    print(json.dumps(done, indent=2) if args.output == "json" else _describe(args, done))
    return int(ExitCode.PASSED)


def _upgrade(args: argparse.Namespace) -> dict[str, str]:
    fault = args.fault if args.fault in (None, _NO_FAULT) else loadable(args.fault)
    wanted = {"fault": fault, "deny_with": args.deny_with, "established": args.established}
    given = {name: value for name, value in wanted.items() if value is not None}
    if not given:
        raise UsageError("upgrade-enforcer needs --fault, --deny-with or --established: what is to be different?")
    return given


def _remember(directory: StateDirectory, fault: str | None) -> None:
    """`sandbox status` says how a sandbox enforces, and nobody believes a broken one to be whole."""
    state = directory.read()
    if state is not None:
        directory.write(replace(state, fault=fault))


def _describe(args: argparse.Namespace, done: Sequence[dict[str, Any]]) -> str:
    what = {"pause-api": "the API server", "restart-node": "node"}.get(args.action, "the enforcer of")
    lines = []
    for each in done:
        mode = f", {each['mode']}" if "mode" in each else ""
        pods = f"; {len(each['pods'])} pods restarted" if "pods" in each else ""
        which = f"{what} {each['node']}" if "node" in each else what
        began, ended = (_clock(each[key]) for key in ("began", "ended"))
        lines.append(f"{which} was away from {began} to {ended}: {each['seconds']:.3f} s{mode}{pods}")
    return "\n".join(lines)


def _clock(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
