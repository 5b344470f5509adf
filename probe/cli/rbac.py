"""``cni-probe rbac``: the least rights with which runs work, as manifests for ``kubectl apply -f -``."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from probe.model.agent_options import SecretRef, parse_secret
from probe.model.cell import ExitCode
from probe.model.errors import UsageError
from probe.model.syntax import dns_label_error, dns_subdomain_error

if TYPE_CHECKING:
    from probe.cluster.rbac import Access


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's arguments."""
    parser.add_argument(
        "paths", nargs="*", metavar="PATH", help="scenario files or directories: only what these need (default: any)"
    )
    add_access_arguments(parser)
    parser.add_argument(
        "--allow-cluster-scoped",
        action="store_true",
        help="without PATHs: also for scenarios with cluster-scoped policies (with PATHs these say it)",
    )
    parser.add_argument(
        "--watch", action="store_true", help="also what `cni-probe watch` shows of the cluster (read only)"
    )
    parser.add_argument("--doctor", action="store_true", help="also what `cni-probe doctor` looks at (read only)")


def add_access_arguments(parser: argparse._ActionsContainer) -> None:
    """What `access_of` reads; shared with ``job``."""
    parser.add_argument("--namespace", default="cni-probe", metavar="NAME", help="of the account (default: cni-probe)")
    parser.add_argument("--service-account", default="cni-probe", metavar="NAME", help="default: cni-probe")
    parser.add_argument(
        "--agent-from-configmap", action="store_true", help="for runs with --agent-from-configmap: create ConfigMaps"
    )
    parser.add_argument(
        "--image-pull-secret", action="append", default=[], metavar="NAMESPACE/NAME",
        help="for runs with --image-pull-secret: read this one Secret, create Secrets; may be repeated",
    )  # fmt: skip


def access_of(
    args: argparse.Namespace,
    *,
    doctor: bool = False,
    cluster_scoped: bool = False,
    watch: bool = False,
    results: str | None = None,
) -> Access:
    """The rights that the arguments ask for. Raises UsageError, ScenarioError."""
    from probe.cluster.permissions import Need, needs_of
    from probe.cluster.rbac import Access
    from probe.scenario import load_scenarios

    _check_name("--namespace", args.namespace, dns_label_error(args.namespace))
    _check_name("--service-account", args.service_account, dns_subdomain_error(args.service_account))
    needs = set(needs_of(load_scenarios(args.paths) if args.paths else ()))
    needs |= {Need.AGENT_SOURCE} if args.agent_from_configmap else set()
    needs |= {Need.DOCTOR} if doctor else set()
    needs |= {Need.WATCH} if watch else set()
    needs |= {Need.CLUSTER_POLICIES} if cluster_scoped else set()
    return Access(
        args.namespace, args.service_account, frozenset(needs), _secrets(args.image_pull_secret), results=results
    )


def _secrets(texts: Sequence[str]) -> tuple[SecretRef, ...]:
    try:
        return tuple(map(parse_secret, dict.fromkeys(texts)))
    except ValueError as error:
        raise UsageError(f"--image-pull-secret: {error}") from None


def _check_name(option: str, value: str, error: str | None) -> None:
    if error:
        raise UsageError(f"{option} {value!r}: {error}")


def run(args: argparse.Namespace) -> int:
    """Print the manifests. Raises UsageError, and ScenarioError as ``validate`` does."""
    from probe.cluster.rbac import access_manifests, as_yaml

    access = access_of(args, doctor=args.doctor, cluster_scoped=args.allow_cluster_scoped, watch=args.watch)
    sys.stdout.write(as_yaml(access_manifests(access), access.rules))
    return int(ExitCode.PASSED)
