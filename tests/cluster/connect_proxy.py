"""A real HTTP proxy: CONNECT for https servers, whole requests for http ones. It resolves every name to one upstream,
so that tests can use names that are not loopback (which no environment variable sends to a proxy)."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

_CHUNK = 1 << 16


@dataclass
class Proxy:
    """``asked``: the request lines seen. ``login``: ``user:password`` that it wants. ``refuse``: a status it answers
    with. ``idle``: seconds after which a quiet tunnel is dropped; ``dropped`` counts them."""

    host: str = ""
    port: int = 0
    login: str = ""
    refuse: int = 0
    idle: float = 0.0
    asked: list[str] = field(default_factory=list)
    dropped: int = 0
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)

    @property
    def address(self) -> str:
        return f"{self.host}:{self.port}"

    @classmethod
    @asynccontextmanager
    async def to(cls, host: str, port: int, tls: ssl.SSLContext | None = None) -> AsyncIterator[Proxy]:
        """A proxy that leads to one upstream, whatever name it is asked for."""
        proxy = cls()

        async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            task = asyncio.current_task()
            assert task is not None
            proxy._tasks.add(task)
            try:
                with contextlib.suppress(OSError, asyncio.IncompleteReadError):
                    await proxy._serve(reader, writer, host, port)
            finally:
                proxy._tasks.discard(task)
                writer.transport.abort()

        server = await asyncio.start_server(connected, "127.0.0.1", 0, ssl=tls)
        proxy.host, proxy.port = server.sockets[0].getsockname()[:2]
        try:
            yield proxy
        finally:
            server.close()
            tasks = list(proxy._tasks)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, host: str, port: int) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        line = head.split(b"\r\n", 1)[0].decode()
        self.asked.append(line)
        wanted = f"basic {base64.b64encode(self.login.encode()).decode()}".lower().encode()
        if self.login and b"proxy-authorization: " + wanted not in head.lower():
            writer.write(b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n")
            await writer.drain()
            return
        if self.refuse:
            writer.write(f"HTTP/1.1 {self.refuse} No\r\nContent-Length: 0\r\n\r\n".encode())
            await writer.drain()
            return
        up_reader, up_writer = await asyncio.open_connection(host, port)
        try:
            if line.startswith("CONNECT "):
                writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
                await writer.drain()
            else:
                up_writer.write(head)
            copies = [asyncio.ensure_future(self._copy(reader, up_writer)),
                      asyncio.ensure_future(self._copy(up_reader, writer))]  # fmt: skip
            try:
                await asyncio.wait(copies, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for copy in copies:
                    copy.cancel()
                await asyncio.gather(*copies, return_exceptions=True)
        finally:
            up_writer.transport.abort()

    async def _copy(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            try:
                async with asyncio.timeout(self.idle or None):
                    data = await reader.read(_CHUNK)
            except TimeoutError:
                self.dropped += 1
                return
            if not data:
                return
            writer.write(data)
            await writer.drain()
