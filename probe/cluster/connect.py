"""Finding the cluster: kubeconfig, context, or the service account of the pod we run in.

The client is imported here and not at the top of the package's commands: it costs more than a second.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from kubernetes.aio.client import ApiClient, Configuration
from kubernetes.aio.config import ConfigException, load_incluster_config, load_kube_config
from kubernetes.aio.config.kube_config import refresh_token
from kubernetes.aio.stream import WsApiClient
from yaml import YAMLError

from probe.cluster.api import Api
from probe.model.errors import UsageError

_HEARTBEAT_SECONDS = 20.0
"""WebSocket pings keep idle exec streams open through proxies that drop quiet connections."""


@asynccontextmanager
async def connect(
    kubeconfig: str | None = None,
    context: str | None = None,
    *,
    streams: int = 1000,
    request_timeout: float = 30.0,
) -> AsyncIterator[Api]:
    """Open a connection to the cluster that the arguments, ``KUBECONFIG`` or the pod's own account name.

    ``streams`` bounds the connections open at once (one per agent and a few more).
    Raises UsageError for a kubeconfig that cannot be read or lacks the context.
    """
    configuration = Configuration()
    configuration.connection_pool_maxsize = streams
    loader = await _load(configuration, kubeconfig, context)
    try:
        client = ApiClient(configuration)
        websockets = WsApiClient(configuration, heartbeat=_HEARTBEAT_SECONDS)
    except (OSError, ValueError) as error:  # ssl.SSLError is an OSError
        raise UsageError(f"the certificates for {configuration.host} cannot be used: {error}") from error
    refresh = asyncio.create_task(refresh_token(loader, configuration)) if loader is not None else None
    try:
        async with Api(client, websockets, request_timeout=request_timeout) as api:
            yield api
    finally:
        if refresh is not None:
            refresh.cancel()
            await asyncio.wait(
                (refresh,)
            )  # not ``await refresh``: a cancellation of ours must not be taken for its end


async def _load(configuration: Configuration, kubeconfig: str | None, context: str | None) -> Any:
    """Fill ``configuration``; returns the loader that can refresh its token, or None in a cluster."""
    paths = kubeconfig or os.environ.get("KUBECONFIG") or str(Path.home() / ".kube" / "config")
    missing = [path for path in paths.split(os.pathsep) if path and not Path(path).is_file()]
    if kubeconfig is None and len(missing) == len(paths.split(os.pathsep)):
        return _load_in_cluster(configuration, paths)
    if kubeconfig is not None and missing:
        raise UsageError(f"kubeconfig {missing[0]} does not exist")
    try:
        return await load_kube_config(paths, context, configuration, persist_config=False)
    except (ConfigException, OSError, ValueError, TypeError, KeyError, AttributeError, YAMLError) as error:
        raise UsageError(f"kubeconfig {paths} cannot be used: {error}") from error


def _load_in_cluster(configuration: Configuration, looked_at: str) -> None:
    if not os.environ.get("KUBERNETES_SERVICE_HOST"):
        raise UsageError(
            f"no cluster to talk to: {looked_at} does not exist; "
            "name one with --kubeconfig, or use --sandbox for the embedded cluster"
        )
    try:
        load_incluster_config(client_configuration=configuration)
    except ConfigException as error:
        raise UsageError(f"the pod's service account cannot be used: {error}") from error
