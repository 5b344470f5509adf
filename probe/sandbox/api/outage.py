"""The API server's sockets, and how it is not there for a while, as when a control plane is upgraded."""

from __future__ import annotations

import asyncio
import socket
import ssl
import struct
from collections.abc import Sequence

from aiohttp import web

_ABORT = struct.pack("ii", 1, 0)
"""SO_LINGER: close with a reset."""


class ApiServer:
    """A runner and the sockets that it serves. The listening sockets live as long as this: the port stays ours."""

    def __init__(self, runner: web.AppRunner, listeners: Sequence[socket.socket], ssl_context: ssl.SSLContext) -> None:
        self._runner = runner
        self._listeners = listeners
        self._ssl_context = ssl_context
        self._away = 0

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
