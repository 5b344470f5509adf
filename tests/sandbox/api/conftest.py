"""Every test of the API has a server of its own."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack

import aiohttp
import pytest

from tests.sandbox.api.server import Client, Server, api_server


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    async with api_server() as running:
        yield running


@pytest.fixture
def client(server: Server) -> Client:
    return server.client


@pytest.fixture
async def account_client(server: Server) -> AsyncIterator[Callable[[str, str], Awaitable[Client]]]:
    """A client with the token of a service account, which is made if it is missing."""
    async with AsyncExitStack() as stack:

        async def make(namespace: str, name: str) -> Client:
            if server.store.find("serviceaccounts", namespace, name) is None:
                meta = {"name": name, "namespace": namespace}
                server.store.create("serviceaccounts", {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": meta})
            headers = {"Authorization": f"Bearer {server.tokens.issue(namespace, name)}"}
            connector = aiohttp.TCPConnector(ssl=server.credentials.client_context())
            session = aiohttp.ClientSession(server.url, connector=connector, headers=headers)
            return Client(await stack.enter_async_context(session))

        yield make
