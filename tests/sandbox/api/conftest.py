"""Every test of the API has a server of its own."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.sandbox.api.server import Client, Server, api_server


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    async with api_server() as running:
        yield running


@pytest.fixture
def client(server: Server) -> Client:
    return server.client
