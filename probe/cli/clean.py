"""``cni-probe clean``: remove the namespaces that runs left in a cluster, found by their labels."""

from __future__ import annotations

import argparse
import asyncio
import math
import re
import sys

from probe.cli.cluster_arguments import add_connection_arguments, connection
from probe.model.cell import ExitCode
from probe.model.errors import UsageError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's arguments."""
    add_connection_arguments(parser)
    parser.add_argument("--run", metavar="ID", help="only what this run made; default: what any run made")
    parser.add_argument("--dry-run", action="store_true", help="only list what would be removed")
    parser.add_argument("--timeout", type=float, default=120.0, metavar="SECONDS", help="how long to wait")


def run(args: argparse.Namespace) -> int:
    """Remove leftovers. Exit code 3 when something is still there after the timeout. Raises UsageError."""
    if args.run is not None and not re.fullmatch("[a-z0-9]+", args.run):  # an empty one would mean all
        raise UsageError(f"--run {args.run!r} is no run's id: small letters and digits, as in cp-<id>-<namespace>")
    if not 0 <= args.timeout < math.inf:
        raise UsageError(f"--timeout must be a number of seconds, not {args.timeout:g}")
    return asyncio.run(_clean(args))


async def _clean(args: argparse.Namespace) -> int:
    from probe.cluster.cleanup import owned_namespaces, remove

    async with connection(args, lambda said: print(f"cni-probe: {said}", file=sys.stderr)) as api:
        found = await owned_namespaces(api, args.run)
        for namespace in found:
            print(f"{'would remove' if args.dry_run else 'removing'} namespace {namespace.name} (run {namespace.run})")
        if not found:
            print("nothing to clean")
        if args.dry_run or not found:
            return int(ExitCode.PASSED)
        remaining = await remove(api, found, args.timeout)
    if remaining:
        for name, cause in remaining.items():
            print(f"cni-probe: still terminating: {name}" + (f" ({cause})" if cause else ""), file=sys.stderr)
        return int(ExitCode.HARNESS)
    print(f"removed {len(found)} namespace{'s' if len(found) != 1 else ''}")
    return int(ExitCode.PASSED)
