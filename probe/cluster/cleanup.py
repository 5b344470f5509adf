"""Removing what runs made: by label and UID, and waiting until it is really gone.

Everything lives in namespaces of a run's own, so removing these removes everything.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass

from probe.cluster.api import Api, ApiError
from probe.cluster.failures import raise_failures
from probe.cluster.objects import MANAGED_BY, RUN_LABEL
from probe.model.errors import ClusterError

_POLL_SECONDS = 0.1


@dataclass(frozen=True, slots=True)
class OwnedNamespace:
    """A namespace that a run made. ``run`` is the run's id."""

    name: str
    uid: str
    run: str


async def owned_namespaces(api: Api, run: str | None = None) -> tuple[OwnedNamespace, ...]:
    """Namespaces with cni-probe's labels, of one run or of all, by name."""
    selector = ",".join(f"{key}={value}" for key, value in MANAGED_BY.items())
    selector += f",{RUN_LABEL}={run}" if run else f",{RUN_LABEL}"
    listed = await api.get("/api/v1/namespaces", labelSelector=selector)
    found = [
        OwnedNamespace(meta["name"], meta["uid"], meta["labels"][RUN_LABEL])
        for meta in (item["metadata"] for item in listed["items"])
    ]
    return tuple(sorted(found, key=lambda namespace: namespace.name))


async def remove(api: Api, namespaces: tuple[OwnedNamespace, ...], timeout: float = 120.0) -> tuple[str, ...]:
    """Delete the namespaces and wait; returns the names of those that are still there after ``timeout`` seconds.

    Raises ClusterError naming those that could not be deleted, after all were asked to go.
    """
    results = await asyncio.gather(*(_delete(api, namespace) for namespace in namespaces), return_exceptions=True)
    raise_failures([namespace.name for namespace in namespaces], results, "namespaces were not deleted", ClusterError)
    waiting = {namespace.uid: namespace.name for namespace in namespaces}
    deadline = time.monotonic() + timeout
    while waiting:
        present = {namespace.uid for namespace in await owned_namespaces(api)}
        waiting = {uid: name for uid, name in waiting.items() if uid in present}
        if waiting and time.monotonic() > deadline:
            break
        if waiting:
            await asyncio.sleep(_POLL_SECONDS)
    return tuple(sorted(waiting.values()))


async def _delete(api: Api, namespace: OwnedNamespace) -> None:
    try:
        await api.delete(f"/api/v1/namespaces/{namespace.name}", uid=namespace.uid)
    except ApiError as error:
        if error.code not in (404, 409):  # gone already, or terminating
            raise
