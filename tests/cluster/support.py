"""An API server that answers everything as a test wants it to, and kubeconfigs that lead to it."""

from __future__ import annotations

import base64
import json
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import trustme
from aiohttp import web

from probe.cluster.api import Api
from probe.cluster.connect import Manners, connect

Answer: TypeAlias = Callable[[web.Request], Awaitable[web.StreamResponse]]


def kubeconfig(directory: Path, cluster: dict[str, Any], user: dict[str, Any] | None = None) -> Path:
    """A kubeconfig with one context; the user's token is ``t`` when nothing else is said."""
    path = directory / "kubeconfig"
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "c", "cluster": cluster}],
        "users": [{"name": "u", "user": {"token": "t"} if user is None else user}],
        "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u"}}],
        "current-context": "x",
    }
    path.write_text(json.dumps(config))
    return path


@asynccontextmanager
async def serving(
    directory: Path,
    answer: Answer,
    timeout: float = 5.0,
    notice: Callable[[str], None] = lambda message: None,
    user: dict[str, Any] | None = None,
    **manners: float,
) -> AsyncIterator[Api]:
    """A connection to a server that answers everything with ``answer``."""
    async with Server.start(answer) as server:
        path = kubeconfig(directory, {"server": server.url}, user)
        polite = Manners(request_timeout=timeout, **manners)  # type: ignore[arg-type]
        async with connect(str(path), manners=polite, notice=notice) as api:
            yield api


@dataclass
class Server:
    """A real server on loopback, which can go away and come back at the same port."""

    answer: Answer
    context: ssl.SSLContext | None = None
    port: int = 0
    _runner: web.AppRunner | None = None

    @classmethod
    @asynccontextmanager
    async def start(cls, answer: Answer, context: ssl.SSLContext | None = None) -> AsyncIterator[Server]:
        """As long as the block. With ``context`` it speaks TLS."""
        server = cls(answer, context)
        await server.come_back()
        try:
            yield server
        finally:
            await server.go_away()

    @property
    def url(self) -> str:
        return f"{'https' if self.context else 'http'}://127.0.0.1:{self.port}"

    async def come_back(self) -> None:
        """Listen, at the port of before."""
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self.answer)
        self._runner = web.AppRunner(app, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self.port, ssl_context=self.context).start()
        self.port = self._runner.addresses[0][1]

    async def go_away(self) -> None:
        """Listen no more, and end every connection."""
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None


def server_context(authority: trustme.CA, *names: str, **issue: Any) -> ssl.SSLContext:
    """TLS of a server with a certificate for ``names``."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert(*(names or ("127.0.0.1",)), **issue).configure_cert(context)
    return context


def data(blob: trustme.Blob | bytes) -> str:
    """PEM as a kubeconfig's ``*-data`` has it."""
    return base64.b64encode(blob if isinstance(blob, bytes) else blob.bytes()).decode()


def status(code: int, message: str, **headers: str) -> web.Response:
    """An error ``Status``."""
    body = {"kind": "Status", "apiVersion": "v1", "status": "Failure", "message": message, "code": code}
    return web.json_response(
        body, status=code, headers={name.replace("_", "-"): text for name, text in headers.items()}
    )


async def version(request: web.Request) -> web.StreamResponse:
    """What a server says at ``/version``."""
    return web.json_response({"gitVersion": "v1.34.0"})
