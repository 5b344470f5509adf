"""``cni-probe clean``: remove the namespaces that runs left in a cluster, found by their labels."""

from __future__ import annotations

import argparse
import asyncio
import sys

from probe.cli.cluster_arguments import add_connection_arguments, connection
from probe.model.cell import ExitCode


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's arguments."""
    add_connection_arguments(parser)
    parser.add_argument("--run", metavar="ID", help="only what this run made; default: what any run made")
    parser.add_argument("--dry-run", action="store_true", help="only list what would be removed")
    parser.add_argument("--timeout", type=float, default=120.0, metavar="SECONDS", help="how long to wait")


def run(args: argparse.Namespace) -> int:
    """Remove leftovers. Exit code 3 when something is still there after the timeout."""
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
    print(f"removed {len(found)} namespaces")
    return int(ExitCode.PASSED)
