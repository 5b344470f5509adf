"""Where commands that only read get a cluster's state from: manifests (``-f``), or a live cluster (``--context``)."""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from probe.cli.cluster_arguments import add_connection_arguments, connection, names_a_cluster
from probe.cli.manifest_arguments import add_manifest_arguments, pod_cidrs, read_manifest_arguments
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
    """Those of manifests, ``--quiet``, and those of a live cluster."""
    add_manifest_arguments(
        parser,
        required=False,
        namespace_help="of objects that do not name theirs (default: default); "
        "in a live cluster: look only there, may be repeated (default: everywhere)",
    )
    parser.add_argument("--quiet", action="store_true", help="the result only: not what was left out or inferred")
    add_connection_arguments(parser.add_argument_group("a live cluster instead of manifests (read only)"))


def read_source(args: argparse.Namespace) -> Source:
    """Read what the arguments name. Raises UsageError, ManifestError with every mistake of every file, ClusterError."""
    if args.files and names_a_cluster(args):
        raise UsageError("-f goes without --kubeconfig and --context: either manifests or a live cluster")
    if args.files:
        return _from_manifests(read_manifest_arguments(args).require_sound())
    if names_a_cluster(args):
        return _from_cluster(args)
    raise UsageError("name manifests with -f, or a live cluster with --context or --kubeconfig")


# --- manifests -----------------------------------------------------------------------------------------------------


def _from_manifests(manifests: ManifestSet) -> Source:
    return Source(manifests.snapshot, tuple(_notices(manifests)), lambda ref: _location(manifests, ref))


def _notices(manifests: ManifestSet) -> Iterator[str]:
    yield from map(str, manifests.warnings)
    if manifests.left_out:
        yield manifests.left_out
    if manifests.inferred:
        names = ", ".join(sorted(manifests.inferred))
        yield f"no Namespace object for {names}: no label of theirs but the name is known"


def _location(manifests: ManifestSet, ref: PolicyRef | RuleRef) -> Location | None:
    policy = ref.policy if isinstance(ref, RuleRef) else ref
    found = manifests.find(policy.kind, policy.namespace, policy.name)
    if found is None:
        return None
    path = ("spec", str(ref.direction), ref.index) if isinstance(ref, RuleRef) else ("metadata", "name")
    return found.place.child(*path).location


# --- a live cluster ------------------------------------------------------------------------------------------------


def _from_cluster(args: argparse.Namespace) -> Source:
    notices: list[str] = []
    sight = asyncio.run(_look(args, notices.append))
    snapshot = replace(sight.snapshot, pod_cidrs=pod_cidrs(args))
    return Source(snapshot, (*notices, *sight.warnings), lambda ref: None)


async def _look(args: argparse.Namespace, notice: Callable[[str], None]) -> Sight:
    from probe.cluster.snapshot import look_at_cluster

    async with connection(args, notice) as api:
        return await look_at_cluster(api, args.namespaces)
