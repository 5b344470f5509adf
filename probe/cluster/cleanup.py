"""Removing what runs made: by label and UID, and waiting until it is really gone.

Everything but cluster-scoped policies lives in namespaces of a run's own, so removing these removes everything.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import quote

from probe.cluster.api import Api, ApiError, Json, Unreachable
from probe.cluster.failures import raise_failures
from probe.cluster.objects import MANAGED_BY, RUN_LABEL
from probe.cluster.resources import collection_path
from probe.model.errors import ClusterError

_NAMESPACE = "namespace"
_POLL_SECONDS, _LONGEST_PAUSE = 0.1, 2.0
_PASSING = (429, 500, 502, 503, 504)
"""Statuses of a server that is busy or about to restart."""


@dataclass(frozen=True, slots=True)
class Owned:
    """Something that a run made: a namespace, or a policy that is in none. ``kind`` as in `ObjectRef`.

    ``run`` is the run's id, ``created`` when it was made, on the server's clock.
    """

    kind: str
    name: str
    uid: str
    run: str
    created: datetime

    @property
    def is_namespace(self) -> bool:
        """Whether it is a namespace, and all that is in it."""
        return self.kind == _NAMESPACE

    @property
    def path(self) -> str:
        """Where it is."""
        return f"{collection_path(self.kind)}/{quote(self.name)}"

    def __str__(self) -> str:
        return self.name if self.kind == _NAMESPACE else f"{self.kind}/{self.name}"


async def owned_namespaces(api: Api, run: str | None = None) -> tuple[Owned, ...]:
    """Namespaces with cni-probe's labels, of one run or of all, by name."""
    return await _of_kind(api, _NAMESPACE, run)


async def owned_policies(api: Api, kinds: Collection[str], run: str | None = None) -> tuple[Owned, ...]:
    """Cluster-scoped policies of these kinds with cni-probe's labels. Raises ApiError 403 where nobody may look."""
    found = [await _of_kind(api, kind, run) for kind in sorted(kinds)]
    return tuple(owned for each in found for owned in each)


async def _of_kind(api: Api, kind: str, run: str | None) -> tuple[Owned, ...]:
    found = []
    for meta in (item["metadata"] for item in await _list(api, kind, run)):
        created = datetime.fromisoformat(meta["creationTimestamp"])
        found.append(Owned(kind, meta["name"], meta["uid"], meta["labels"][RUN_LABEL], created))
    return tuple(sorted(found, key=lambda owned: owned.name))


async def _list(api: Api, kind: str, run: str | None = None) -> list[Json]:
    selector = ",".join(f"{key}={value}" for key, value in MANAGED_BY.items())
    selector += f",{RUN_LABEL}={run}" if run else f",{RUN_LABEL}"
    items: list[Json] = (await api.get(collection_path(kind), labelSelector=selector))["items"]
    return items


async def remove(api: Api, owned: tuple[Owned, ...], timeout: float = 120.0) -> dict[str, str]:
    """Delete it all and wait; returns what is still there after ``timeout`` seconds, with the cause.

    An API server that is away is waited for, too. Raises ClusterError naming those that could not be deleted, after
    all were asked to go, and when nobody can tell whether they are gone.
    """
    deadline = time.monotonic() + timeout
    await _delete_all(api, owned, deadline)
    waiting = {each.uid: each for each in owned}
    present: dict[str, Json] = {}
    while True:
        try:
            kinds = sorted({each.kind for each in waiting.values()})
            present = {item["metadata"]["uid"]: item for kind in kinds for item in await _list(api, kind)}
        except ClusterError:
            if time.monotonic() > deadline:
                raise
        else:
            waiting = {uid: each for uid, each in waiting.items() if uid in present}
            if not waiting or time.monotonic() > deadline:
                break
        await asyncio.sleep(_POLL_SECONDS)
    left = sorted(waiting.values(), key=str)
    return {str(each): _terminating_cause(present[each.uid]) for each in left}


async def _delete_all(api: Api, owned: tuple[Owned, ...], deadline: float) -> None:
    """Ask all to go, again and again as long as there is time and hope. Raises ClusterError."""
    todo, pause = owned, _POLL_SECONDS
    while True:
        results = await asyncio.gather(*(_delete(api, each) for each in todo), return_exceptions=True)
        failed = [(each, result) for each, result in zip(todo, results, strict=True) if result is not None]
        hopeful = all(_may_pass(result) for _, result in failed)
        if not failed or not hopeful or time.monotonic() + pause > deadline:
            what = "namespaces" if all(each.kind == _NAMESPACE for each in todo) else "objects"
            raise_failures([str(each) for each in todo], results, f"{what} were not deleted", ClusterError)
            return
        todo = tuple(each for each, _ in failed)
        await asyncio.sleep(pause)
        pause = min(2 * pause, _LONGEST_PAUSE)


def _may_pass(error: object) -> bool:
    """Whether what kept it may be over soon: the server was away, or has failed; not that it refused."""
    return isinstance(error, Unreachable) or (isinstance(error, ApiError) and error.code in _PASSING)


def _terminating_cause(obj: Json) -> str:
    """Why something does not go: a namespace says it in its own words (NamespaceCondition)."""
    status = obj.get("status", {})
    conditions = (status.get("conditions") or []) if "phase" in status else []
    causes = [condition.get("message", "") for condition in conditions if condition["status"] == "True"]
    finalizers = obj["metadata"].get("finalizers")
    if finalizers:
        causes.append(f"finalizers of its own: {', '.join(finalizers)}")
    return "; ".join(cause for cause in causes if cause)


async def _delete(api: Api, owned: Owned) -> None:
    try:
        await api.delete(owned.path, uid=owned.uid)
    except ApiError as error:
        if error.code not in (404, 409):  # gone already, or terminating
            raise
