"""Endpoints outside the cluster that the cluster itself can make, as the embedded one can."""

from __future__ import annotations

import asyncio
import time

from probe.cluster import objects
from probe.cluster.api import Api, ApiError
from probe.cluster.objects import Owner
from probe.model.errors import DeployError
from probe.model.fleet import External

_REFUSED_SECONDS = 10.0


async def offers_externals(api: Api) -> bool:
    """Whether the cluster can make endpoints outside itself."""
    try:
        await api.get(objects.EXTERNAL_GROUP)
    except ApiError as error:
        if error.code in (403, 404):
            return False
        raise
    return True


async def create_external(api: Api, owner: Owner, external: External, namespace: str, timeout: float) -> str:
    """Make an endpoint outside the cluster; returns the identity that it answers with. Raises ClusterError."""
    path = f"{objects.EXTERNAL_GROUP}/namespaces/{namespace}/externalendpoints"
    await api.create(path, objects.external_endpoint(external, namespace, owner))
    started = time.monotonic()
    while True:
        status = (await api.get(f"{path}/{external.name}")).get("status", {})
        if status.get("ready"):
            return str(status["responder"])
        # Without a responder it was refused, which ends by itself only if another run's endpoint is just leaving.
        patience = timeout if status.get("responder") or not status.get("message") else _REFUSED_SECONDS
        if time.monotonic() - started > min(patience, timeout):
            raise DeployError(f"{external.id} did not start: {status.get('message') or 'no status'}")
        await asyncio.sleep(0.02)
