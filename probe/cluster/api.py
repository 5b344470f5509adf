"""Requests to the API server as plain JSON, with the official client's transport and credentials.

Knows verbs, ``Status`` errors and retries; knows nothing of fleets or probes.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, TypeAlias

import aiohttp
from kubernetes.aio.client import ApiClient
from kubernetes.aio.stream import WsApiClient

from probe.model.errors import ClusterError

Json: TypeAlias = dict[str, Any]

MERGE_PATCH = "application/merge-patch+json"
APPLY_PATCH = "application/apply-patch+yaml"
FIELD_MANAGER = "cni-probe"

_RETRY_STATUSES = (429, 502, 503, 504)
_RETRIES = 6
_WATCH_SECONDS = 240
_WATCH_PAUSE = 0.2
_WATCH_PATIENCE = 60.0
"""How long a watch that lost its server tries to come back, in seconds: an API server takes a while to restart."""


class ApiError(ClusterError):
    """The API server answered with an error ``Status``; ``code`` is the HTTP status, ``reason`` its reason."""

    def __init__(self, what: str, code: int, reason: str, message: str) -> None:
        super().__init__(f"{what}: {message or reason or code}")
        self.code = code
        self.reason = reason
        self.message = message


class Unreachable(ClusterError):
    """The API server could not be reached, or did not answer to the end."""


class WatchExpired(ClusterError):
    """A watch's resourceVersion is too old (410 Gone): list again."""


