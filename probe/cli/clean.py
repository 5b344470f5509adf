"""``cni-probe clean``: remove what runs left in a cluster, namespaces and cluster-scoped policies, found by labels."""

from __future__ import annotations

import argparse
import asyncio
import math
import re
import sys
from collections import Counter
from collections.abc import Collection, Iterable
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from probe.cli.cluster_arguments import add_connection_arguments, connection
from probe.model.cell import ExitCode
from probe.model.errors import UsageError

if TYPE_CHECKING:
    from probe.cluster.api import Api
    from probe.cluster.cleanup import Owned

_MAY_BE_AT_WORK = 3600.0
"""Seconds: few runs take longer."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's arguments."""
    add_connection_arguments(parser)
    parser.add_argument("--run", metavar="ID", help="only what this run made; default: what any run made")
    parser.add_argument(
        "--older-than", type=float, default=0.0, metavar="SECONDS",
        help="only what was made so long ago: spares runs of others that are still at work",
    )  # fmt: skip
    parser.add_argument("--dry-run", action="store_true", help="only list what would be removed")
    parser.add_argument("--timeout", type=float, default=120.0, metavar="SECONDS", help="how long to wait")


def run(args: argparse.Namespace) -> int:
    """Remove leftovers. Exit code 3 when something is still there after the timeout. Raises UsageError."""
    if args.run is not None and not re.fullmatch("[a-z0-9]+", args.run):  # an empty one would mean all
        raise UsageError(f"--run {args.run!r} is no run's id: small letters and digits, as in cp-<id>-<namespace>")
    for name in ("timeout", "older_than"):
        if not 0 <= (seconds := getattr(args, name)) < math.inf:
            raise UsageError(f"--{name.replace('_', '-')} must be a number of seconds, not {seconds:g}")
    return asyncio.run(_clean(args))


async def _clean(args: argparse.Namespace) -> int:
    from probe.cluster.cleanup import owned_namespaces, remove
    from probe.report.text import duration

    async with connection(args, lambda said: print(f"cni-probe: {said}", file=sys.stderr)) as api:
        owned, now = (*await _policies(api, args.run), *await owned_namespaces(api, args.run)), datetime.now(UTC)
        ages = {each.uid: max(0.0, (now - each.created).total_seconds()) for each in owned}
        found = tuple(each for each in owned if ages[each.uid] >= args.older_than)
        for each in found:
            what = "would remove" if args.dry_run else "removing"
            print(f"{what} {each.kind} {each.name} (run {each.run}, made {duration(ages[each.uid])} ago)")
        if args.run is None and not args.older_than:
            _warn_of_live_runs({each.run for each in found if ages[each.uid] < _MAY_BE_AT_WORK})
        if spared := [each for each in owned if each not in found]:
            print(f"spared {_counted(spared, 'younger ')}")
        if not found:
            print("nothing to clean")
        if args.dry_run or not found:
            return int(ExitCode.PASSED)
        remaining = await remove(api, found, args.timeout)
    if remaining:
        for name, cause in remaining.items():
            print(f"cni-probe: still terminating: {name}" + (f" ({cause})" if cause else ""), file=sys.stderr)
        return int(ExitCode.HARNESS)
    print(f"removed {_counted(found)}")
    return int(ExitCode.PASSED)


async def _policies(api: Api, run: str | None) -> tuple[Owned, ...]:
    """The cluster-scoped policies that are left; who may not look for them is told so."""
    from probe.cluster.api import ApiError
    from probe.cluster.cleanup import owned_policies
    from probe.cluster.clusterpolicies import served_kinds

    try:
        return await owned_policies(api, await served_kinds(api), run)
    except ApiError as error:
        if error.code != 403:
            raise
        print(f"cni-probe: cluster-scoped policies were not looked for: {error.message}", file=sys.stderr)
        return ()


def _counted(owned: Iterable[Owned], which: str = "") -> str:
    """``2 namespaces and 1 cluster-scoped policy``."""
    from probe.report.text import plural

    counts = Counter(each.kind == "namespace" for each in owned)
    told = [plural(counts[True], f"{which}namespace")] if counts[True] else []
    if counts[False]:
        told.append(plural(counts[False], f"{which}cluster-scoped policy", f"{which}cluster-scoped policies"))
    return " and ".join(told)


def _warn_of_live_runs(young: Collection[str]) -> None:
    """Say which runs may be somebody's who waits for results: nothing in the cluster tells a live run from a dead."""
    if young:
        runs = ", ".join(sorted(young))
        print(
            f"cni-probe: made less than an hour ago, and maybe still at work, which this ends: {runs}; "
            "--run ID removes one run alone, --older-than 3600 spares the young",
            file=sys.stderr,
        )
