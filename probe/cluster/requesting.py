"""Single requests: paced, with credentials that are renewed once, and again only when the server handled nothing.

What may be repeated after a lost answer is a matter of the verb: ``api`` knows.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

import aiohttp

from probe.cluster.apierrors import ApiError, LoginRefused, Unreachable, WatchExpired, api_error
from probe.cluster.pacing import RequestPace
from probe.cluster.retry import BUSY, PASSING, Patience, Tries
from probe.cluster.transport import HandshakeRefused, Transport
from probe.model.errors import ClusterError

JSON = "application/json"


def is_passing(error: ApiError | Unreachable) -> bool:
    """Whether the same request may succeed a moment later: the server is away, restarts, or has a fault."""
    return isinstance(error, Unreachable) or error.code in PASSING


class Requests:
    """What goes to one API server."""

    def __init__(self, transport: Transport, pace: RequestPace, patience: Patience) -> None:
        self.transport = transport
        self.patience = patience
        self._pace = pace

    async def once(
        self,
        method: str,
        path: str,
        query: Mapping[str, str],
        body: Mapping[str, Any] | None = None,
        content_type: str = JSON,
    ) -> dict[str, Any]:
        """A request that the server handles once at most. Raises ApiError, Unreachable, WatchExpired, ClusterError."""
        what, attempts = f"{method.lower()} {path}", self._attempts()
        while True:
            await self._pace.take()
            async with self.transport.exchange(method, path, query, body, content_type) as response:
                text = await response.text(errors="replace")
            self.patience.answered()
            if response.status < 400:
                return self._object(what, text)
            await attempts.again_after(_refusal(what, response, text))

    @asynccontextmanager
    async def streaming(
        self, path: str, query: Mapping[str, str], quiet: float
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        """The answer to a GET that goes on: bounded by ``quiet`` seconds without a byte, not in all. Raises as once."""
        timeout = aiohttp.ClientTimeout(total=None, connect=self.transport.timeout, sock_read=quiet)
        attempts = self._attempts()
        while True:
            await self._pace.take()
            async with self.transport.exchange("GET", path, query, timeout=timeout) as response:
                self.patience.answered()
                if response.status < 400:
                    yield response
                    return
                error = _refusal(f"watch {path}", response, await response.text(errors="replace"))
            await attempts.again_after(error)

    async def websocket(self, path: str, protocols: Sequence[str]) -> aiohttp.ClientWebSocketResponse:
        """Open a WebSocket; ``path`` with its query. Waits for a server that is busy (429) or cannot be reached.

        Raises HandshakeRefused for another answer than a WebSocket, LoginRefused, Unreachable, ClusterError.
        """
        attempts = self._attempts()
        while True:
            await self._pace.take()
            try:
                socket = await self.transport.websocket(path, protocols)
            except Unreachable as error:
                await attempts.tries.pause_after(error)
            except HandshakeRefused as refusal:
                self.patience.answered()
                if refusal.status not in (401, BUSY):
                    raise
                await attempts.again_after(api_error("exec", refusal.status, refusal.text, refusal.retry_after))
            else:
                self.patience.answered()
                return socket

    def _attempts(self) -> _Attempts:
        return _Attempts(self.transport, self.patience.tries())

    def _object(self, what: str, text: str) -> dict[str, Any]:
        try:
            data = json.loads(text)
        except ValueError:
            data = None
        if not isinstance(data, dict):
            server = self.transport.access.server
            raise ClusterError(
                f"{what}: {server} did not answer as a Kubernetes API server does; check the address, and whether "
                f"a proxy stands between; its answer: {text.strip()[:80]!r}"
            )
        return data


class _Attempts:
    """The attempts of one request: which refusals are worth another."""

    def __init__(self, transport: Transport, tries: Tries) -> None:
        self.tries = tries
        self._access = transport.access
        self._renewed = False

    async def again_after(self, error: ApiError | WatchExpired) -> None:
        """Get ready for another attempt. Raises ``error`` when there is no use in one, LoginRefused for a 401."""
        if isinstance(error, WatchExpired) or error.code not in (401, BUSY):
            raise error
        if error.code == BUSY:
            await self.tries.pause_after(error)
        elif self._renewed or not await self._access.credentials.renew():
            raise self._login_refused(error)
        else:
            self._renewed = True

    def _login_refused(self, error: ApiError) -> LoginRefused:
        credentials, access = self._access.credentials, self._access
        said = error.message or "Unauthorized"
        again = ", also not those of a moment ago" if self._renewed else ""
        return LoginRefused(
            f"{access.server} does not accept {credentials.source}{again}", 401, error.reason,
            f"{said} (401); they are wrong or have expired: {credentials.remedy}",
        )  # fmt: skip


def _refusal(what: str, response: aiohttp.ClientResponse, text: str) -> ApiError | WatchExpired:
    return api_error(what, response.status, text, response.headers.get("Retry-After", ""))
