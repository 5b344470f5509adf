"""Removing what runs made: by label and UID, and waiting until it is really gone.

Everything lives in namespaces of a run's own, so removing these removes everything.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from datetime import datetime

from probe.cluster.api import Api, ApiError, Json, Unreachable
from probe.cluster.failures import raise_failures
from probe.cluster.objects import MANAGED_BY, RUN_LABEL
from probe.model.errors import ClusterError

_POLL_SECONDS, _LONGEST_PAUSE = 0.1, 2.0
_PASSING = (429, 500, 502, 503, 504)
"""Statuses of a server that is busy or about to restart."""


@dataclass(frozen=True, slots=True)
class OwnedNamespace:
    """A namespace that a run made. ``run`` is the run's id, ``created`` when it was made, on the server's clock."""

    name: str
    uid: str
    run: str
    created: datetime


async def owned_namespaces(api: Api, run: str | None = None) -> tuple[OwnedNamespace, ...]:
    """Namespaces with cni-probe's labels, of one run or of all, by name."""
    found = [
        OwnedNamespace(
            meta["name"], meta["uid"], meta["labels"][RUN_LABEL], datetime.fromisoformat(meta["creationTimestamp"])
        )
        for meta in (item["metadata"] for item in await _owned(api, run))
    ]
    return tuple(sorted(found, key=lambda namespace: namespace.name))


async def _owned(api: Api, run: str | None = None) -> list[Json]:
    selector = ",".join(f"{key}={value}" for key, value in MANAGED_BY.items())
    selector += f",{RUN_LABEL}={run}" if run else f",{RUN_LABEL}"
    items: list[Json] = (await api.get("/api/v1/namespaces", labelSelector=selector))["items"]
    return items


async def remove(api: Api, namespaces: tuple[OwnedNamespace, ...], timeout: float = 120.0) -> dict[str, str]:
    """Delete the namespaces and wait; returns those that are still there after ``timeout`` seconds, with the cause.

    An API server that is away is waited for, too. Raises ClusterError naming those that could not be deleted, after
    all were asked to go, and when nobody can tell whether they are gone.
    """
    deadline = time.monotonic() + timeout
    await _delete_all(api, namespaces, deadline)
    waiting = {namespace.uid: namespace for namespace in namespaces}
    present: dict[str, Json] = {}
    while True:
        try:
            present = {item["metadata"]["uid"]: item for item in await _owned(api)}
        except ClusterError:
            if time.monotonic() > deadline:
                raise
        else:
            waiting = {uid: namespace for uid, namespace in waiting.items() if uid in present}
            if not waiting or time.monotonic() > deadline:
                break
        await asyncio.sleep(_POLL_SECONDS)
    left = sorted(waiting.values(), key=lambda namespace: namespace.name)
    return {namespace.name: _terminating_cause(present[namespace.uid]) for namespace in left}


async def _delete_all(api: Api, namespaces: tuple[OwnedNamespace, ...], deadline: float) -> None:
    """Ask every namespace to go, again and again as long as there is time and hope. Raises ClusterError."""
    todo, pause = namespaces, _POLL_SECONDS
    while True:
        results = await asyncio.gather(*(_delete(api, namespace) for namespace in todo), return_exceptions=True)
        failed = [(each, result) for each, result in zip(todo, results, strict=True) if result is not None]
        hopeful = all(_may_pass(result) for _, result in failed)
        if not failed or not hopeful or time.monotonic() + pause > deadline:
            raise_failures([each.name for each in todo], results, "namespaces were not deleted", ClusterError)
            return
        todo = tuple(each for each, _ in failed)
        await asyncio.sleep(pause)
        pause = min(2 * pause, _LONGEST_PAUSE)


def _may_pass(error: object) -> bool:
    """Whether what kept a namespace may be over soon: the server was away, or has failed; not that it refused."""
    return isinstance(error, Unreachable) or (isinstance(error, ApiError) and error.code in _PASSING)


def _terminating_cause(namespace: Json) -> str:
    """Why a namespace does not go, in its own words (NamespaceCondition)."""
    conditions = namespace.get("status", {}).get("conditions") or []
    causes = [condition.get("message", "") for condition in conditions if condition["status"] == "True"]
    finalizers = namespace["metadata"].get("finalizers")
    if finalizers:
        causes.append(f"finalizers of its own: {', '.join(finalizers)}")
    return "; ".join(cause for cause in causes if cause)


async def _delete(api: Api, namespace: OwnedNamespace) -> None:
    try:
        await api.delete(f"/api/v1/namespaces/{namespace.name}", uid=namespace.uid)
    except ApiError as error:
        if error.code not in (404, 409):  # gone already, or terminating
            raise
