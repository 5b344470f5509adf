"""The arguments of every command that talks to a cluster, the same everywhere, and the connection that they make."""

from __future__ import annotations

import argparse
import math
import os
import shlex
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from probe.model.errors import UsageError

if TYPE_CHECKING:
    from probe.cluster.api import Api

_EMBEDDED_QPS = 1000.0
"""For the embedded cluster, which is nobody else's."""


def add_connection_arguments(parser: argparse.ArgumentParser | argparse._ArgumentGroup) -> None:
    """``--kubeconfig``, ``--context``, ``--as``, ``--as-group``, ``--request-timeout`` and ``--qps``."""
    parser.add_argument(
        "--kubeconfig", metavar="FILE",
        help=f"or several, with {os.pathsep!r} between (default: $KUBECONFIG, ~/.kube/config, or the pod's account)",
    )  # fmt: skip
    parser.add_argument("--context", metavar="NAME", help="context of the kubeconfig")
    parser.add_argument("--as", dest="act_as", default="", metavar="USER", help="user to impersonate")
    parser.add_argument("--as-group", action="append", default=[], metavar="GROUP", help="may be repeated")
    parser.add_argument(
        "--request-timeout", type=float, default=30.0, metavar="SECONDS",
        help="for one try of an API request (default: 30)",
    )  # fmt: skip
    parser.add_argument(
        "--qps", type=float, metavar="N", help="API requests per second over time, twice as many at once (default: 50)"
    )


def check_connection_arguments(args: argparse.Namespace) -> None:
    """Raises UsageError for values that cannot be."""
    for name in ("request_timeout", "qps"):
        value = getattr(args, name)
        if value is not None and not 0 < value < math.inf:
            raise UsageError(f"--{name.replace('_', '-')} must be a positive number, not {value}")
    if args.as_group and not args.act_as:
        raise UsageError("--as-group goes with --as")


def names_a_cluster(args: argparse.Namespace) -> bool:
    """Whether the arguments choose a cluster or a user of it (they do not go with ``--sandbox``)."""
    return bool(args.kubeconfig or args.context or args.act_as or args.as_group)


@asynccontextmanager
async def connection(
    args: argparse.Namespace, notice: Callable[[str], None], *, embedded: Path | None = None
) -> AsyncIterator[Api]:
    """The cluster that the arguments name, or the embedded one whose kubeconfig is ``embedded``.

    ``notice`` takes sentences for the user. Raises UsageError.
    """
    from probe.cluster.access import Impersonation
    from probe.cluster.connect import Manners, connect
    from probe.cluster.pacing import DEFAULT_RATE

    check_connection_arguments(args)
    usual = DEFAULT_RATE if embedded is None else _EMBEDDED_QPS
    manners = Manners(request_timeout=args.request_timeout, qps=usual if args.qps is None else args.qps)
    acting = Impersonation(args.act_as, tuple(args.as_group)) if args.act_as else None
    kubeconfig, context = (args.kubeconfig, args.context) if embedded is None else (str(embedded), None)
    async with connect(kubeconfig, context, manners=manners, impersonation=acting, notice=notice) as api:
        yield api


def kubectl_command(args: argparse.Namespace) -> str:
    """How the user calls kubectl for the same cluster. It takes several files from ``$KUBECONFIG`` only."""
    named = args.kubeconfig
    several = named and os.pathsep in named and not Path(named).exists()
    words = ["env", f"KUBECONFIG={named}"] if several else []
    words += ["kubectl"]
    words += ["--kubeconfig", named] if named and not several else []
    words += ["--context", args.context] if args.context else []
    words += ["--as", args.act_as] if args.act_as else []
    words += [word for group in args.as_group for word in ("--as-group", group)]
    return shlex.join(words)
