"""Requests to the API server as plain JSON: verbs, and which of them are repeated after what.

Reads and writes that come to the same when they are done twice are repeated while the server is busy, restarts or
cannot be reached; so is a creation by name, which is looked for when the second is refused. Knows nothing of fleets.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from typing import Any, TypeAlias

import aiohttp

from probe.cluster.apierrors import ApiError, LoginRefused, Unreachable, WatchExpired
from probe.cluster.requesting import JSON, Requests, is_passing
from probe.cluster.retry import Tries
from probe.cluster.traffic import Traffic
from probe.cluster.transport import HandshakeRefused
from probe.cluster.watching import QUIET_SECONDS, watch

__all__ = ["Api", "ApiError", "HandshakeRefused", "Json", "LoginRefused", "Unreachable", "WatchExpired"]

Json: TypeAlias = dict[str, Any]

MERGE_PATCH = "application/merge-patch+json"
APPLY_PATCH = "application/apply-patch+yaml"
FIELD_MANAGER = "cni-probe"

_QUESTIONS = ("/apis/authorization.k8s.io/", "/apis/authentication.k8s.io/")
"""What is POSTed there makes no object, so that it may be asked again."""


class Api:
    """A connection to one API server. Use as an async context manager. ``exec_traffic`` counts what exec carries."""

    def __init__(self, requests: Requests, *, quiet_watch: float = QUIET_SECONDS) -> None:
        self.exec_traffic = Traffic()
        self._requests = requests
        self._quiet_watch = quiet_watch

    @property
    def server(self) -> str:
        """The URL of the API server."""
        return self._requests.transport.access.server

    async def __aenter__(self) -> Api:
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self._requests.transport.aclose()

    async def get(self, path: str, **query: str) -> Json:
        """GET an object or a list. Raises ApiError, ClusterError."""
        return await self._repeat("GET", path, query)

    async def create(self, path: str, body: Mapping[str, Any]) -> Json:
        """POST an object to a collection. Raises ApiError (409 when it exists), ClusterError.

        Never abandoned: who is cancelled meanwhile waits for the answer, so that cleaning up finds what was made.
        """
        if path.startswith(_QUESTIONS):
            return await self._repeat("POST", path, {}, body)
        creation = _Creation(self, self._requests, path, body)
        request = asyncio.create_task(creation.run())
        try:
            return await asyncio.shield(request)
        except asyncio.CancelledError:
            creation.last_try = True
            await asyncio.wait({request})
            if not request.cancelled():
                request.exception()  # seen: nobody else will ask for it
            raise

    async def merge(self, path: str, body: Mapping[str, Any]) -> Json:
        """JSON merge patch (RFC 7396) of an object."""
        return await self._repeat("PATCH", path, {"fieldManager": FIELD_MANAGER}, body, MERGE_PATCH)

    async def apply(self, path: str, body: Mapping[str, Any]) -> Json:
        """Server-side apply: create or update, taking over conflicting fields."""
        query = {"fieldManager": FIELD_MANAGER, "force": "true", "fieldValidation": "Strict"}
        return await self._repeat("PATCH", path, query, body, APPLY_PATCH)

    async def delete(self, path: str, *, uid: str | None = None, grace_seconds: int | None = None) -> Json:
        """DELETE an object; with ``uid`` only if it is still that one. Raises ApiError (404 when it is gone).

        With a ``uid`` it is repeated when its answer was lost. That the object is then gone (404), or another has its
        name (409), is a success with nothing to return.
        """
        options: Json = {"apiVersion": "v1", "kind": "DeleteOptions", "propagationPolicy": "Background"}
        if uid is not None:
            options["preconditions"] = {"uid": uid}
        if grace_seconds is not None:
            options["gracePeriodSeconds"] = grace_seconds
        tries, lost = self._requests.patience.tries(), False
        while True:
            try:
                return await self._requests.once("DELETE", path, {}, options)
            except (ApiError, Unreachable) as error:
                if lost and isinstance(error, ApiError) and error.code in (404, 409):
                    return {}
                if uid is None or not is_passing(error):
                    raise
                lost = True
                await tries.pause_after(error)

    async def watch(self, path: str, resource_version: str, **query: str) -> AsyncGenerator[tuple[str, Json], None]:
        """Yield ``(type, object)`` from ``resource_version`` on, reconnecting until the caller stops.

        Raises WatchExpired when the version is too old, ApiError for another refusal, Unreachable when the server
        stays away. Bookmarks are not yielded.
        """
        async with aclosing(watch(self._requests, path, resource_version, query, self._quiet_watch)) as events:
            async for event in events:
                yield event

    async def once(
        self, method: str, path: str, query: Mapping[str, str], body: Mapping[str, Any] | None = None
    ) -> Json:
        """A request as it is, never repeated after it may have been handled. Raises ApiError, ClusterError."""
        return await self._requests.once(method, path, query, body)

    async def websocket(self, path: str, protocols: Sequence[str]) -> aiohttp.ClientWebSocketResponse:
        """Open a WebSocket; ``path`` with its query. Waits for a server that is busy (429) or cannot be reached.

        Raises HandshakeRefused (its status and text) for an answer that is no WebSocket, LoginRefused, ClusterError.
        """
        return await self._requests.websocket(path, protocols)

    def tries(self) -> Tries:
        """For something that is about to be tried, perhaps several times."""
        return self._requests.patience.tries()

    async def _repeat(
        self,
        method: str,
        path: str,
        query: Mapping[str, str],
        body: Mapping[str, Any] | None = None,
        content_type: str = JSON,
    ) -> Json:
        """A request that may be done twice: until it is answered, or patience is over."""
        tries = self._requests.patience.tries()
        while True:
            try:
                return await self._requests.once(method, path, query, body, content_type)
            except (ApiError, Unreachable) as error:
                if not is_passing(error):
                    raise
                await tries.pause_after(error)


class _Creation:
    """A POST whose answer may be lost: when it is refused at another try, the first one may be why.

    ``last_try``: nobody waits for the object any more; what is under way is seen to its end, and nothing repeated.
    """

    def __init__(self, api: Api, requests: Requests, path: str, body: Mapping[str, Any]) -> None:
        self._api, self._requests = api, requests
        self._path, self._body = path, body
        self._name = str(body.get("metadata", {}).get("name") or "")
        self.last_try = False

    async def run(self) -> Json:
        """Raises ApiError, Unreachable, ClusterError."""
        tries, lost = self._requests.patience.tries(), False
        while True:
            try:
                return await self._requests.once("POST", self._path, {"fieldManager": FIELD_MANAGER}, self._body)
            except (ApiError, Unreachable) as error:
                if not is_passing(error):  # it exists (409), or has used up the quota (403)
                    made = await self._made() if lost else None
                    if made is None:
                        raise
                    return made
                if not self._name or self.last_try:
                    raise
                lost = True
                await tries.pause_after(error)
                if self.last_try:
                    raise

    async def _made(self) -> Json | None:
        """The object, if our lost request has made it."""
        try:
            found = await self._api.get(f"{self._path}/{self._name}")
        except ApiError as error:
            if error.code in (403, 404):  # never made, or not ours to look at: the refusal stands
                return None
            raise
        return found if _is_from(self._body, found) else None


def _is_from(body: Mapping[str, Any], found: Json) -> bool:
    """Whether an object was made from ``body``, by its labels (the run's id among them) and its field manager.

    The rest may differ: the server fills in defaults, writes quantities anew, and admission plugins change things.
    """
    labels = body["metadata"].get("labels") or {}
    metadata = found.get("metadata", {})
    managers = {entry.get("manager") for entry in metadata.get("managedFields") or ()}
    return (
        bool(labels)
        and labels.items() <= (metadata.get("labels") or {}).items()
        and (not managers or FIELD_MANAGER in managers)
        and "deletionTimestamp" not in metadata
    )
