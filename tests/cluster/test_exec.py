"""Opening exec streams: what may go away by itself is tried again, what will not is said at once."""

from __future__ import annotations

from pathlib import Path

import pytest
from aiohttp import web

from probe.cluster.exec import exec_stream
from probe.model.errors import ClusterError
from tests.cluster.support import serving


async def test_a_kubelet_that_does_not_know_the_container_yet_is_asked_again(tmp_path: Path) -> None:
    asked = 0

    async def answer(request: web.Request) -> web.StreamResponse:
        nonlocal asked
        asked += 1
        if asked <= 2:
            return web.Response(status=500, text="container not found")
        socket = web.WebSocketResponse(protocols=("v4.channel.k8s.io",))
        await socket.prepare(request)
        await socket.send_bytes(b"\x01hello")
        await socket.close()
        return socket

    async with serving(tmp_path, answer) as api:
        stream = await exec_stream(api, "shop", "server", "agent", ("relay",))
        assert await stream.read() == b"hello"
        await stream.aclose()
    assert asked == 3


async def test_a_missing_permission_is_named_at_once(tmp_path: Path) -> None:
    asked = 0

    async def answer(request: web.Request) -> web.StreamResponse:
        nonlocal asked
        asked += 1
        return web.Response(status=403)

    async with serving(tmp_path, answer) as api:
        with pytest.raises(ClusterError, match=r"exec in shop/server was refused: 403.*get and create on pods/exec"):
            await exec_stream(api, "shop", "server", "agent", ("relay",))
    assert asked == 1
