"""Connections to the cluster that a kubeconfig, or the pod that we run in, names.

The client is imported here and not at the top of the package's commands: it costs a good part of a second.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

from probe.cluster.access import Access, Impersonation, find_access
from probe.cluster.api import Api
from probe.cluster.pacing import DEFAULT_RATE, RequestPace
from probe.cluster.requesting import Requests
from probe.cluster.retry import Patience
from probe.cluster.transport import Transport
from probe.cluster.watching import QUIET_SECONDS


@dataclass(frozen=True, slots=True)
class Manners:
    """How to treat an API server. Times in seconds.

    ``request_timeout`` is for one attempt of a request, ``patience`` for a server that was there and is away;
    ``qps`` requests a second over time; ``streams`` connections at once (one an agent and a few more);
    ``heartbeat`` between pings that keep exec streams open through proxies that drop quiet connections;
    ``quiet_watch`` for how long a watch may say nothing until it is asked anew.
    """

    request_timeout: float = 30.0
    patience: float = 60.0
    qps: float = DEFAULT_RATE
    streams: int = 1000
    heartbeat: float = 20.0
    quiet_watch: float = QUIET_SECONDS


@asynccontextmanager
async def connect(
    kubeconfig: str | None = None,
    context: str | None = None,
    *,
    request_timeout: float = 30.0,
    manners: Manners | None = None,
    impersonation: Impersonation | None = None,
    notice: Callable[[str], None] = lambda message: None,
) -> AsyncIterator[Api]:
    """Open a connection to the cluster that the arguments, ``$KUBECONFIG`` or the pod's own account name.

    ``request_timeout`` is short for ``Manners`` with nothing else to say. ``notice`` takes sentences for the user: that
    a server is waited for, and what a credential plugin wants.
    Raises UsageError for a kubeconfig that cannot be used or lacks the context. Asks the server nothing yet.
    """
    access = find_access(kubeconfig, context, impersonation=impersonation, notice=notice)
    async with connect_to(access, manners or Manners(request_timeout=request_timeout), notice) as api:
        yield api


@asynccontextmanager
async def connect_to(
    access: Access, manners: Manners | None = None, notice: Callable[[str], None] = lambda message: None
) -> AsyncIterator[Api]:
    """Open a connection the given way. Raises UsageError for certificates that cannot be used."""
    manners = manners or Manners()
    transport = Transport(access, streams=manners.streams, timeout=manners.request_timeout, heartbeat=manners.heartbeat)
    requests = Requests(transport, RequestPace(manners.qps), Patience(manners.patience, notice))
    async with Api(requests, quiet_watch=manners.quiet_watch) as api:
        yield api
