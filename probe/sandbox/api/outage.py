"""The API server's sockets, and how it is not there for a while, as when a control plane is upgraded."""

from __future__ import annotations

import asyncio
import socket
import ssl
import struct
from collections.abc import Sequence

from aiohttp import web
from aiohttp.typedefs import Handler

_ABORT = struct.pack("ii", 1, 0)
"""SO_LINGER: close with a reset."""


class ApiServer:
    """A runner and the sockets that it serves. The listening sockets live as long as this: the port stays ours.

    The runner's application must have ``is_there`` among its middlewares.
    """

    def __init__(self, listeners: Sequence[socket.socket], ssl_context: ssl.SSLContext) -> None:
        self._listeners = listeners
        self._ssl_context = ssl_context
        self._away = 0
        self._runner: web.AppRunner

    async def serve(self, runner: web.AppRunner) -> None:
        """Serve what has been set up, until ``close``."""
        self._runner = runner
        await self.start()

    @web.middleware
    async def is_there(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """No connection outlives ``stop``: one that was still in its TLS handshake then is cut at its first request."""
        if self._away and request.transport is not None:
            request.transport.abort()
            raise web.HTTPServiceUnavailable  # nobody hears it, and nothing is done
        return await handler(request)

    async def start(self) -> None:
        """Serve, or serve again. Of several who have stopped it, the last one starts it."""
        self._away = max(self._away - 1, 0)
        if self._away:
            return
        for listener in self._listeners:
            asyncio.get_running_loop().remove_reader(listener)
            await web.SockSite(self._runner, listener.dup(), ssl_context=self._ssl_context).start()

    async def stop(self) -> None:
        """Cut every connection, and reset all that come until `start`."""
        self._away += 1
        if self._away > 1:
            return
        for site in list(self._runner.sites):
            await site.stop()
        for listener in self._listeners:
            asyncio.get_running_loop().add_reader(listener, _refuse, listener)
        assert self._runner.server is not None
        for connection in list(self._runner.server.connections):
            if connection.transport is not None:
                connection.transport.abort()

    async def close(self) -> None:
        """End it, with the watches and execs under way."""
        await self._runner.cleanup()
        for listener in self._listeners:
            asyncio.get_running_loop().remove_reader(listener)
            listener.close()


def _refuse(listener: socket.socket) -> None:
    try:
        connection, _ = listener.accept()
    except OSError:
        return  # gone again, or not there yet
    with connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _ABORT)