class Api:
    """A connection to one API server. Use as an async context manager."""

    def __init__(self, client: ApiClient, websocket_client: WsApiClient, *, request_timeout: float = 30.0) -> None:
        self._client = client
        self._websockets = websocket_client
        self._timeout = request_timeout

    @property
    def server(self) -> str:
        """The URL of the API server."""
        return str(self._client.configuration.host)

    @property
    def websockets(self) -> WsApiClient:
        """The client for ``exec`` streams: same credentials, WebSocket transport."""
        return self._websockets

    async def __aenter__(self) -> Api:
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self._client.close()
        await self._websockets.close()

    async def get(self, path: str, **query: str) -> Json:
        """GET an object or a list. Raises ApiError, ClusterError."""
        return await self._request("GET", path, query)

    async def create(self, path: str, body: Mapping[str, Any]) -> Json:
        """POST an object to a collection. Raises ApiError (409 when it exists), ClusterError.

        Never abandoned: who is cancelled meanwhile waits for the answer, so that cleaning up finds what was made.
        """
        request = asyncio.create_task(self._request("POST", path, {"fieldManager": FIELD_MANAGER}, body))
        try:
            return await asyncio.shield(request)
        except asyncio.CancelledError:
            await asyncio.wait({request})
            request.exception()  # seen: nobody else will ask for it
            raise

    async def merge(self, path: str, body: Mapping[str, Any]) -> Json:
        """JSON merge patch (RFC 7396) of an object."""
        return await self._request("PATCH", path, {"fieldManager": FIELD_MANAGER}, body, MERGE_PATCH)

    async def apply(self, path: str, body: Mapping[str, Any]) -> Json:
        """Server-side apply: create or update, taking over conflicting fields."""
        query = {"fieldManager": FIELD_MANAGER, "force": "true", "fieldValidation": "Strict"}
        return await self._request("PATCH", path, query, body, APPLY_PATCH)

    async def delete(self, path: str, *, uid: str | None = None, grace_seconds: int | None = None) -> Json:
        """DELETE an object; with ``uid`` only if it is still that one. Raises ApiError (404 when it is gone)."""
        options: Json = {"apiVersion": "v1", "kind": "DeleteOptions", "propagationPolicy": "Background"}
        if uid is not None:
            options["preconditions"] = {"uid": uid}
        if grace_seconds is not None:
            options["gracePeriodSeconds"] = grace_seconds
        return await self._request("DELETE", path, {}, options)

    async def watch(self, path: str, resource_version: str, **query: str) -> AsyncGenerator[tuple[str, Json], None]:
        """Yield ``(type, object)`` from ``resource_version`` on, reconnecting until the caller stops.

        Raises WatchExpired when the version is too old, ApiError for another refusal, Unreachable when the server
        stays away. Bookmarks are not yielded.
        """
        version = resource_version
        window = {"watch": "true", "allowWatchBookmarks": "true", "timeoutSeconds": str(_WATCH_SECONDS)}
        while True:
            response = await self._open_watch(path, query | window | {"resourceVersion": version})
            try:
                async with response:
                    async for kind, obj in _watch_events(f"watch {path}", response):
                        version = obj.get("metadata", {}).get("resourceVersion", version)
                        if kind != "BOOKMARK":
                            yield kind, obj
            except (aiohttp.ClientError, OSError):
                pass  # the server hung up: resume where we were
            await asyncio.sleep(_WATCH_PAUSE)

    async def _open_watch(self, path: str, query: Mapping[str, str]) -> aiohttp.ClientResponse:
        """A watch's response, also from a server that is away for a moment."""
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=self._timeout, sock_read=_WATCH_SECONDS + 30.0)
        deadline = time.monotonic() + _WATCH_PATIENCE
        while True:
            try:
                with self._speaking("GET", path):
                    response = await self._send("GET", path, query, None, "application/json", timeout)
                    if response.status >= 400:
                        async with response:
                            await _raise_for_status(f"watch {path}", response)
                    return response
            except (Unreachable, ApiError) as error:
                final = isinstance(error, ApiError) and error.code not in _RETRY_STATUSES
                if final or time.monotonic() > deadline:
                    raise
            await asyncio.sleep(_WATCH_PAUSE)

    async def _request(
        self,
        method: str,
        path: str,
        query: Mapping[str, str],
        body: Mapping[str, Any] | None = None,
        content_type: str = "application/json",
    ) -> Json:
        """Send once, or again while the server says "busy"; a write is only repeated if it was not handled."""
        what = f"{method.lower()} {path}"
        deadline = time.monotonic() + self._timeout
        for attempt in range(_RETRIES + 1):
            timeout = aiohttp.ClientTimeout(total=self._timeout)
            with self._speaking(method, path):
                response = await self._send(method, path, query, body, content_type, timeout)
                async with response:
                    busy = response.status == 429 or (response.status in _RETRY_STATUSES and method == "GET")
                    pause = _retry_after(response, attempt)
                    if not busy or attempt == _RETRIES or time.monotonic() + pause > deadline:
                        await _raise_for_status(what, response)
                        return self._object(what, await response.text())
            await asyncio.sleep(pause)
        raise AssertionError("unreachable: the last attempt returns or raises")

    async def _send(
        self,
        method: str,
        path: str,
        query: Mapping[str, str],
        body: Mapping[str, Any] | None,
        content_type: str,
        timeout: aiohttp.ClientTimeout,
    ) -> aiohttp.ClientResponse:
        headers = {"Accept": "application/json", "Content-Type": content_type}
        _, url, headers, payload, _ = await self._client.param_serialize(
            method=method,
            resource_path=path,
            query_params=list(query.items()),
            header_params=headers,
            body=body,
            auth_settings=["BearerToken"],
        )
        response = await self._client.call_api(method, url, headers, payload, _request_timeout=timeout)
        raw: aiohttp.ClientResponse = response.response
        return raw

    @contextmanager
    def _speaking(self, method: str, path: str) -> Iterator[None]:
        """Turn what goes wrong from the first to the last byte of an exchange into our errors."""
        try:
            yield
        except TimeoutError as error:
            raise Unreachable(f"{self.server} did not answer within {self._timeout:g} s ({method} {path})") from error
        except (aiohttp.ClientError, OSError) as error:
            raise Unreachable(f"cannot reach the API server {self.server}: {error}") from error

    def _object(self, what: str, text: str) -> Json:
        try:
            data = json.loads(text)
        except ValueError:
            data = None
        if not isinstance(data, dict):
            raise ClusterError(
                f"{what}: {self.server} did not answer as a Kubernetes API server does; check the address, and whether "
                f"a proxy stands between; its answer: {text.strip()[:80]!r}"
            )
        return data


async def _watch_events(what: str, response: aiohttp.ClientResponse) -> AsyncIterator[tuple[str, Json]]:
    """The events of one watch response. Raises WatchExpired or ApiError for one that is an error."""
    async for line in response.content:
        if not line.strip():
            continue
        event = json.loads(line)
        if event["type"] == "ERROR":
            status = event["object"]
            if status.get("code") == 410:
                raise WatchExpired(f"{what}: {status.get('message', 'expired')}")
            raise ApiError(what, status.get("code", 0), "", status.get("message", ""))
        yield event["type"], event["object"]


def _retry_after(response: aiohttp.ClientResponse, attempt: int) -> float:
    """Seconds to wait before the next try: the server's word (Retry-After), else exponential back-off."""
    header = response.headers.get("Retry-After", "")
    return float(header) if header.isdecimal() else float(min(0.1 * 2**attempt, 5.0))


async def _raise_for_status(what: str, response: aiohttp.ClientResponse) -> None:
    if response.status < 400:
        return
    text = await response.text()
    try:
        status = json.loads(text)
    except ValueError:
        status = {}
    if not isinstance(status, dict):
        status = {}
    message = status.get("message") or text.strip()[:500]
    if response.status == 410:
        raise WatchExpired(f"{what}: {message}")
    raise ApiError(what, response.status, status.get("reason", ""), message)
