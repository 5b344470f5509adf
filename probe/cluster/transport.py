"""One exchange with an API server: the official client's session, with our TLS, proxy and credentials.

The client applies neither a proxy nor ``tls-server-name`` to WebSockets, so these are opened here. Nothing is repeated
here: that is ``retry``'s and ``api``'s to decide.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from typing import Any
from urllib.parse import urlencode

import aiohttp
from kubernetes.aio.client import ApiClient, Configuration
from multidict import CIMultiDict

from probe import __version__
from probe.cluster.access import Access
from probe.cluster.apierrors import Unreachable
from probe.cluster.credentials import ClientCertificate
from probe.cluster.tls import show_certificate
from probe.cluster.trouble import explain, is_final
from probe.model.errors import ClusterError

_MAX_TEXT = 64 * 1024


class NotTrusted(Unreachable):
    """Somebody answers, with a certificate that we do not trust: no use to try again."""


class HandshakeRefused(ClusterError):
    """A WebSocket was not opened: the server, or who stands between, answered with ``status`` and ``text``."""

    def __init__(self, status: int, text: str, retry_after: str) -> None:
        super().__init__(f"{status} {text}")
        self.status, self.text, self.retry_after = status, text, retry_after


class Transport:
    """Connections to one API server. ``streams`` bounds those that are open at once. Close it at the end.

    ``timeout`` (seconds) is for one exchange, ``heartbeat`` between the pings that keep quiet WebSockets open.
    Raises UsageError when the authority is no certificate.
    """

    def __init__(self, access: Access, *, streams: int, timeout: float, heartbeat: float) -> None:
        self.access = access
        self.timeout = timeout
        self._heartbeat = heartbeat
        self._context = access.trust.context()
        self._shown: ClientCertificate | None = None
        configuration = Configuration(host=access.server, connection_pool_maxsize=streams)
        configuration.proxy = None if access.proxy is None else str(access.proxy)
        # The client makes a context of its own before it gets ours: not one of all the system's authorities, which take
        # longer to read than a run's first requests.
        configuration.ca_cert_data = access.trust.text()
        configuration.tls_server_name = access.trust.server_name or None
        # netrc and the environment's proxies are not ours to use: proxies.py has decided.
        configuration.client_session_kwargs = {"trust_env": False}
        self._client = ApiClient(configuration)
        self._client.rest_client.ssl_context = self._context
        self._streams = streams
        self._websockets: aiohttp.ClientSession | None = None
        self._outdated: list[aiohttp.ClientSession] = []

    async def aclose(self) -> None:
        """Close all connections."""
        for session in [*self._outdated, self._websockets]:
            if session is not None:
                await session.close()
        await self._client.close()

    @asynccontextmanager
    async def exchange(
        self,
        method: str,
        path: str,
        query: Mapping[str, str],
        body: Mapping[str, Any] | None = None,
        content_type: str = "application/json",
        timeout: aiohttp.ClientTimeout | None = None,
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        """Send a request; the block reads the answer.

        Raises Unreachable (NotTrusted) for whatever goes wrong between the first byte and the end of the block, and
        ClusterError when there are no credentials.
        """
        headers = await self._headers()
        self._make_session()
        headers.extend({"Accept": "application/json", "Content-Type": content_type})
        url = f"{self.access.server}{path}" + (f"?{urlencode(query)}" if query else "")
        limit = timeout or aiohttp.ClientTimeout(total=self.timeout)
        with self._speaking():
            answer = await self._client.call_api(method, url, headers, body, _request_timeout=limit)
            async with answer.response as response:
                yield response

    async def websocket(self, path: str, protocols: Sequence[str]) -> aiohttp.ClientWebSocketResponse:
        """Open a WebSocket; ``path`` with its query. Raises HandshakeRefused, Unreachable, ClusterError."""
        headers = await self._headers()
        if self._websockets is None:
            self._websockets = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=self._streams, ssl=self._context),
                timeout=aiohttp.ClientTimeout(total=None, connect=self.timeout),
                raise_for_status=_raise_unless_switched,
            )
        with self._speaking():
            try:
                async with asyncio.timeout(self.timeout):
                    return await self._websockets.ws_connect(
                        self.access.server + path,
                        headers=headers,
                        protocols=protocols,
                        heartbeat=self._heartbeat,
                        proxy=self.access.proxy,
                        server_hostname=self.access.trust.server_name or None,
                    )
            except aiohttp.WSServerHandshakeError as error:  # "switching protocols", and then not to WebSocket
                raise HandshakeRefused(error.status, error.message, "") from error

    async def _headers(self) -> CIMultiDict[str]:
        """Those that every request has; puts a new client certificate to use on the way."""
        access = self.access
        certificate = await access.credentials.certificate() if access.server.startswith("https:") else None
        if certificate is not None and certificate != self._shown:
            show_certificate(self._context, certificate)
            if self._shown is not None:
                self._leave_old_connections()
            self._shown = certificate
        authorization = await access.credentials.authorization()
        headers = CIMultiDict({"User-Agent": f"cni-probe/{__version__}"})
        if authorization:
            headers["Authorization"] = authorization
        headers.extend(access.impersonation.headers())
        return headers

    def _make_session(self) -> None:
        """The client's session, made as it would by itself."""
        rest = self._client.rest_client
        if rest.pool_manager is None:
            rest.pool_manager = rest._create_pool_manager()
            # aiohttp silently repeats a DELETE whose connection broke. We have to know that the first may have been
            # handled: the second then finds nothing, or another object of the same name.
            rest.pool_manager._retry_connection = False

    def _leave_old_connections(self) -> None:
        """Make new connections from here on: those that are open were made with the certificate of before.

        They stay open until the end, for the exchanges that they are in the middle of.
        """
        rest = self._client.rest_client
        for session in (rest.pool_manager, self._websockets):
            if session is not None:
                self._outdated.append(session)
        rest.pool_manager = self._websockets = None

    @contextmanager
    def _speaking(self) -> Iterator[None]:
        """Turn what goes wrong from the first to the last byte of an exchange into our errors."""
        try:
            yield
        except (aiohttp.ClientError, OSError, ssl.SSLError) as error:  # TimeoutError is an OSError
            kind = NotTrusted if is_final(error) else Unreachable
            raise kind(explain(error, self.access, self.timeout)) from error


async def _raise_unless_switched(response: aiohttp.ClientResponse) -> None:
    """The words of who refuses a WebSocket, which aiohttp's own error does not have."""
    if response.status != 101:
        text = (await response.content.read(_MAX_TEXT)).decode(errors="replace")
        response.close()
        raise HandshakeRefused(response.status, text, response.headers.get("Retry-After", ""))
