"""Where commands that only read get a cluster's state from: manifests (``-f``), or a live cluster (``--context``)."""

from __future__ import annotations

import argparse
import asyncio
import ipaddress
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from probe.cli.cluster_arguments import add_connection_arguments, connection, names_a_cluster
from probe.model.errors import Location, UsageError
from probe.model.snapshot import Snapshot
from probe.policy.rules import PolicyRef, RuleRef

if TYPE_CHECKING:
    from probe.cluster.snapshot import Sight
    from probe.manifests import ManifestSet


@dataclass(frozen=True, slots=True)
class Source:
    """What was read. ``locate`` gives the place of a policy or a rule in the manifests; None of a live cluster's."""

    snapshot: Snapshot
    notices: tuple[str, ...]
    locate: Callable[[PolicyRef | RuleRef], Location | None]

    def print_notices(self) -> None:
        """On stderr: what was left out, what was inferred."""
        for notice in self.notices:
            print(f"cni-probe: {notice}", file=sys.stderr)


def add_snapshot_arguments(parser: argparse.ArgumentParser) -> None:
    """``-f``, ``--namespace``, ``--pod-cidr`` and ``--quiet``; and in a group of their own those of a live cluster."""
    parser.add_argument(
        "-f", "--filename", nargs="+", action="extend", default=[], metavar="PATH",
        help="manifests: files, directories of them, or - for stdin; may be repeated",
    )  # fmt: skip
    parser.add_argument(
        "--namespace", action="append", default=[], metavar="NAME",
        help="of manifests that name none (default: default); of a live cluster: look only there, may be repeated",
    )  # fmt: skip
    parser.add_argument(
        "--pod-cidr", action="append", default=[], metavar="CIDR",
        help="where pods have their addresses, as far as these are not known; may be repeated (default: anywhere)",
    )  # fmt: skip
    parser.add_argument("--quiet", action="store_true", help="print the result only: not what was left out or inferred")
    add_connection_arguments(parser.add_argument_group("a live cluster instead of manifests (read only)"))


def read_source(args: argparse.Namespace) -> Source:
    """Read what the arguments name. Raises UsageError, ManifestError with every mistake of every file, ClusterError."""
    pod_cidrs = _pod_cidrs(args.pod_cidr)
    if args.filename and names_a_cluster(args):
        raise UsageError("-f goes without --kubeconfig and --context: either manifests or a live cluster")
    if args.filename:
        return _from_manifests(args, pod_cidrs)
    if names_a_cluster(args):
        return _from_cluster(args, pod_cidrs)
    raise UsageError("name manifests with -f, or a live cluster with --context or --kubeconfig")


def _pod_cidrs(texts: list[str]) -> tuple[str, ...]:
    wrong: list[str] = []
    found: list[str] = []
    for text in texts:
        try:
            found.append(str(ipaddress.ip_network(text)))
        except ValueError as error:
            wrong.append(f"--pod-cidr {text}: {error}")
    if wrong:
        raise UsageError("\n".join(wrong))
    return tuple(found)


# --- manifests -----------------------------------------------------------------------------------------------------


def _from_manifests(args: argparse.Namespace, pod_cidrs: tuple[str, ...]) -> Source:
    from probe.manifests import load_manifests

    if len(args.namespace) > 1:
        raise UsageError("--namespace is the one of manifests that do not name theirs: give one")
    namespace = args.namespace[0] if args.namespace else "default"
    manifests = load_manifests(args.filename, namespace=namespace, pod_cidrs=pod_cidrs)
    return Source(manifests.snapshot, tuple(_notices(manifests)), lambda ref: _location(manifests, ref))


def _notices(manifests: ManifestSet) -> list[str]:
    notices = list(map(str, manifests.warnings))
    if manifests.left_out:
        notices.append(manifests.left_out)
    if manifests.inferred:
        names = ", ".join(sorted(manifests.inferred))
        notices.append(f"no Namespace object for {names}: no label of theirs but the name is known")
    return notices


def _location(manifests: ManifestSet, ref: PolicyRef | RuleRef) -> Location | None:
    policy = ref.policy if isinstance(ref, RuleRef) else ref
    found = manifests.find(policy.kind, policy.namespace, policy.name)
    if found is None:
        return None
    path = ("spec", str(ref.direction), ref.index) if isinstance(ref, RuleRef) else ("metadata", "name")
    return found.place.child(*path).location


# --- a live cluster ------------------------------------------------------------------------------------------------


def _from_cluster(args: argparse.Namespace, pod_cidrs: tuple[str, ...]) -> Source:
    from dataclasses import replace

    notices: list[str] = []
    sight = asyncio.run(_look(args, notices.append))
    return Source(replace(sight.snapshot, pod_cidrs=pod_cidrs), (*notices, *sight.warnings), lambda ref: None)


async def _look(args: argparse.Namespace, notice: Callable[[str], None]) -> Sight:
    from probe.cluster.snapshot import look_at_cluster

    async with connection(args, notice) as api:
        return await look_at_cluster(api, args.namespace)
