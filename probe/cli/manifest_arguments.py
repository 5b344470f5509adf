"""The arguments of commands that read manifests, and what is said to the user about what was read."""

from __future__ import annotations

import argparse
import ipaddress
import sys
from typing import TYPE_CHECKING

from probe.model.errors import UsageError
from probe.model.syntax import dns_label_error

if TYPE_CHECKING:
    from probe.manifests import ManifestSet


def add_manifest_arguments(
    parser: argparse._ActionsContainer,
    *,
    required: bool = True,
    namespace_help: str = "of objects that do not name theirs (default: default)",
) -> None:
    """``-f``, ``-n`` and ``--pod-cidr``."""
    parser.add_argument(
        "-f", "--filename", dest="files", action="extend", nargs="+", required=required, default=[], metavar="PATH",
        help="manifests: files, directories (with all below), or - for stdin; may be repeated",
    )  # fmt: skip
    parser.add_argument(
        "-n", "--namespace", dest="namespaces", action="append", default=[], metavar="NAME", help=namespace_help
    )
    parser.add_argument(
        "--pod-cidr", dest="pod_cidrs", action="append", default=[], metavar="CIDR",
        help="where the pods' addresses lie; may be repeated (default: not known)",
    )  # fmt: skip


def read_manifest_arguments(args: argparse.Namespace) -> ManifestSet:
    """What the arguments name, however sound. Raises UsageError for values that cannot be."""
    from probe.manifests import read_manifests

    if len(args.namespaces) > 1:
        raise UsageError("--namespace: objects that do not name theirs can be in one only")
    [namespace] = args.namespaces or ["default"]
    if error := dns_label_error(namespace):
        raise UsageError(f"--namespace {namespace!r}: {error}")
    return read_manifests(args.files, namespace=namespace, pod_cidrs=pod_cidrs(args))


def pod_cidrs(args: argparse.Namespace) -> tuple[str, ...]:
    """Where pods' addresses lie. Raises UsageError for what is no block."""
    for cidr in args.pod_cidrs:
        try:
            ipaddress.ip_network(cidr)
        except ValueError as wrong:
            raise UsageError(f"--pod-cidr: {wrong}") from None
    return tuple(args.pod_cidrs)


def tell_of_manifests(manifests: ManifestSet) -> None:
    """On stderr: warnings, and what was left out."""
    for warning in manifests.warnings:
        print(f"warning: {warning}", file=sys.stderr)
    if manifests.left_out:
        print(manifests.left_out, file=sys.stderr)
